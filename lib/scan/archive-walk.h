/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: what the way through members of members, and one archive on it, have in common */
#pragma once

#include "archive-sign.h"
#include "custos/archive.h"

/* Members begin at multiples of it. */
#define ARC_ALIGN_BYTES ((size_t)64)

struct arc_walker {
	struct arc_limits limits;
	uint8_t *mem; /* mapping of mem_bytes, and a guard page behind it */
	size_t mem_bytes, map_bytes;
	size_t used, most_used;
	/* of the walk that is going on */
	struct arc_walk *walk;
	nsec_t deadline; /* the walk's, or the ceiling on time */
	uint32_t place[ARC_DEPTH_MAX];
	bool stop;
};

static inline size_t arc_align(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* Something at the present place, @n levels deep, is not read: the first counts. */
void arc_miss(struct arc_walker *w, unsigned n, enum reason reason);

/* The same, and the walk is over. */
void arc_stop(struct arc_walker *w, unsigned n, enum reason reason);

/* Every reading of @buf, and of what follows it. @depth: that its members would have. */
void arc_walk_bytes(struct arc_walker *w, const uint8_t *buf, size_t len, const char *name, unsigned depth);

/**
 * arc_walk_one() - show the members of the archive that @sign tells of in @buf, and walk what is in them
 *
 * Return: where in @buf something else may follow; @len: nowhere.
 */
size_t arc_walk_one(struct arc_walker *w, const uint8_t *buf, size_t len, const char *name,
                    const struct arc_sign *sign, unsigned depth);
