/* SPDX-License-Identifier: Apache-2.0 */
/* What supervisor, keeper and scanner share: memory layout, descriptor numbers, control messages
 *
 * The scanner works on hostile bytes and can write all of this memory. So the keeper and the
 * supervisor check every number they take out of it before they use it.
 */
#pragma once

#include <string.h>
#include <sys/types.h>

#include "custos/archive-kind.h"
#include "custos/cache.h"
#include "custos/conf.h"
#include "custos/record.h"
#include "custos/ring.h"
#include "custos/slots.h"
#include "custos/stats.h"
#include "custos/types.h"
#include "custos/waitpoint.h"

/* Descriptors of the keeper, of every scanner cloned from it and of the anchor (they share the table).
 * All numbers below FD_LOW are occupied, so an event's descriptor is never below it. */
enum fixed_fd {
	FD_GROUP = 3,   /* fanotify group */
	FD_GUARD,       /* fanotify group that holds back opens of one file while it is being marked */
	FD_SHARED,      /* memfd of struct shared; also fills the numbers nobody uses */
	FD_CONTROL,     /* SEQPACKET to the supervisor */
	FD_REQUESTS,    /* SEQPACKET: descriptors to scan, results back */
	FD_FACTS_KICK,  /* eventfd: the broker is asked something */
	FD_AUDIT_KICK,  /* eventfd: a record that should not wait is in a ring */
	FD_HOLD_KICK,   /* eventfd: a wish is in the ring of wishes */
	FD_ANCHOR,      /* SEQPACKET between supervisor and anchor */
	FD_HEIR,        /* FIFO: there is something to read once another custosd has taken over */
	FD_SIGNAL,      /* keeper: signalfd for SIGCHLD */
	FD_SELF_FDS,    /* O_PATH of /proc/PID/fd of one who shares the table, for names of open files */
	FD_COMMAND,     /* eventfd per place: commands of the keeper are waiting */
	FD_STOP = FD_COMMAND + 2, /* eventfd per place: readers, stop */
	FD_EPOLL = FD_STOP + 2,   /* epoll per place and reader */
	FD_BACK = FD_EPOLL + 8,   /* eventfd per place and reader: step back */
	FD_LOW = 40,
};

#define EVENT_BACK 1 /* epoll data of FD_BACK; of all others 0 */

#define N_PLACES  2 /* one scanner at work, one draining after a reload */
#define READERS_MAX 4
#define WORKERS_MAX 256
_Static_assert(FD_EPOLL + N_PLACES * READERS_MAX <= FD_BACK, "a descriptor for each reader");
_Static_assert(FD_BACK + N_PLACES * READERS_MAX <= FD_LOW, "fixed descriptors fit");

/* In flight at once; further events wait in the kernel's queue, unlimited. Slots plus fixed
 * descriptors stay below RLIMIT_NOFILE (I5), else read(2) would make the kernel deny. */
#define N_SLOTS 2048U
/* Room for what the keeper receives while slots are full, and for liburcu, libc. */
#define NOFILE_NEEDED (FD_LOW + N_SLOTS + 64)

/* Index into own_pids; the broker's helpers have the rest. */
enum own_pid { OWN_SUPERVISOR, OWN_KEEPER, OWN_COMPILE, OWN_ANCHOR, OWN_RENEW,
	       OWN_CANARY, /* a helper, but its opens are judged like anybody's, without a record */
	       OWN_PIDS_MAX = 16 };
#define N_FACTS (N_SLOTS + 64U) /* rows of facts: one for each slot, and those of the rescue */
#define KEEPER_LOST_MAX 8 /* scanners that were killed and do not end: each keeps its memory */
/* A scan that no opener waits for may take this long; bounded all the same. */
#define UNTIMED_SCAN_NSEC (60 * NSEC_PER_SEC)
/* The supervisor is gone: go on answering this long, so that a new one can take over; then finish. */
#define ORPHAN_PATIENCE_NSEC (30 * NSEC_PER_SEC)
#define MOUNT_ROWS_MAX 1024
#define MOUNTS_PER_FILE 8 /* mount points of one superblock that a policy line may name */
#define CULPRITS_MAX 64
#define LINE_HITS_MAX 4096 /* lines beyond are not counted */
#define DETECTION_CELLS 1024 /* denials and matches: reserved for them */
#define ROUTINE_CELLS 512
#define WISH_CELLS 256

