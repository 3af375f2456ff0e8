/* SPDX-License-Identifier: Apache-2.0 */
/* Outposts, inside: what outposts.c (which there are) and outpost-life.c (the processes of one) share */
#pragma once

#include "daemon/outpost.h"
#include "daemon/supervisor/outposts.h"

/* A process that reads events, or did. */
struct station {
	struct outpost *op;
	unsigned number;     /* its place */
	uint32_t burial;     /* how often one has ended there; the gate says when it has seen to the last */
	pid_t pid;           /* 0: none */
	int control;         /* our end; -1 */
	sd_event_source *io, *child;
	uint32_t generation; /* of its rules */
	bool watching;       /* sealed, reads events */
	bool stopping;       /* told to end */
	bool killed;
	nsec_t since;        /* of the last of these, or its start */
};

struct outpost {
	struct outposts *all;
	struct outpost *next;
	char *mount_point, *fs_type;
	dev_t dev;
	uid_t owner;         /* who mounted it; root's are those of nobody else */
	bool blocking;
	bool marked;
	bool closed;         /* it lets nobody in but who mounted it: FUSE without allow_other */
	bool retired;        /* its file system is gone, or is watched otherwise now */
	int group, wall, shared_fd;
	int note;            /* group with one mark, which tells whether the file system is still there */
	struct outpost_shared *shared;
	pid_t gate;          /* 0: none */
	int gate_control;    /* -1 */
	sd_event_source *gate_io, *gate_child;
	nsec_t gate_since;   /* its start; when it is dismissed, since then */
	nsec_t retired_at;
	bool dismissed, gate_dismissed; /* stations, and then the gate, were told to end */
	nsec_t gate_idle;    /* somebody has waited for it since; 0: nobody does */
	uint64_t gate_work;  /* what it had done by then */
	struct station station[OUTPOST_PLACES];
	unsigned next_place;
	uint32_t generation; /* of the rules that the newest station watches by */
	nsec_t next_try;     /* no new process before */
	unsigned n_failures; /* in a row */
	char why[320];       /* the last one failed; "": none has */
	bool told_silent;    /* the journal has been told that its server does not answer */
};

/* Of the custosd that was executed anew: each has its stations and gates, those that hang included. */
#define OUTPOSTS_OLD_MAX (OUTPOSTS_MAX * (OUTPOST_PLACES + 1))

struct outposts {
	struct manager *m;
	uid_t uid;
	gid_t gid;
	char *program;
	sd_event_source *timer;
	struct outpost *first;
	struct outposts_counts past; /* of those that are no more */
	nsec_t longest_timeout; /* of the configuration and of any policy line */
	enum mode mode;         /* when last looked at */
	bool left, stopped;
	pid_t old[OUTPOSTS_OLD_MAX]; /* children that an earlier custosd in this process had */
	unsigned n_old;
	char text[512];      /* outposts_row() */
	char reason[512];    /* outposts_reason() */
	char idle[512];      /* outposts_idle() */
};

/* A server that has not answered for so long is worth a word. */
#define OUTPOST_SILENT_NSEC (5 * NSEC_PER_SEC)

/* outposts.c */
bool outposts_is_remote(const struct coverage_row *row);
struct outpost *outposts_find(const struct outposts *o, dev_t dev); /* NULL: none */
/* Why there is no place for another one of this owner; false: there is. */
bool outposts_is_full(const struct outposts *o, uid_t owner, char *why, size_t size);

/* outposts-told.c */
void outpost_add_counts(const struct outpost *op, struct outposts_counts *to);

/* outposts-past.c: before the loop runs */
void outposts_adopt(struct outposts *o);

/* outpost-gate.c */
int outpost_start_gate(struct outpost *op);
/* End one that does not do its work: it is stopped, or worse. */
void outpost_watch_gate(struct outpost *op, nsec_t now);
/* Until the gate has seen to what ended at this place nobody else can have it. */
bool outpost_awaits_burial(const struct station *s);
/* The station at @place has ended: the gate is to answer what it had. */
void outpost_bury(struct outpost *op, unsigned place);
void outpost_say(int fd, uint32_t type, unsigned place, pid_t pid);
/* A socket: *ours is watched, *ret the other end. Return: 0 or more, or a negative errno. */
int outpost_open_channel(struct outpost *op, int *ours, sd_event_source **io,
                         sd_event_io_handler_t fn, void *userdata, int *ret);

/* outpost.c */
int outpost_new(struct outposts *o, const struct coverage_row *row, bool blocking,
                struct outpost **ret);
/* Kill what still runs; waits for nobody. */
struct outpost *outpost_free(struct outpost *op);
void outpost_forget(struct outpost *op);
bool outpost_is_lost(const struct station *s, nsec_t now); /* it was killed and does not end */
unsigned outpost_n_lost(const struct outpost *op);
/* The one that reads events; NULL: none. */
const struct station *outpost_active(const struct outpost *op);
/* For how long the one that has waited longest for its server; 0: none waits. */
nsec_t outpost_silence(const struct outpost *op, nsec_t now);

/* outpost-life.c */
/* A place where one can be started; NULL: none now. */
struct station *outpost_free_station(struct outpost *op);
/* Return: 0 or a negative errno; then nothing of it is left. */
int outpost_start_station(struct outpost *op, struct station *s, nsec_t now);
/* Tell it to end once it has answered what it has; or end it. Twice is once. */
void outpost_stop_station(struct station *s, nsec_t now);
void outpost_kill_station(struct station *s, nsec_t now);
/* It is not watched, for this reason: another try is made in a while, later after each failure. */
void outpost_fail(struct outpost *op, nsec_t now, const char *why);

/* outpost-look.c */
/* Several times a second: start what is missing, end what hangs. Return: false once nothing of a retired one is left. */
bool outpost_look(struct outpost *op, nsec_t now);
/* @at_once: who waits is answered by the gate, unjudged; else judged first, as long as that takes. */
void outpost_retire(struct outpost *op, bool at_once);
