/* SPDX-License-Identifier: Apache-2.0 */
/* Scanner: the process that reads files. Stages: reader -> lanes -> worker -> answer -> audit
 *
 * Cloned from the keeper with everything loaded; starts its threads, seals itself, and only then
 * reads the first event. It never allocates, logs, opens or looks anything up between an event and
 * its queue, or between a verdict and its answer (I3, I4).
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "custos/archive.h"
#include "custos/engine.h"
#include "custos/lane.h"
#include "custos/payload.h"
#include "custos/policy.h"
#include "custos/ruleset.h"

#include "daemon/shared.h"

/* Larger files wait in a lane of their own, so that one disk image never holds up a thousand
 * scripts. 84 % of real files are below 16 KiB, 1 MiB hashes in 0.6 ms. */
#define LARGE_BYTES (1024 * 1024)
/* Up to this size the reader that took the event judges it (docs/adr/0010): 84 % of files. */
#define INLINE_BYTES (64 * 1024)

enum { LANE_SMALL, LANE_LARGE, LANE_BACKGROUND, N_LANES }; /* in this order of urgency */

/* Closes after writing that wait for a scan at once; nobody waits for them, so a flood of them must
 * not take the slots that openers need. More are counted and not scanned. */
#define NOTICES_MAX (N_SLOTS / 4)


/* What the keeper gives a scanner; read-only afterwards. */
struct scanner_config {
	struct shared *shared;
	struct cache cache;         /* view of the verdict cache */
	unsigned place;             /* 0 or 1: which fixed descriptors are ours */
	bool all_woken;             /* readers, by each event; else the kernel picks one */
	bool locks_memory;          /* out of the swap */
	uint32_t number;            /* instance number, owner of our slots */
	uint32_t generation;
	struct settings settings;
	const struct ruleset *rules;
	const struct policy *policy;
};

struct join_place;

/* One event on its way from a reader to a worker; one per slot, at the slot's index. Written by the
 * reader, then by the worker that took it. */
struct job {
	struct cds_wfcq_node node;
	struct slot *slot;
	struct stat st;
	uint32_t next;       /* join.c: index + 1 of the job put aside before this one */
	struct job *joined;  /* join.c: the next of those whose scan is done */
	uint32_t suspect;    /* crash.c: index + 1 of its row among the culprits; 0: none */
	bool rescued;        /* the rescue has let it through before it was judged */
	bool solo;           /* to be looked at alone */
	bool unpacks;        /* an open whose archives are opened: it waits with the large files */
	bool canary;         /* of the canary process: it has no record, and counters of its own */
	struct join_place *place; /* where others join; NULL: none */
	int stat_error; /* 0 or negative errno of fstat(2); then st is zero */
};

struct scanner {
	struct scanner_config cfg;
	struct join_place *joins;    /* JOIN_PLACES */
	struct slots *slots;
	pid_t pid;
	struct job *jobs;            /* N_SLOTS */
	nsec_t min_timeout;          /* of any policy line */
	bool wants_write_close;
	bool opens_archives;         /* some policy line does, while an opener waits */
	bool has_rules;              /* of YARA */
	bool uses_names;             /* a verdict may depend on the file's name */
	bool uses_owner;             /* or on its owner */
	bool uses_time;              /* or on the time of day: nothing is kept */
	uint64_t rules_id, lists_id; /* of YARA rules and hash lists: the same for the same contents */
	bool late_deny;              /* before a line is known: the last line's on-error */
	unsigned n_large_max;        /* workers that may be on large files at once */
	struct lane lanes[N_LANES];
	struct waitpoint work;       /* workers sleep here */
	_Atomic unsigned n_large;    /* workers on large files or requests */
	_Atomic unsigned n_notices;  /* queued or being judged; NOTICES_MAX, give or take a reader */
	_Atomic unsigned n_inline;   /* readers that are judging, not reading */
	_Atomic uint32_t last_taker; /* the reader that took the last event; readers */
	_Atomic unsigned n_on_duty;  /* readers that have not stepped back; readers */
	struct waitpoint reserve;    /* those that have sleep here */
	_Atomic bool supervisor_gone; /* request thread sets: the broker, too */
	_Atomic bool stop_reading;   /* main thread sets: readers leave */
	_Atomic bool finish;         /* main thread sets: readers leave once the queue is empty */
	_Atomic unsigned n_reading;  /* readers not yet gone */
	unsigned n_threads;          /* main thread, before the seal */
	_Atomic unsigned n_started;  /* of those, the ones that run */
	_Atomic bool threads_ready;  /* main thread sets once sealed */
	struct waitpoint control;    /* main waits for n_started, threads for threads_ready */
	_Atomic uint64_t wished[4096]; /* wish.c; any thread */
	pthread_rwlock_t reading;    /* solo.c: a suspect holds it alone; whoever else looks at bytes shares it */
	struct waitpoint adopted;    /* the deadline thread sleeps here */
};

