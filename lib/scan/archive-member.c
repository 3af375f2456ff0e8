/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives: one of them
 *
 * Owns: the way from member to member, and room for each, within the ceilings.
 * Must not own: the reader (archive-read), which bytes are an archive (archive-sign), the way into members
 * (archive.c).
 */
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#include "archive-name.h"
#include "archive-read.h"
#include "archive-walk.h"
#include "custos/clock.h"

/* Nothing is a bomb before this. */
#define RATIO_FLOOR_BYTES (UINT64_C(1) << 20)

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

static void take_place(struct arc_walker *w, unsigned n)
{
	w->walk->at.n = n;
	memcpy(w->walk->at.number, w->place, n * sizeof(w->place[0]));
}

void arc_miss(struct arc_walker *w, unsigned n, enum reason reason)
{
	if (w->walk->reason != REASON_NONE)
		return;
	w->walk->reason = reason;
	take_place(w, n);
}

void arc_stop(struct arc_walker *w, unsigned n, enum reason reason)
{
	arc_miss(w, n, reason);
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
	arc_stop(w, n,
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
		arc_stop(w, n, REASON_NOMEM);
		return false;
	case ARC_LOCKED:
		arc_miss(w, n, REASON_ARC_ENCRYPTED);
		return false;
	default:
		/* what was only a guess may be no archive at all */
		if (l->sign->is_sure || l->got_any)
			arc_miss(w, n, REASON_ARC_DAMAGED);
		return step == ARC_BROKEN && !w->stop;
	}
}

/* Room for what comes next, as far as the ceilings allow. */
static bool take_bytes(struct arc_walker *w, struct level *l, uint64_t n)
{
	if (n > w->limits.n_bytes - w->walk->n_bytes) {
		arc_stop(w, l->depth, REASON_ARC_BYTES);
		return false;
	}
	if (l->n_out + n > RATIO_FLOOR_BYTES &&
	    (l->n_out + n - 1) / w->limits.ratio >= l->len) {
		arc_miss(w, l->depth, REASON_ARC_RATIO);
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
		arc_miss(w, l->depth, REASON_ARC_DAMAGED);
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
		if (p.is_wrong)
			arc_miss(w, l->depth, REASON_ARC_DAMAGED);
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
		arc_miss(w, l->depth, REASON_ARC_DAMAGED);
	return true;
}

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
	w->used = MIN(arc_align(used + len, ARC_ALIGN_BYTES), w->mem_bytes);
	w->most_used = MAX(w->most_used, w->used);
	more = w->walk->member(w->walk->userdata, &m, w->deadline, &missed);
	if (missed != REASON_NONE)
		arc_miss(w, l->depth, missed);
	if (!more) {
		take_place(w, l->depth);
		w->stop = true;
	} else if (!w->stop) {
		arc_walk_bytes(w, m.buf, len, m.name, l->depth + 1);
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
		arc_stop(w, l->depth, REASON_ARC_MEMBERS);
		return false;
	}
	w->walk->n_members++;
	if (step != ARC_OK)
		return note_step(w, l, l->depth, step);
	/* of a filter there is a member whatever it reads */
	l->got_any |= !arc_is_filter(l->sign->kind);
	if (entry.is_locked) {
		arc_miss(w, l->depth, REASON_ARC_ENCRYPTED);
		return true;
	}
	more = read_data(w, l, &entry, &len);
	/* also what there is of a damaged one */
	show(w, l, entry.name, len);
	return more && !w->stop;
}

size_t arc_walk_one(struct arc_walker *w, const uint8_t *buf, size_t len, const char *name,
                    const struct arc_sign *sign, unsigned depth)
{
	struct level l = {.sign = sign, .depth = depth, .len = sign->len, .name = name};
	enum arc_step step;
	size_t end = len;

	if (sign->is_damaged)
		arc_miss(w, depth - 1, REASON_ARC_DAMAGED);
	step = arc_open(&l.reader, sign, buf, w->deadline);
	if (step != ARC_OK)
		(void)note_step(w, &l, depth - 1, step);
	else
		while (walk_member(w, &l) && !sign->alone)
			;
	if (step == ARC_OK && sign->kind == ARC_CPIO && !w->stop)
		end = arc_cpio_end(buf, len, arc_header_at(&l.reader));
	if (step == ARC_OK && sign->kind == ARC_TAR && !w->stop)
		end = arc_tar_end(buf, len, arc_header_at(&l.reader));
	arc_close(&l.reader);
	return end;
}
