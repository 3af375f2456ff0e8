/* SPDX-License-Identifier: Apache-2.0 */
/* Outpost: watches one file system whose server may fall silent; and its gate, which never waits for that server */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "custos/archive.h"
#include "custos/decide.h"
#include "custos/engine.h"
#include "custos/fan.h"
#include "custos/payload.h"

#include "daemon/keeper/keeper.h"
#include "daemon/outpost.h"

struct outpost {
	struct outpost_shared *shared;
	unsigned place;
	struct generation generation;
	unsigned n_threads;
	_Atomic unsigned n_running;  /* of those: have come to await_start(), and not ended */
	_Atomic bool go;             /* sealed: main thread */
	_Atomic bool stop;           /* main thread: read no more */
	struct waitpoint start;      /* threads wait for go, the main thread for n_running */
};

/* One thread that reads events. */
struct lookout {
	struct outpost *op;
	unsigned number;
	int epoll_fd;
	uint32_t hint;               /* where to look for a free slot */
	struct engine *engine;
	struct arc_walker *archives;
	struct payload_walker *payloads; /* NULL: they are not looked for */
	struct known *known;         /* NULL: a verdict depends on more than bytes */
	bool opens_archives;         /* some policy line does, when nobody waits */
	char path[4096];
	struct record record;        /* scratch */
};

/* A file that was opened, or closed after it was written. */
struct sighting {
	int fd;                      /* borrowed */
	int pid;
	uint64_t mask;
	nsec_t read_at, deadline;    /* CLOCK_MONOTONIC */
	usec_t wall_usec;
	struct stat st;
	int error;                   /* negative errno: the server says nothing of it, and st is zero */
	size_t path_len;
	const struct policy_line *line;
	struct finding finding;
	struct decision decision;
};

/* outpost.c: never returns */
_Noreturn void outpost_main(uid_t uid, gid_t gid, unsigned place, bool mark);

/* lookout.c */
int lookout_start(struct outpost *op, unsigned number); /* before the seal */

/* look.c: what is to be done about a file */
/* Ask the server what it is, and find its line. */
void look_begin(struct lookout *l, struct sighting *s);
void look_judge(struct lookout *l, struct sighting *s); /* to its decision */
/* Judged, and found clean: would nothing be lost if nobody heard of its opens until it changes? */
bool look_is_settled(const struct lookout *l, const struct sighting *s);
void look_report(struct lookout *l, const struct sighting *s, bool late);

/* known.c: bytes that were found clean by the rules in force */
struct known;
struct known *known_new(void); /* NULL: no memory */
bool known_has(struct known *k, const uint8_t sha256[SHA256_BYTES], uint64_t size_bytes);
void known_add(struct known *k, const uint8_t sha256[SHA256_BYTES], uint64_t size_bytes);

/* seal.c */
int outpost_give_up(uid_t uid, gid_t gid); /* identity, paths, network */
int outpost_seal(void);                    /* calls; all threads */
int gate_seal(uid_t uid, gid_t gid);

/* gate.c: never returns */
_Noreturn void gate_main(uid_t uid, gid_t gid);