enum counter {
	COUNT_EVENTS,
	COUNT_ALLOWED,
	COUNT_DENIED,
	COUNT_CACHE_HITS,
	COUNT_SCANS,
	COUNT_SCANNED_BYTES,
	COUNT_TIMEOUTS,
	COUNT_ERRORS,
	COUNT_OWN,        /* events of our own processes */
	COUNT_WRITE_CLOSE,
	COUNT_REFUSED_BY_KERNEL, /* the event's descriptor could not be made */
	COUNT_RULES_SPARED, /* scans of bytes the rules had seen before */
	COUNT_JOINED,     /* events that waited for a scan of the same file */
	COUNT_SKIPPED,    /* closes after writing that were not scanned: too many at once */
	COUNT_CANARY,     /* events of the canary process: in no other counter */
	COUNT_CANARY_CAUGHT, /* of those, the ones called malicious; before they are answered */
	N_COUNTERS,
};
_Static_assert(N_COUNTERS <= STATS_COUNTERS, "counters fit");

/* NONE -> WANTED -> WRITING -> READY or GONE, counted: the state word is turn << FACTS_SHIFT | state.
 * A worker that gives up takes its question back (WANTED -> NONE), so an answer to an earlier opener
 * can never be taken for one about a later opener of the same slot. */
enum facts_state { FACTS_NONE, FACTS_WANTED, FACTS_WRITING, FACTS_READY, FACTS_GONE };
#define FACTS_SHIFT 3
#define FACTS_STATE ((1U << FACTS_SHIFT) - 1)

/* Who opened: asked by a worker, answered by the broker thread of the supervisor while the opener is
 * blocked, so that its pid means the same process all along. */
struct facts {
	_Atomic uint32_t state;  /* worker: NONE, WANTED; broker: WRITING, READY, GONE */
	int32_t pid;             /* worker, before WANTED */
	struct waitpoint answered;
	uint32_t uid, gid;       /* the rest: broker; effective */
	uint32_t real_uid;
	uint32_t container;
	char exe[512];
	char cgroup[256];
	char unit[128];
	char slice[128];
} _cacheline_;

/* Which file system an event's device is; written by the supervisor under `version` (odd: being
 * written), read by workers. */
struct mount_row {
	uint64_t dev;
	char fs_type[32];
	char mount_point[256];
};
struct mount_table {
	_Atomic uint32_t version;
	uint32_t n;
	struct mount_row row[MOUNT_ROWS_MAX];
};

/* A file that took the scanner down twice: not tried again under these rules (I7). Once: a suspect. */
struct culprit {
	uint64_t dev, ino, size_bytes;
	int64_t mtime_nsec, ctime_nsec;
	uint32_t generation; /* 0: unused row */
	uint32_t deaths;     /* 1: suspect, 2: culprit; the scanner takes the row of one it has judged away */
	uint32_t solo;       /* a suspect among others: nothing else is looked at at the same time */
	uint32_t blocked;    /* pid of the lost scanner that reads it and gets no answer: then in
	                      * whatever state and under all rules, until that scanner has ended */
};

/* A clean file that might be held (supervisor/holder.h). Scanner writes. */
#define WISH_WORDS 6
#define WISH_HANDLE_BYTES 128 /* MAX_HANDLE_SZ of the kernel */
struct hold_wish {
	struct cache_key key;
	uint64_t known[WISH_WORDS]; /* the first words of its entry in the cache: enum cached_word */
	uint32_t generation;
	int32_t handle_type;
	uint32_t handle_bytes;
	unsigned char handle[WISH_HANDLE_BYTES];
	uint32_t pad;
};
_Static_assert(sizeof(struct hold_wish) % 8 == 0, "fits the ring's cells");

enum command { COMMAND_ADOPT = 1, COMMAND_DRAIN = 2, COMMAND_FINISH = 4, COMMAND_PING = 8 };

struct instance {
	_Atomic uint32_t commands;   /* keeper sets, scanner clears: enum command */
	_Atomic uint32_t crash_slot; /* scanner's fault handler: index + 1 of the slot at fault */
	_Atomic uint32_t solo_slot;  /* scanner: index + 1 of the one slot in work, nothing else being */
	_Atomic uint32_t number;     /* keeper: the instance in this place; 0: none */
	_Atomic uint32_t generation; /* keeper: that it works by */
	_Atomic uint32_t sealed;     /* scanner: seal is on, readers are about to start */
	_Atomic uint32_t quiet;      /* scanner: its readers have left, it reads no more events */
	_Atomic uint32_t pongs;      /* scanner: pings answered */
	_Atomic uint32_t pid;        /* scanner: its own, for whoever comes after a keeper that died */
	_Atomic uint32_t main_thread; /* kernel: its number; 0 when it has ended and others have not */
};

