/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads
 *
 * Owns: memory for what is decoded, ceilings, and zlib.
 * Must not own: what a payload means (its caller), how base64 is found (payload-text).
 *
 * What is decoded lies in the first part of the memory, what is inflated in the second. Both
 * have room before them for the line that says which program runs it.
 */
#include "custos/payload.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "custos/clock.h"
#include "custos/filetype.h"
#include "custos/give-back.h"
#include "payload-text.h"

/* Lines before a payload are shorter. */
#define MARK_BYTES        ((size_t)32)
#define RATIO_FLOOR_BYTES (UINT64_C(1) << 20)
/* Between two looks at the clock. */
#define STEP_BYTES ((size_t)64 << 10)
#define KEEP_BYTES ((size_t)256 << 10)
/* Whatever it is, it is worth a look: longer than keys, signatures and the like. */
#define LONG_BYTES 384
#define TEXT_BYTES ((size_t)512) /* that are looked at to tell whether it is text */
/* Shorter streams say nothing; random bytes seldom are a longer one without a header. */
#define RAW_MIN 16

/* Scripts have tens at most; a page with its pictures in it hundreds. Memory of a worker is
 * reserved for the other two. */
const struct payload_limits payload_limits_default = {
	.n = 1000,
	.n_in = (size_t)16 << 20,
	.n_out = (size_t)32 << 20,
	.ratio = 200,
	.time = 10 * NSEC_PER_SEC,
};

struct payload_walker {
	struct payload_limits limits;
	uint8_t *mem; /* MARK_BYTES, n_in, MARK_BYTES, n_out */
	size_t mem_bytes;
	/* of the file */
	unsigned n;
	size_t n_in, n_out;
	nsec_t end; /* of the ceiling of time */
	/* of the walk that is going on */
	struct payload_walk *walk;
	struct payload_signs signs;
	uint64_t offset;
	bool stop;
};

size_t payload_room(const struct payload_limits *l)
{
	return 2 * MARK_BYTES + l->n_in + l->n_out;
}

int payload_walker_new(const struct payload_limits *l, struct payload_walker **ret)
{
	struct payload_walker *w = calloc(1, sizeof(*w));
	void *p;

	if (!w)
		return -ENOMEM;
	w->limits = *l;
	w->mem_bytes = payload_room(l);
	p = mmap(NULL, w->mem_bytes, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(w);
		return -ENOMEM;
	}
	w->mem = p;
	payload_begin(w);
	*ret = w;
	return 0;
}

struct payload_walker *payload_walker_free(struct payload_walker *w)
{
	if (w)
		(void)munmap(w->mem, w->mem_bytes);
	free(w);
	return NULL;
}

void payload_walker_freep(struct payload_walker **w)
{
	*w = payload_walker_free(*w);
}

void payload_begin(struct payload_walker *w)
{
	w->n = 0;
	w->n_in = w->n_out = 0;
	w->end = clock_now() + w->limits.time;
}

static void miss(struct payload_walker *w, enum reason reason)
{
	if (w->walk->reason != REASON_NONE)
		return;
	w->walk->reason = reason;
	w->walk->offset = w->offset;
}

static void stop(struct payload_walker *w, enum reason reason)
{
	miss(w, reason);
	w->stop = true;
}

static bool is_late(struct payload_walker *w)
{
	const nsec_t now = clock_now();
	/* Relaxed: nothing is published by it. */
	const bool cancelled =
		w->walk->cancel && atomic_load_explicit(w->walk->cancel, memory_order_relaxed);

	if (now < w->walk->deadline && now < w->end && !cancelled)
		return false;
	stop(w, cancelled || now >= w->walk->deadline ? REASON_TIMEOUT : REASON_PAY_TIME);
	return true;
}

/* --- what is worth a look --- */

static bool is_text(const uint8_t *p, size_t len)
{
	const size_t n = MIN(len, TEXT_BYTES);
	size_t n_ascii = 0;

	for (size_t i = 0; i < n; i++) {
		if ((p[i] < ' ' && !(p[i] >= '\t' && p[i] <= '\r') && p[i] != '\x1b') || p[i] == 0x7f)
			return false;
		n_ascii += p[i] < 0x80;
	}
	return n_ascii * 10 >= n * 7;
}

