/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives
 *
 * Owns: memory for members, ceilings, and the way through members of members.
 * Must not own: the readers (archive-read), what opens as what (archive-sign), what a
 * member means (its caller).
 *
 * A member is unpacked behind the one it was found in, and given back when all that is
 * in it has been seen. What lies there at any time is part of what was unpacked, so the
 * ceiling on bytes is the size of the memory, too.
 */
#include "custos/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archive-hidden.h"
#include "archive-sign.h"
#include "archive-walk.h"
#include "custos/clock.h"
#include "custos/give-back.h"

#define KEEP_BYTES ((size_t)1 << 20)

_Static_assert(ARC_DEPTH_MAX <= MEMBER_LEVELS_MAX, "a place can be told");

int arc_walker_new(const struct arc_limits *limits, struct arc_walker **ret)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct arc_walker *w;
	void *p;

	if (!arc_limits_valid(limits))
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->limits = *limits;
	w->mem_bytes =
		arc_align((size_t)limits->n_bytes + ARC_DEPTH_MAX * ARC_ALIGN_BYTES, page);
	p = mmap(NULL, w->mem_bytes + page, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(w);
		return -ENOMEM;
	}
	w->mem = p;
	w->map_bytes = w->mem_bytes + page;
	if (mprotect(w->mem + w->mem_bytes, page, PROT_NONE) < 0) {
		arc_walker_free(w);
		return -ENOMEM;
	}
	*ret = w;
	return 0;
}

struct arc_walker *arc_walker_free(struct arc_walker *w)
{
	if (w && w->mem)
		(void)munmap(w->mem, w->map_bytes);
	free(w);
	return NULL;
}

void arc_walker_freep(struct arc_walker **w)
{
	*w = arc_walker_free(*w);
}

/* Members that only programs find which do not go by the list at the end of a zip. */
static void walk_hidden(struct arc_walker *w, const uint8_t *buf, size_t len, const char *name, unsigned depth)
{
	struct arc_sign sign = {.kind = ARC_ZIP, .alone = true};
	struct arc_listed listed;
	size_t next;

	if (arc_listed_read(buf, len, &listed) < 0) {
		arc_stop(w, depth - 1, REASON_NOMEM);
		return;
	}
	if (listed.differs)
		arc_miss(w, depth - 1, REASON_ARC_DAMAGED);
	while (!w->stop && arc_hidden(&listed, buf, len, &sign.offset, &next)) {
		sign.len = len - sign.offset;
		(void)arc_walk_one(w, buf, len, name, &sign, depth);
		sign.offset = next;
	}
	arc_listed_deinit(&listed);
}

/* Every reading of what lies at the beginning. Return: as arc_walk_one(). */
static size_t walk_readings(struct arc_walker *w, const uint8_t *buf, size_t len,
                            const char *name, unsigned depth, uint32_t n_before)
{
	struct arc_sign signs[ARC_SIGNS_MAX];
	const unsigned n = arc_signs(buf, len, w->limits.kinds, signs);
	size_t end = len;

	for (unsigned i = 0; i < n && !w->stop; i++) {
		const bool is_on = w->limits.kinds & 1U << signs[i].kind;

		if (is_on && depth <= w->limits.depth) {
			size_t at;

			w->place[depth - 1] = n_before;
			at = arc_walk_one(w, buf, len, name, &signs[i], depth);
			end = MIN(end, at);
			if (signs[i].by_list && !w->stop)
				walk_hidden(w, buf, signs[i].len, name, depth);
		} else if (is_on) {
			arc_miss(w, depth - 1, REASON_ARC_DEPTH);
		} else if (signs[i].is_sure) { /* the others may be no archives */
			arc_miss(w, depth - 1, REASON_ARC_FORMAT);
		}
	}
	return end;
}

/* @depth: that its members would have. What follows counts as one more, so that there
 * is an end. */
void arc_walk_bytes(struct arc_walker *w, const uint8_t *buf, size_t len, const char *name, unsigned depth)
{
	uint32_t n_before = 0;

	for (;;) {
		const size_t end = walk_readings(w, buf, len, name, depth, n_before);

		if (end == len || w->stop)
			return;
		if (w->walk->n_members >= w->limits.n_members) {
			arc_stop(w, depth, REASON_ARC_MEMBERS);
			return;
		}
		w->walk->n_members++;
		n_before = MAX(w->place[depth - 1], 1U) - 1; /* the last was none */
		buf += end;
		len -= end;
	}
}

void arc_walk(struct arc_walker *w, struct arc_walk *walk)
{
	const nsec_t now = clock_now();

	walk->reason = REASON_NONE;
	walk->at = (struct member_place){0};
	walk->n_members = 0;
	walk->n_bytes = 0;
	w->walk = walk;
	w->deadline = MIN(walk->deadline, now + w->limits.time);
	w->used = w->most_used = 0;
	w->stop = false;
	arc_walk_bytes(w, walk->buf, walk->len, walk->name ? walk->name : "", 1);
	/* Failure costs memory; the next large one tries again. */
	if (w->most_used > KEEP_BYTES)
		(void)give_back(w->mem + KEEP_BYTES, w->most_used - KEEP_BYTES);
}