static inline bool scanner_is_canary(const struct scanner *sc, int pid)
{
	return pid > 0 && atomic_load_explicit(&sc->cfg.shared->own_pids[OWN_CANARY],
	                                       memory_order_relaxed) == (uint32_t)pid;
}

struct worker {
	struct scanner *sc;
	unsigned shard;              /* of the counters */
	bool may_wait;               /* a worker; a reader has events to read */
	struct engine *engine;
	struct arc_walker *archives; /* NULL: a reader, which opens none */
	struct payload_walker *payloads; /* NULL: the same, or they are not looked for */
	unsigned turn;               /* jobs looked for */
	unsigned sample;             /* scans since the last one put into the statistics */
	char path[4096];
	struct record record;        /* scratch: assembled here, then copied into a ring */
};

struct reader {
	struct worker worker;        /* it judges small files itself: see reader.c */
	int epoll_fd;
	int cpu;                     /* bound to it; -1: not bound */
	unsigned n_waits;
	unsigned number;             /* 0, 1, ... */
	unsigned streak;             /* events it took without another reader taking one */
	uint32_t hint;               /* where this reader looks for free slots */
};

/* scanner.c: never returns */
_Noreturn void scanner_run(const struct scanner_config *cfg);
struct job *scanner_job(struct scanner *sc, struct slot *slot); /* fills in the facts of fstat(2) */
void scanner_queue(struct scanner *sc, struct job *job);
/* Again: it was put aside while another scan ran. */
void scanner_requeue(struct scanner *sc, struct job *job);
/* A slot, waiting for one if need be: while we wait the kernel queues, and openers wait (I5). */
struct slot *scanner_take_slot(struct scanner *sc, uint32_t *hint);
/* Every thread begins here: waits until the seal is on, so that nothing hostile is read before (I3). */
void scanner_await_start(struct scanner *sc);

/* Finish what is in flight and end. */
void scanner_leave(void);

/* reader.c */
void *reader_main(void *arg);
bool reader_decode(struct slot *slot);

/* worker.c */
void *worker_main(void *arg);

/* judge.c: from slot to answer; the slot is released when this returns */
void worker_judge(struct worker *w, struct job *job, bool may_read);
/* Before an event waits for a worker: time-out and late answer of its line, where that can be told without asking
 * who opens. Else it has those of the last line. */
void worker_foresee(struct worker *w, struct job *job);

/* deadline.c */
void *deadline_main(void *arg);

/* request.c */
bool scanner_decode(struct slot *slot); /* what is in slot->raw; also used by the keeper */
void *request_main(void *arg);
void request_reply(struct scanner *sc, const struct slot *slot, const struct finding *f,
                   nsec_t spent);

/* facts.c */
/* By row: one thread at a time. NULL: it is gone, or nobody answered in time. */
const struct facts *facts_ask(struct shared *sh, uint32_t index, int pid, nsec_t deadline);
const struct facts *facts_of_opener(struct scanner *sc, const struct slot *slot, nsec_t deadline);
unsigned facts_of_mount(struct scanner *sc, uint64_t dev, struct mount_row *rows, unsigned max);
size_t facts_path(int fd, char *buf, size_t size);

/* audit.c */
void audit_push(struct scanner *sc, const struct record *r, bool detection);

/* crash.c */
void crash_watch(struct scanner *sc);
void crash_watch_thread(void);
void crash_working_on(uint32_t slot_index_plus_one);
/* Why its file is not tried; REASON_NONE: it is. Fills in whether it is a suspect. */
enum reason crash_of(struct scanner *sc, struct job *job);
void crash_acquit(struct scanner *sc, const struct job *job); /* it has been judged to the end */

/* seal.c */
int scanner_seal(void);
