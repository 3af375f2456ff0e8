/* SPDX-License-Identifier: Apache-2.0 */
/* Connection: one client of the admin socket, one call at a time */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "custos/types.h"
#include "custos/varlink.h"
#include "manager.h"
#include "peer.h"

/* From accept, and from the end of a call, to the end of the next message. Bytes that
 * trickle in do not extend it. */
#define CONNECTION_IDLE_USEC (5 * USEC_PER_SEC)
/* Bytes waiting for one client to read them; one that lets more pile up is cut off. */
#define CONNECTION_OUTPUT_MAX (4U * 1024 * 1024)
/* A stream stops adding to the queue here and goes on when the client has read. */
#define CONNECTION_OUTPUT_ENOUGH (64U * 1024)
/* Unfinished messages of all clients together; uid 0 may use the last part alone. */
#define CONNECTION_INPUT_TOTAL_MAX (8U * 1024 * 1024)
#define CONNECTION_INPUT_TOTAL_ROOT (2U * 1024 * 1024)

/* Clients come after whatever keeps the scanner going. */
#define SERVER_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

struct connection;

/* What a method that does not answer at once keeps. */
struct call_ops {
	void (*pump)(struct connection *c,
	             void *state); /* NULL, or: there is room or news */
	void (*free)(struct connection *c, void *state);
};

struct connection {
	LIST_ENTRY(connection) entry;
	struct varlink_server *server;
	int fd;
	struct peer peer;
	sd_event_source *io, *idle;
	bool eof;    /* the client will send no more */
	bool closed; /* waits to be freed; touches nothing any more */

	char *in; /* message that is not complete */
	size_t in_len, in_size;
	int fds[VARLINK_FDS_MAX]; /* owned; came with it */
	unsigned n_fds;

	char *out; /* replies not yet taken: out_pos <= n < out_len */
	size_t out_pos, out_len, out_size;

	bool busy;      /* a call is being answered; until then nothing is read */
	unsigned flags; /* enum varlink_flag of that call */
	const struct call_ops *ops;
	void *state; /* owned through ops */
};

LIST_HEAD(connection_list, connection);

struct varlink_server {
	struct manager *m;
	int fd;
	char *path;
	sd_event_source *listen;
	sd_event_source *resume; /* listening pauses when descriptors run out */
	sd_event_source *news;   /* the history has grown */
	sd_event_source *reap;
	gid_t observers, operators;
	struct connection_list open, closed;
	size_t input_bytes; /* of all connections' in */
};

/* Take @fd, consumed also on error. */
int connection_new(struct varlink_server *s, int fd, const struct peer *peer);

/* Let go of everything but the object itself, which goes when the loop turns: callers
 * up the stack still look at it. */
void connection_close(struct connection *c);
void connection_free(struct connection *c);

/* Take the kernel's bytes up to the end of the message. Returns 1 when it is complete,
 * 0 when more must come (or nothing will: eof), or a negative errno: then close. */
int connection_read(struct connection *c);
void connection_drop_input(struct connection *c);

/* Is the call that had @state still the current one? (A reply can end a connection.) */
bool call_is_current(const struct connection *c, const void *state);

/* Keep @state for the call in progress; ops->free gets it when the call ends, however
 * it ends. */
void call_set_state(struct connection *c, const struct call_ops *ops, void *state);

/* Room for a stream's next reply? */
bool call_has_room(const struct connection *c);

/**
 * call_reply() - answer the call in progress
 * @parameters: consumed; NULL means that building them failed
 * @continues:  more replies follow; else the call is over, and its state freed
 */
void call_reply(struct connection *c, json_t *parameters, bool continues);

/* End the call with an error. @parameters: consumed; NULL = none. */
void call_error(struct connection *c, const char *error, json_t *parameters);
/* io.custos.Manager.Failed with a negative errno. */
void call_failed(struct connection *c, int error, const char *message);
void call_invalid(struct connection *c, const char *parameter);
