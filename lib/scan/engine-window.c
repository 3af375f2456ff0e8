/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine: files that are too large to be held in memory
 *
 * Owns: the windows that such a file is read in.
 * Must not own: what a rule sees of them (rules-window).
 *
 * The first window stays in the first half of the buffer, for rules look at the beginning of
 * a file; the others follow one another in the second half, the last of which stays, too.
 * Each byte is read once: what is hashed is what the rules see.
 */
#include <errno.h>
#include <string.h>

#include "custos/clock.h"
#include "engine-own.h"
#include "payload-text.h"

struct windows {
	struct engine *e;
	const struct engine_input *in;
	uint64_t max_bytes;
	uid_t owner;
	struct finding *f;
	enum rules_result result; /* RULES_CLEAN until the rules fail */
	struct rules_window last;
};

/* Up to the end of the file, or of the room; hashed on the way. */
static enum reason fill(struct windows *w, uint8_t *p, size_t room, size_t *ret_len)
{
	size_t len = 0;

	while (len < room) {
		const size_t part = MIN(room - len, ENGINE_CHUNK_BYTES);
		ssize_t n;

		if (clock_now() >= w->in->deadline)
			return REASON_TIMEOUT;
		n = engine_read(w->in->fd, p + len, part, w->f->size_bytes);
		if (n < 0)
			return errno == ENOMEM ? REASON_NOMEM : REASON_IO;
		if (n == 0)
			break;
		if (digests_update(&w->e->digests, p + len, (size_t)n) < 0)
			return REASON_ENGINE;
		len += (size_t)n;
		w->f->size_bytes += (uint64_t)n;
		if (w->f->size_bytes > w->max_bytes)
			return REASON_TOO_LARGE;
	}
	*ret_len = len;
	return REASON_NONE;
}

static void show(struct windows *w, const void *buf, size_t len)
{
	const struct rules_window win = {buf, len, w->f->size_bytes - len};
	const struct engine_bytes head = {.buf = buf, .len = len, .path = w->in->path, .owner = w->owner};
	struct engine *e = w->e;

	w->last = win;
	if (w->in->keep_bytes && !e->decodes) {
		struct payload_signs signs;

		payload_signs(buf, len, &signs);
		e->decodes = signs.decodes;
	}
	if (!e->scanner)
		return;
	if (win.base > 0)
		w->result = rules_windows_add(e->scanner, &win);
	else
		w->result = rules_windows_begin(e->scanner, &win, engine_set_vars(e, &head),
		                                w->in->deadline, &w->f->match);
}

static enum reason read_windows(struct windows *w)
{
	const size_t half = w->e->buf_bytes / 2;
	uint8_t *next = w->e->buf + half;
	size_t len;
	enum reason reason = fill(w, w->e->buf, half, &len);

	if (reason != REASON_NONE)
		return reason;
	show(w, w->e->buf, len);
	/* a window that is not full is the last */
	while (w->result == RULES_CLEAN && w->last.len == half) {
		memmove(next, (const uint8_t *)w->last.buf + half - RULES_OVERLAP_BYTES,
		        RULES_OVERLAP_BYTES);
		reason = fill(w, next + RULES_OVERLAP_BYTES, half - RULES_OVERLAP_BYTES, &len);
		if (reason != REASON_NONE)
			return reason;
		show(w, next, RULES_OVERLAP_BYTES + len);
	}
	return REASON_NONE;
}

/* Return: it is, and the rules need not be asked. */
static bool is_judged(struct windows *w, struct engine_digests *d)
{
	const enum reason reason = read_windows(w);

	if (reason == REASON_NONE && w->result == RULES_CLEAN)
		return engine_look_up(w->e, w->in, NULL, d, w->f);
	if (reason == REASON_NONE)
		engine_take(w->f, w->result);
	else
		engine_give_up(w->f, reason);
	return true;
}

void engine_scan_windows(struct engine *e, const struct engine_input *in, uint64_t max_bytes,
                         uid_t owner, struct engine_digests *d, struct finding *f)
{
	struct windows w = {.e = e, .in = in, .max_bytes = max_bytes, .owner = owner, .f = f};

	f->windows = true;
	e->decodes = false;
	if (is_judged(&w, d)) {
		if (e->scanner)
			rules_windows_drop(e->scanner);
	} else if (e->scanner) {
		engine_take(f, rules_windows_end(e->scanner, &f->partial));
	} else {
		engine_conclude(f, VERDICT_CLEAN, REASON_NONE);
	}
	e->used = e->buf_bytes / 2 + w.last.len;
	e->touched = e->buf_bytes;
}
