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
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "archive-name.h"
#include "archive-read.h"
#include "archive-sign.h"
#include "custos/clock.h"
#include "custos/give-back.h"

/* Nothing is a bomb before this. */
#define RATIO_FLOOR_BYTES (UINT64_C(1) << 20)
#define KEEP_BYTES        ((size_t)1 << 20)
#define ALIGN_BYTES       ((size_t)64)

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

/* One archive that is being walked. */
struct level {
	struct arc_reader reader;
	const struct arc_sign *sign;
	unsigned depth; /* of its members; 1: in the file itself */
	size_t len;
	const char *name;
	uint64_t n_out;
	bool got_any; /* something could be read */
};

_Static_assert(ARC_DEPTH_MAX <= MEMBER_LEVELS_MAX, "a place can be told");

static size_t align(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

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
		align((size_t)limits->n_bytes + ARC_DEPTH_MAX * ALIGN_BYTES, page);
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

static void take_place(struct arc_walker *w, unsigned n)
{
	w->walk->at.n = n;
	memcpy(w->walk->at.number, w->place, n * sizeof(w->place[0]));
}

/* Something at the present place, @n levels deep, is not read: the first counts. */
static void miss(struct arc_walker *w, unsigned n, enum reason reason)
{
	if (w->walk->reason != REASON_NONE)
		return;
	w->walk->reason = reason;
	take_place(w, n);
}

static void stop(struct arc_walker *w, unsigned n, enum reason reason)
{
	miss(w, n, reason);
	w->stop = true;
}

/* Return: the time is over, and the walk with it. */
static bool is_late(struct arc_walker *w, unsigned n)
{
	const nsec_t now = clock_now();
	/* Relaxed: nothing is published by it. */
	const bool cancelled = w->walk->cancel &&
	                       atomic_load_explicit(w->walk->cancel, memory_order_relaxed);

	if (now < w->deadline && !cancelled)
		return false;
	stop(w, n,
	     cancelled || now >= w->walk->deadline ? REASON_TIMEOUT : REASON_ARC_TIME);
	return true;
}

/* A reader did not give what was asked of it, @n levels deep. Return: the next member
 * may be asked for. */
static bool note_step(struct arc_walker *w, const struct level *l, unsigned n,
                      enum arc_step step)
{
	switch (step) {
	case ARC_LATE:
		(void)is_late(w, n);
		return false;
	case ARC_NOMEM:
		stop(w, n, REASON_NOMEM);
		return false;
	case ARC_LOCKED:
		miss(w, n, REASON_ARC_ENCRYPTED);
		return false;
	default:
		/* what was only a guess may be no archive at all */
		if (l->sign->is_sure || l->got_any)
			miss(w, n, REASON_ARC_DAMAGED);
		return step == ARC_BROKEN && !w->stop;
	}
}

/* Room for what comes next, as far as the ceilings allow. */
static bool take_bytes(struct arc_walker *w, struct level *l, uint64_t n)
{
	if (n > w->limits.n_bytes - w->walk->n_bytes) {
		stop(w, l->depth, REASON_ARC_BYTES);
		return false;
	}
	if (l->n_out + n > RATIO_FLOOR_BYTES &&
	    (l->n_out + n - 1) / w->limits.ratio >= l->len) {
		miss(w, l->depth, REASON_ARC_RATIO);
		return false;
	}
	w->walk->n_bytes += n;
	l->n_out += n;
	return true;
}

/* Zeros up to the piece, then the piece. Return: false when a ceiling or damage ends
 * the member. */
static bool append(struct arc_walker *w, struct level *l, uint8_t *to, size_t *len,
                   const struct arc_piece *p)
{
	if (p->len && p->offset < *len) {
		miss(w, l->depth, REASON_ARC_DAMAGED);
		return false;
	}
	if (p->offset > *len) {
		const uint64_t hole = p->offset - *len;

		if (!take_bytes(w, l, hole))
			return false;
		memset(to + *len, 0, (size_t)hole);
		*len += (size_t)hole;
	}
	if (!take_bytes(w, l, p->len))
		return false;
	if (p->len) {
		memcpy(to + *len, p->data, p->len);
		l->got_any = true;
	}
	*len += p->len;
	return true;
}

/* Did the member end before it should? */
static bool is_short(const struct level *l, const struct arc_entry *entry, size_t len)
{
	if (!arc_is_filter(l->sign->kind))
		return entry->has_size && len < entry->n_bytes;
	return len == 0 && l->sign->is_sure &&
	       !arc_may_be_empty(l->sign->kind, l->reader.buf, l->len);
}

/* The member's data, behind what is used. Return: the archive may have more members. */
static bool read_data(struct arc_walker *w, struct level *l,
                      const struct arc_entry *entry, size_t *ret_len)
{
	uint8_t *to = w->mem + w->used;
	struct arc_piece p;
	enum arc_step step;

	*ret_len = 0;
	while ((step = arc_data(&l->reader, &p)) == ARC_OK) {
		if (is_late(w, l->depth))
			return false;
		if (!append(w, l, to, ret_len, &p))
			return false;
	}
	if (step != ARC_END)
		return note_step(w, l, l->depth, step);
	p.len = 0; /* a hole at the end */
	if (p.offset > *ret_len && entry->has_size && p.offset <= entry->n_bytes &&
	    !append(w, l, to, ret_len, &p))
		return false;
	if (is_short(l, entry, *ret_len))
		miss(w, l->depth, REASON_ARC_DAMAGED);
	return true;
}

static void walk_bytes(struct arc_walker *w, const uint8_t *buf, size_t len,
                       const char *name, unsigned depth);

/* Show the member, then what is in it; give its memory back. */
static void show(struct arc_walker *w, const struct level *l, const char *name,
                 size_t len)
{
	char buf[NAME_MAX + 1];
	const struct arc_member m = {
		.buf = w->mem + w->used,
		.len = len,
		.name = arc_is_filter(l->sign->kind) ? arc_stream_name(l->name, buf)
	                                             : name,
	};
	const size_t used = w->used;
	enum reason missed = REASON_NONE;
	bool more;

	if (len == 0)
		return;
	w->used = MIN(align(used + len, ALIGN_BYTES), w->mem_bytes);
	w->most_used = MAX(w->most_used, w->used);
	more = w->walk->member(w->walk->userdata, &m, w->deadline, &missed);
	if (missed != REASON_NONE)
		miss(w, l->depth, missed);
	if (!more) {
		take_place(w, l->depth);
		w->stop = true;
	} else if (!w->stop) {
		walk_bytes(w, m.buf, len, m.name, l->depth + 1);
	}
	w->used = used;
}

/* Return: the archive may have more members. */
static bool walk_member(struct arc_walker *w, struct level *l)
{
	struct arc_entry entry;
	enum arc_step step;
	size_t len;
	bool more;

	w->place[l->depth - 1]++;
	if (is_late(w, l->depth))
		return false;
	step = arc_next(&l->reader, &entry);
	if (step == ARC_END)
		return false;
	if (w->walk->n_members >= w->limits.n_members) {
		stop(w, l->depth, REASON_ARC_MEMBERS);
		return false;
	}
	w->walk->n_members++;
	if (step != ARC_OK)
		return note_step(w, l, l->depth, step);
	/* of a filter there is a member whatever it reads */
	l->got_any |= !arc_is_filter(l->sign->kind);
	if (entry.is_locked) {
		miss(w, l->depth, REASON_ARC_ENCRYPTED);
		return true;
	}
	more = read_data(w, l, &entry, &len);
	/* also what there is of a damaged one */
	show(w, l, entry.name, len);
	return more && !w->stop;
}

/* Return: where in @buf something else may follow; @len: nowhere. */
static size_t walk_archive(struct arc_walker *w, const uint8_t *buf, size_t len,
                           const char *name, const struct arc_sign *sign,
                           unsigned depth)
{
	struct level l = {.sign = sign, .depth = depth, .len = sign->len, .name = name};
	enum arc_step step;
	size_t end = len;

	if (sign->is_damaged)
		miss(w, depth - 1, REASON_ARC_DAMAGED);
	step = arc_open(&l.reader, sign, buf, w->deadline);
	if (step != ARC_OK)
		(void)note_step(w, &l, depth - 1, step);
	else
		while (walk_member(w, &l))
			;
	if (step == ARC_OK && sign->kind == ARC_CPIO && !w->stop)
		end = arc_cpio_end(buf, len, arc_header_at(&l.reader));
	arc_close(&l.reader);
	return end;
}

/* Every reading of what lies at the beginning. Return: as walk_archive(). */
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
			at = walk_archive(w, buf, len, name, &signs[i], depth);
			end = MIN(end, at);
		} else if (is_on) {
			miss(w, depth - 1, REASON_ARC_DEPTH);
		} else if (signs[i].is_sure) { /* the others may be no archives */
			miss(w, depth - 1, REASON_ARC_FORMAT);
		}
	}
	return end;
}

/* @depth: that its members would have. What follows counts as one more, so that there
 * is an end. */
static void walk_bytes(struct arc_walker *w, const uint8_t *buf, size_t len,
                       const char *name, unsigned depth)
{
	uint32_t n_before = 0;

	for (;;) {
		const size_t end = walk_readings(w, buf, len, name, depth, n_before);

		if (end == len || w->stop)
			return;
		if (w->walk->n_members >= w->limits.n_members) {
			stop(w, depth, REASON_ARC_MEMBERS);
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
	walk_bytes(w, walk->buf, walk->len, walk->name ? walk->name : "", 1);
	/* Failure costs memory; the next large one tries again. */
	if (w->most_used > KEEP_BYTES)
		(void)give_back(w->mem + KEEP_BYTES, w->most_used - KEEP_BYTES);
}