struct shared {
	uint64_t layout;                      /* SHARED_LAYOUT; immutable */
	_Atomic uint32_t mode;                /* enum mode; supervisor */
	/* Of the verdict cache: adding 1 makes it forget everything. Whoever lets an open for writing
	 * pass that no scanner has looked at must do so before: keeper, supervisor, scanner. */
	_Atomic uint64_t cache_epoch;
	_Atomic uint32_t generation;          /* in force: keeper */
	/* Rescue (scanner/rescue.h). Keeper, scanner. */
	_Atomic uint32_t late_in_row;         /* events answered by their deadline since one was judged in time */
	_Atomic uint32_t n_rescued;           /* let through since it began */
	_Atomic uint64_t rescue_until;        /* CLOCK_MONOTONIC; 0: it is off */
	_Atomic uint64_t rescue_next;         /* not before */
	_Atomic uint32_t loop_pause_sec;      /* scanners end at once: until the next try; 0: they live. Keeper */
	_Atomic uint64_t rules_id;            /* of the generation in force, as in CACHED_RULES: keeper */
	uint64_t cache_seed;                  /* supervisor, before the first keeper */
	_Atomic uint32_t own_pids[OWN_PIDS_MAX]; /* supervisor and keeper; 0: unused */
	_Atomic uint32_t last_number; /* of instances: keeper, for the next one */
	struct instance place[N_PLACES];
	/* Keeper; supervisor: for scanners whose keeper is gone. Whoever reads half a row judges a file
	 * once more, or once less. */
	struct culprit culprits[CULPRITS_MAX];
	_Atomic uint64_t facts_wanted[N_FACTS / 64]; /* workers set bits, broker clears */
	struct mount_table mounts;            /* supervisor */
	/* How often each policy line decided, by generation modulo 2: the one before may still
	 * have events in flight. Workers add; the supervisor clears before a load. */
	_Atomic uint64_t line_hits[2][LINE_HITS_MAX];
	struct stats stats;
	_Alignas(CACHELINE_BYTES) unsigned char slots_mem[sizeof(struct slots) +
	                                                  N_SLOTS * sizeof(struct slot)];
	struct facts facts[N_FACTS]; /* one for each slot, then for the rescue */
	_Alignas(CACHELINE_BYTES) unsigned char
		detections_mem[sizeof(struct ring) +
	                       DETECTION_CELLS * (sizeof(struct record) + 8)];
	_Alignas(CACHELINE_BYTES) unsigned char
		routine_mem[sizeof(struct ring) + ROUTINE_CELLS * (sizeof(struct record) + 8)];
	_Atomic uint64_t keeper_beat; /* when the keeper last looked around: it; supervisor, for a new one */
	/* When the holder last looked after its leases; 0: it holds none. Supervisor writes; so does, to 0, who has
	 * taken the marks away: keeper of a silent holder, and keeper, anchor and scanner of one that is gone. */
	_Atomic uint64_t holder_beat;
	_Alignas(CACHELINE_BYTES) unsigned char
		wishes_mem[sizeof(struct ring) + WISH_CELLS * (sizeof(struct hold_wish) + 8)];
};

/* Words of a value of the verdict cache. Up to RULES they tell whether it speaks of this state of the
 * file under these rules; a verdict is always clean. */
enum cached_word {
	CACHED_SIZE,
	CACHED_MTIME,
	CACHED_OWNER = CACHED_MTIME, /* of known bytes (bytes.h), which have no times */
	CACHED_CTIME,
	CACHED_NAME,    /* hash of the path, where a verdict may depend on it; else 0 */
	CACHED_RULES,   /* of the YARA rules */
	CACHED_LISTS,   /* of the hash lists: another one means looking the digests up again */
	CACHED_ABOUT,   /* see below */
	CACHED_DIGESTS, /* SHA-256, SHA-1, MD5, each in whole words */
};
_Static_assert(CACHED_LISTS + 1 == WISH_WORDS, "a wish tells the state, the rules and the lists");
_Static_assert(CACHED_DIGESTS + (32 + 24 + 16) / 8 == CACHE_VALUE_WORDS, "digests fit");

/* For CACHED_RULES and CACHED_LISTS: the first word of a SHA-256. */
static inline uint64_t id_word(const unsigned char *id)
{
	uint64_t word;

	memcpy(&word, id, sizeof(word));
	return word;
}

/* CACHED_ABOUT: reason; mask of 1 << enum digest_alg, and whether archives were opened; seconds since 1970 when it
 * was stored. */
#define CACHED_REASON(about)   ((about) & 0xff)
#define CACHED_SEEN            0xffU /* as reason: seen once, no verdict yet */
#define CACHED_HAVE(about)     ((about) >> 8 & 0x7f)
#define CACHED_OPENED          (UINT64_C(1) << 15)
#define CACHED_WHEN_SEC(about) ((about) >> 16)
#define CACHED_ABOUT_OF(reason, have, sec) \
	((uint64_t)(reason) | (uint64_t)(have) << 8 | (uint64_t)(sec) << 16)

