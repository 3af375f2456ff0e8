/* SPDX-License-Identifier: Apache-2.0 */
/* What supervisor, outpost and gate share (docs/adr/0025)
 *
 * An outpost watches one file system whose server may fall silent: a network or FUSE file system. It reads events and
 * files, and so waits for the server whenever that pleases. Its gate never does: it reads no file, and events without
 * opening theirs.
 *
 * Several outposts may read one group, because each has descriptor numbers of its own: the kernel matches answers by
 * number alone (I1). So one that hangs in the kernel need not have ended before another takes its place.
 *
 * An outpost works on hostile bytes and can write all of this memory. Whoever reads it trusts no number in it.
 */
#pragma once

#include "custos/conf.h"
#include "custos/slots.h"
#include "custos/types.h"

/* Descriptors of outpost and gate. */
enum outpost_fd {
	OUTPOST_GROUP = 3, /* fanotify group of the file system */
	OUTPOST_WALL,      /* fanotify group with a mark on each file that was found malicious */
	OUTPOST_SHARED,    /* memfd of struct outpost_shared; also fills numbers nobody uses */
	OUTPOST_CONTROL,   /* SEQPACKET to the supervisor: struct message; records */
	OUTPOST_ROOT,      /* outpost: O_PATH of the host's root, until it is marked; gate: epoll */
	OUTPOST_NOTE,      /* outpost: fanotify group with one mark, on the file system, until it is made */
	OUTPOST_NAMES,     /* outpost: O_PATH of its own /proc/PID/fd */
	OUTPOST_STOP,      /* outpost: eventfd, its threads are to end */
	OUTPOST_LOW = 16,
};

#define OUTPOST_PLACES   6 /* one at work, one that follows, and those that hang */
#define OUTPOST_LOST_MAX 4
#define OUTPOST_THREADS  4 /* files that may hang at once before all opens are late */
/* Of each place: an event for each thread, its epoll, and what libraries open. */
#define OUTPOST_NUMBERS  32
#define OUTPOST_FIRST(place) (OUTPOST_LOW + (int)(place) * OUTPOST_NUMBERS)
#define OUTPOST_SLOTS    (OUTPOST_PLACES * OUTPOST_THREADS)
/* The supervisor is gone: go on for so long, as the pair does; another one has started by then or never will. */
#define OUTPOST_ORPHAN_NSEC (30 * NSEC_PER_SEC)
/* Files found malicious that are held at once: each keeps its inode in memory, also when it has been deleted. */
#define OUTPOST_HELD_MAX 65536

enum outpost_counter {
	OUTPOST_JUDGED,     /* files */
	OUTPOST_FOUND,      /* of those, malicious */
	OUTPOST_UNREADABLE, /* files that could not be opened or read */
	OUTPOST_LOST_NEWS,  /* times the kernel's queue was full: files it knows nothing of */
	OUTPOST_REFUSED,    /* opens of files found malicious: gate */
	OUTPOST_UNREAD,     /* opens refused because they could not be looked at in time: gate */
	OUTPOST_LATE,       /* opens answered at their deadline: gate */
	OUTPOST_UNTOLD,     /* records the supervisor did not take in time */
	OUTPOST_UNHELD,     /* malicious files that could not be marked: their next open passes */
	N_OUTPOST_COUNTERS,
};

struct outpost_place {
	_Atomic uint64_t busy[OUTPOST_THREADS]; /* at work on an event since (CLOCK_MONOTONIC), or 0. Outpost */
	_Atomic uint64_t reading[OUTPOST_THREADS]; /* in read(2) since, which may be opening an event's file; or 0 */
	_Atomic uint32_t in_hand;               /* events that a read(2) may be about to bring. Outpost */
	_Atomic uint32_t drain;                 /* it reads no more, another is to. Outpost; supervisor clears */
	_Atomic uint32_t buried;                /* number of the last burial here that was done. Gate */
};

struct outpost_shared {
	uint64_t layout;           /* OUTPOST_LAYOUT; immutable, as the next three */
	uint64_t dev;              /* as mountinfo names it */
	uint32_t blocking;         /* opens wait for a verdict */
	uint32_t pad;
	_Atomic uint32_t mode;     /* enum mode; supervisor */
	_Atomic uint32_t late_deny; /* what an open gets about which no line is known yet; supervisor */
	_Atomic uint64_t timeout;  /* of such an open; supervisor */
	_Atomic uint64_t n_read;   /* events, ever; outpost */
	_Atomic uint64_t n_held;   /* marks in the wall; outpost, supervisor to 0 */
	_Atomic uint64_t n[N_OUTPOST_COUNTERS];
	struct outpost_place place[OUTPOST_PLACES];
	char fs_type[64];          /* immutable */
	char mount_point[4096];    /* immutable */
	_Alignas(CACHELINE_BYTES) unsigned char
		slots_mem[sizeof(struct slots) + OUTPOST_SLOTS * sizeof(struct slot)];
};

#define OUTPOST_LAYOUT (0x637573746f740000ULL + sizeof(struct outpost_shared))

static inline struct slots *outpost_slots(struct outpost_shared *sh)
{
	return (struct slots *)sh->slots_mem;
}

/* Of an open about which no line is known yet. */
static inline nsec_t outpost_timeout(const struct outpost_shared *sh)
{
	const nsec_t timeout = atomic_load_explicit(&sh->timeout, memory_order_relaxed);

	return MIN(MAX(timeout, CONF_TIMEOUT_MIN), CONF_TIMEOUT_MAX);
}

/* One more is to be held. Return: false: there are as many as may be, and all are to be let go before. */
static inline bool outpost_may_hold(struct outpost_shared *sh)
{
	if (atomic_fetch_add_explicit(&sh->n_held, 1, memory_order_relaxed) < OUTPOST_HELD_MAX)
		return true;
	atomic_store_explicit(&sh->n_held, 1, memory_order_relaxed); /* one thread holds */
	return false;
}

static inline void outpost_count(struct outpost_shared *sh, enum outpost_counter which)
{
	atomic_fetch_add_explicit(&sh->n[which], 1, memory_order_relaxed); /* orders nothing */
}