static bool has_gzip_head(const uint8_t *p, size_t len)
{
	return len > 18 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8 && (p[3] & 0xe0) == 0;
}

static bool has_zlib_head(const uint8_t *p, size_t len)
{
	return len > 8 && (p[0] & 0x0f) == 8 && p[0] >> 4 <= 7 && (p[0] << 8 | p[1]) % 31 == 0;
}

/* Programs, archives and the like: nobody runs them as a script, but PHP, which takes what stands before its mark for
 * text. */
static bool is_script(const uint8_t *buf, size_t len)
{
	static const char *const others[] = {"ELF", "EXE", "MACH-O", "CLASS", "ZIP", "RAR", "7ZIP",
	                                     "GZIP", "XZ", "BZIP2", "ZSTD", "OLE", "MDMP"};
	const char *type = filetype_name(buf, len);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(type, others[i]) == 0)
			return memmem(buf, len, "<?php", 5) || memmem(buf, len, "<?=", 3);
	return true;
}

bool payload_may_be(const void *buf, size_t len, bool decodes)
{
	struct payload_signs signs = {.decodes = decodes};

	if (!is_script(buf, len))
		return false;
	if (!decodes)
		payload_signs(buf, len, &signs);
	return signs.decodes;
}

/* --- one payload --- */

/* Return: the walk goes on. */
static bool show_once(struct payload_walker *w, const uint8_t *p, size_t len)
{
	const struct payload shown = {.buf = p, .len = len, .offset = w->offset};
	const nsec_t deadline = MIN(w->walk->deadline, w->end);
	enum reason missed = REASON_NONE;

	if (is_late(w))
		return false;
	if (!w->walk->payload(w->walk->userdata, &shown, deadline, &missed)) {
		w->walk->offset = w->offset;
		w->stop = true;
	} else if (missed != REASON_NONE) {
		miss(w, missed == REASON_TIMEOUT && deadline < w->walk->deadline ? REASON_PAY_TIME : missed);
	}
	return !w->stop;
}

/* As it is, and as what the languages would make of it that are spoken in the script. There are
 * MARK_BYTES before @p. */
static void show(struct payload_walker *w, uint8_t *p, size_t len)
{
	if (w->n >= w->limits.n) {
		stop(w, REASON_PAY_COUNT);
		return;
	}
	w->n++;
	if (!show_once(w, p, len) || !is_text(p, len) || (len >= 2 && memcmp(p, "#!", 2) == 0))
		return;
	for (unsigned l = 0; l < N_PAYLOAD_LANGUAGES; l++) {
		const char *mark = payload_mark(l);
		const size_t n = strlen(mark);

		if (!(w->signs.languages & 1U << l))
			continue;
		memcpy(p - n, mark, n);
		if (!show_once(w, p - n, len + n))
			return;
	}
}

enum inflated { INFLATE_END, INFLATE_CUT, INFLATE_NONE };

static bool is_bomb(struct payload_walker *w, size_t n_in, size_t n_out)
{
	if (n_out <= RATIO_FLOOR_BYTES || n_out / w->limits.ratio <= n_in)
		return false;
	miss(w, REASON_PAY_RATIO);
	return true;
}

/* Room for what comes next? */
static bool has_room(struct payload_walker *w, size_t n_in, size_t n_out)
{
	if (is_bomb(w, n_in, n_out))
		return false;
	if (n_out < w->limits.n_out - w->n_out)
		return true;
	stop(w, REASON_PAY_BYTES);
	return false;
}

/* Into the second part of the memory. */
static enum inflated inflate_all(struct payload_walker *w, z_stream *z, bool is_gzip, uint8_t *out,
                                 size_t n_in, size_t *ret_len)
{
	size_t len = 0;
	int r = Z_OK;

	while (r == Z_OK && !is_late(w) && has_room(w, n_in, len)) {
		const size_t room = MIN(STEP_BYTES, w->limits.n_out - w->n_out - len);

		z->next_out = out + len;
		z->avail_out = (uInt)room;
		r = inflate(z, Z_NO_FLUSH);
		len += room - z->avail_out;
		/* gzip(1) goes on with the next member, and so does what runs what comes out */
		if (r == Z_STREAM_END && is_gzip && has_gzip_head(z->next_in, z->avail_in))
			r = inflateReset(z);
	}
	if (r == Z_STREAM_END)
		(void)is_bomb(w, n_in, len);
	if (r == Z_MEM_ERROR)
		miss(w, REASON_NOMEM);
	*ret_len = len;
	return r == Z_STREAM_END ? INFLATE_END : len ? INFLATE_CUT : INFLATE_NONE;
}

