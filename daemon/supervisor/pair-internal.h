/* SPDX-License-Identifier: Apache-2.0 */
/* Pair, inside: what pair.c (messages, generations) and pair-life.c (processes) share
 *
 * Context: all functions: the loop's thread.
 */
#pragma once

#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/remains.h"

/* A generation as it is handed over. */
struct load {
	uint32_t generation; /* 0: none */
	struct settings settings;
	struct load_fds fds;
};

struct pair {
	struct manager *m;
	struct pair_fds fds;
	uid_t uid;
	gid_t gid;
	const struct pair_listener *listener;
	char *program;
	pid_t keeper, anchor; /* 0: none */
	struct remains remains;
	unsigned restarts;
	int control, requests, anchor_fd; /* our ends; -1 */
	sd_event_source *io, *child;      /* keeper's */
	sd_event_source *anchor_io, *anchor_child;
	sd_event_source *timer; /* next look at what a lost pair left; end of patience
	                           with an anchor */
	sd_event_source *look;      /* whether the keeper is alive */
	nsec_t lost_at, started_at; /* begin_anew(); the keeper */
	nsec_t looked_at, awake_since; /* by on_look(): last time; when we had not been for long */
	unsigned n_quick_ends;      /* keepers in a row */
	bool stopping, ready, left;     /* left: not ours to end */
	bool executed;                  /* the keeper */
	struct load current; /* in force; the next keeper starts with it */
	struct load offered; /* sent, not answered yet */
};

/* pair.c */
/* News from keeper or anchor. */
int pair_on_message(sd_event_source *source, int fd, uint32_t revents, void *userdata);
/* To a keeper that has just started. Return: 0 or a negative errno. */
int pair_send_loads(struct pair *p);

/* pair-life.c */
/* What keeper and anchor say of each other. */
void pair_keeper_started(struct pair *p, pid_t pid);
void pair_anchor_started(struct pair *p, pid_t pid);
/* An ordered stop, and there is no keeper to carry it out. */
void pair_stop_alone(struct pair *p);
void pair_close(struct pair *p); /* sockets, processes */