#define SHARED_LAYOUT (0x637573746f730000ULL + sizeof(struct shared))

/* The same memory file holds the verdict cache, from the next page on. */
#define SHARED_PAGE        4096
#define SHARED_CACHE_START ((sizeof(struct shared) + SHARED_PAGE - 1) / SHARED_PAGE * SHARED_PAGE)

/* @file_bytes: size of the memory file. */
static inline void shared_cache(struct shared *sh, size_t file_bytes, struct cache *ret)
{
	cache_open(ret, (unsigned char *)sh + SHARED_CACHE_START, file_bytes - SHARED_CACHE_START,
	           &sh->cache_epoch, sh->cache_seed);
}

static inline struct slots *shared_slots(struct shared *sh)
{
	return (struct slots *)sh->slots_mem;
}

static inline struct ring *shared_detections(struct shared *sh)
{
	return (struct ring *)sh->detections_mem;
}

static inline struct ring *shared_wishes(struct shared *sh)
{
	return (struct ring *)sh->wishes_mem;
}

static inline struct ring *shared_routine(struct shared *sh)
{
	return (struct ring *)sh->routine_mem;
}

/* What a generation of scanners works by; sent with the rules. */
struct settings {
	uint64_t max_file_size_bytes; /* unless the policy line says otherwise */
	uint64_t largest_bytes;       /* that any policy line allows */
	uint64_t whole_bytes;         /* of a file that is held in memory: what engines make room for */
	uint64_t scanner_memory_bytes; /* private memory of a scanner, at most */
	nsec_t timeout;
	uint32_t n_workers;
	uint32_t n_readers;
	uint32_t n_held_files; /* 0: nothing is wished for */
	uint32_t rescue;       /* 1: root is let through when nothing is judged */
	uint32_t archives_on_demand; /* 1: requests have archives opened */
	uint32_t payloads;           /* 1: whatever has its archives opened has its payloads decoded */
	struct arc_limits archives;
};

enum message_type {
	MSG_LOAD = 1,        /* to keeper; fds: rules image, policy image */
	MSG_STOP,            /* to keeper: answer what is queued, then leave */
	MSG_LOADED,          /* to supervisor: this generation answers from now on */
	MSG_LOAD_FAILED,     /* to supervisor: the old generation goes on; text */
	MSG_SCANNER_STARTED, /* to supervisor */
	MSG_SCANNER_DIED,    /* to supervisor: status of waitpid(2) */
	MSG_CRASH_LOOP,      /* to supervisor: scanners end at once, next try in `status` s; 0: it is over */
	MSG_SCANNER_ENDED,   /* to supervisor: one that was lost is no more */
	MSG_START_KEEPER,    /* to anchor: heirs, n_lost; fd: control socket of the new keeper */
	MSG_KEEPER_STARTED,  /* to supervisor, by the anchor */
	MSG_START_ANCHOR,    /* to keeper; fd: socket of the new anchor */
	MSG_ANCHOR_STARTED,  /* to supervisor, by the keeper */
	MSG_NAMES,           /* to keeper; fd: takes the place of FD_SELF_FDS */
	MSG_GONE,            /* to keeper: a scanner of an earlier one (pid, status) has ended; n_lost */
	/* daemon/outpost.h */
	MSG_MARKED,          /* to supervisor, by an outpost: its file system is marked */
	MSG_WATCHING,        /* to supervisor, by an outpost: sealed, and reads events */
	MSG_UNABLE,          /* to supervisor, by an outpost that ends: text, negative errno in status */
	MSG_REFUSED,         /* to supervisor, by a gate: pid wanted to open a file found malicious */
	MSG_PLACED,          /* to gate: process `pid` is the outpost at place `status` */
	MSG_BURIED,          /* to gate: the outpost at place `status` has ended, burial number `pid` */
};

struct message {
	uint32_t type;
	uint32_t generation;
	int32_t pid;
	int32_t status;
	uint32_t n_orphaned;
	uint32_t hung;       /* it was killed because it hung */
	uint32_t crash_slot; /* index + 1, 0: unknown */
	uint32_t culprit;    /* how many files will not be tried again */
	uint32_t n_suspects; /* files that were in work */
	uint32_t lost;       /* it was killed, but the kernel does not let go of it */
	int32_t heirs[N_PLACES]; /* pids of scanners that outlived their keeper; 0: unused */
	uint32_t n_lost;     /* scanners of earlier keepers that were killed and do not end */
	struct settings settings;
	char text[256];
};

/* custosctl scan: request with one descriptor, and its result */
struct scan_result {
	uint32_t request;
	uint32_t pad;
	nsec_t spent;
	struct finding finding;
};