/* @p, as zlib's @window_bits say. */
static bool inflate_as(struct payload_walker *w, const uint8_t *p, size_t len, int window_bits)
{
	uint8_t *out = w->mem + 2 * MARK_BYTES + w->limits.n_in + w->n_out;
	z_stream z = {.next_in = (Bytef *)p, .avail_in = (uInt)MIN(len, (size_t)UINT32_MAX / 2)};
	enum inflated r;
	size_t n;

	if (inflateInit2(&z, window_bits) != Z_OK) {
		miss(w, REASON_NOMEM);
		return false;
	}
	r = inflate_all(w, &z, window_bits > 15, out, len, &n);
	(void)inflateEnd(&z); /* cannot fail for a stream that was begun */
	/* without a header, only what is whole and takes up most of it is more than chance */
	if (r == INFLATE_NONE || (window_bits < 0 && (r != INFLATE_END || z.total_in < len - len / 8)))
		return false;
	w->n_out += n;
	if (n)
		show(w, out, n);
	return true;
}

static void decompress(struct payload_walker *w, const uint8_t *p, size_t len)
{
	if (has_gzip_head(p, len))
		(void)inflate_as(w, p, len, 15 + 16);
	else if ((!has_zlib_head(p, len) || !inflate_as(w, p, len, 15)) && len >= RAW_MIN &&
	         !is_text(p, len) && !w->stop)
		(void)inflate_as(w, p, len, -15);
}

static void walk_run(struct payload_walker *w, const uint8_t *buf, const struct base64_run *run)
{
	uint8_t *p = w->mem + MARK_BYTES;
	size_t len;

	w->offset = run->begin;
	if (run->n_chars / 4 * 3 + 3 > w->limits.n_in - w->n_in) {
		stop(w, REASON_PAY_BYTES);
		return;
	}
	len = base64_decode(buf, run, w->signs.url_safe, p);
	if (is_text(p, len) || len >= LONG_BYTES || *filetype_name(p, len)) {
		w->n_in += len;
		show(w, p, len);
	}
	if (!w->stop && len > 8)
		decompress(w, p, len);
}

static void walk_base64(struct payload_walker *w)
{
	struct base64_run run;
	size_t pos = 0;

	while (!w->stop &&
	       base64_next(w->walk->buf, w->walk->len, w->signs.url_safe, &pos, &run) && !is_late(w))
		walk_run(w, w->walk->buf, &run);
}

/* gzip behind a script, as it is. */
static void walk_gzip(struct payload_walker *w)
{
	const uint8_t *buf = w->walk->buf, *p = buf, *end = buf + w->walk->len;

	for (; !w->stop && (p = memmem(p, (size_t)(end - p), "\x1f\x8b\x08", 3)) && !is_late(w); p++) {
		w->offset = (uint64_t)(p - buf);
		if (has_gzip_head(p, (size_t)(end - p)))
			(void)inflate_as(w, p, (size_t)(end - p), 15 + 16);
	}
}

static void give_memory_back(const struct payload_walker *w)
{
	/* Failure costs memory; the next large one tries again. */
	if (w->n_in + w->n_out > KEEP_BYTES)
		(void)give_back(w->mem, w->mem_bytes);
}

void payload_walk(struct payload_walker *w, struct payload_walk *walk)
{
	const uint8_t *buf = walk->buf;

	walk->reason = REASON_NONE;
	walk->offset = 0;
	w->walk = walk;
	w->stop = false;
	w->offset = 0;
	if (!is_script(buf, walk->len))
		return;
	payload_signs(buf, walk->len, &w->signs);
	if (w->signs.decodes)
		walk_base64(w);
	if (!w->stop && walk->len > 2 && (memcmp(buf, "#!", 2) == 0 || memcmp(buf, "<?", 2) == 0))
		walk_gzip(w);
	give_memory_back(w);
}
