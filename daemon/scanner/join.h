/* SPDX-License-Identifier: Apache-2.0 */
/* Join: many opens of one file cost one or two scans
 *
 * A scan that begins after an event was read reads what that event's opener may see: its finding is right
 * for the event as much as that of a scan of its own would be. So an event whose file is waiting to be
 * scanned, or being scanned, is put aside, and whoever scans takes care of it when done. It shares the
 * finding if it was there before the reading began, or before the cached verdict was proven; all those
 * who came later share the next. Each keeps its own policy line, deadline, answer and record.
 */
#pragma once

#include <stdatomic.h>

#include "daemon/scanner/inquiry.h"

#define JOIN_PLACES 256 /* two files that fall on one place: the second is not joined */

/* A scan that waits or runs. What it is about is written before OPEN, and only by who claimed the place. */
struct join_place {
	_Atomic uint64_t word; /* version, state, newest job put aside; see join.c. Any thread */
	struct cache_key key;
	uint64_t size_bytes, max_size_bytes, name;
	bool opens;       /* archives */
	int64_t mtime_nsec, ctime_nsec;
	uid_t owner;
	nsec_t began; /* the reading, or the look into the cache; 0: not yet. Who claimed the place */
} _cacheline_;

/* Is this file being scanned, in the same state, under the same limits? Then the job is taken care of,
 * and the caller must not touch it any more. */
bool join_wait(struct inquiry *q, uint64_t max_size_bytes);

/* This job is going to be scanned: others may join. NULL: none will. */
struct join_place *join_open(struct inquiry *q, uint64_t max_size_bytes);

/* What is found about its file is right from now on: it is read, or its cached verdict proven. @p may be NULL. */
void join_began(struct join_place *p);

/* After q->finding is complete. Return: the jobs that were put aside, the oldest first, linked by joined; NULL: none. Each must be
 * judged, by join_shares() or anew. @p may be NULL. */
struct job *join_end(struct scanner *sc, struct join_place *p, nsec_t *ret_began);

/* Is @f, of what began at @began, right for @job? */
bool join_shares(const struct job *job, const struct finding *f, nsec_t began);
