/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report on rules
 *
 * Owns: its form. Must not own: what is in it (rules-trial.c, rules-cost.c).
 * Hands off to: a section of the rule image, which custosd reads for the admin socket.
 */
#include "custos/rules-report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC UINT32_C(0x32525243) /* "CRR2" */

/* In host order, as the image is. Sets follow, then rows. */
struct report_head {
	uint32_t magic, n_rows, n_sets;
	uint32_t reserved; /* zero */
	struct rules_tried tried;
};

/* Three texts with their NULs follow. */
struct row_head {
	uint64_t nsec;
	uint32_t line;
	uint16_t state, windows;
	uint32_t len[3]; /* without NUL */
	uint32_t reserved; /* zero */
};

static size_t row_bytes(const struct row_head *h)
{
	return sizeof(*h) + h->len[0] + h->len[1] + h->len[2] + 3;
}

static int make_room(struct rules_report *r, size_t bytes)
{
	size_t n = r->n_alloc ? r->n_alloc : 4096;
	uint8_t *grown;

	while (n - r->len < bytes)
		n *= 2;
	if (n == r->n_alloc)
		return 0;
	grown = realloc(r->mem, n);
	if (!grown)
		return -ENOMEM;
	r->mem = grown;
	r->n_alloc = n;
	return 0;
}

static void put(struct rules_report *r, const void *data, size_t len)
{
	memcpy(r->mem + r->len, data, len);
	r->len += len;
}

/* What is slow is added first, and leaves room for what is left out. */
static const uint32_t rows_max[] = {
	[RULES_IN_FORCE] = RULES_REPORT_ROWS_MAX / 2,
	[RULES_OVER_BUDGET] = RULES_REPORT_ROWS_MAX / 4 * 3,
	[RULES_UNFIT] = RULES_REPORT_ROWS_MAX,
	[RULES_BROKEN] = RULES_REPORT_ROWS_MAX,
};

int rules_report_add(struct rules_report *r, const struct rules_row *row)
{
	const char *const texts[] = {row->file, row->rule, row->why};
	struct row_head h = {.nsec = row->nsec, .line = row->line,
	                     .state = (uint16_t)row->state, .windows = row->windows};

	if (r->n_rows >= rows_max[row->state])
		return 0;
	for (unsigned i = 0; i < 3; i++)
		h.len[i] = (uint32_t)strnlen(texts[i], RULES_REPORT_TEXT_MAX);
	if (make_room(r, row_bytes(&h)) < 0)
		return -ENOMEM;
	put(r, &h, sizeof(h));
	for (unsigned i = 0; i < 3; i++) {
		put(r, texts[i], h.len[i]);
		put(r, "", 1);
	}
	r->n_rows++;
	return 0;
}

void rules_report_deinit(struct rules_report *r)
{
	free(r->mem);
	*r = (struct rules_report)RULES_REPORT_NULL;
}

int rules_report_write(const struct rules_report *r, rules_report_sink sink,
                       void *userdata)
{
	const struct report_head h = {MAGIC, r->n_rows, r->n_sets, 0, r->tried};
	int err = sink(userdata, &h, sizeof(h));

	if (err == 0 && r->n_sets > 0)
		err = sink(userdata, r->sets, r->n_sets * sizeof(*r->sets));
	return err == 0 && r->len > 0 ? sink(userdata, r->mem, r->len) : err;
}

/* The head of the row at @at, which is whole. Return: false, it is not. */
static bool read_row(const struct rules_report *r, size_t at, struct row_head *ret)
{
	size_t end;

	if (r->len - at < sizeof(*ret))
		return false;
	memcpy(ret, r->mem + at, sizeof(*ret));
	end = at + sizeof(*ret);
	for (unsigned i = 0; i < 3; i++) {
		const size_t len = ret->len[i];

		if (len > RULES_REPORT_TEXT_MAX || r->len - end < len + 1 ||
		    strnlen((const char *)r->mem + end, len + 1) != len)
			return false;
		end += len + 1;
	}
	return ret->reserved == 0 && ret->state <= RULES_BROKEN && ret->windows <= 1;
}

void rules_report_forget(struct rules_report *r, const char *file)
{
	struct row_head h;
	size_t at = 0;

	while (at < r->len && read_row(r, at, &h)) {
		const size_t bytes = row_bytes(&h);

		if (h.state != RULES_IN_FORCE ||
		    strncmp((const char *)r->mem + at + sizeof(h), file, RULES_REPORT_TEXT_MAX) != 0) {
			at += bytes;
			continue;
		}
		r->len -= bytes;
		r->n_rows--;
		memmove(r->mem + at, r->mem + at + bytes, r->len - at);
	}
}

/* A bool that is neither is not looked at before it is known to be one. */
static bool set_is_valid(const struct rules_set *s)
{
	unsigned char log_only;

	memcpy(&log_only, &s->log_only, 1);
	return memchr(s->name, '\0', sizeof(s->name)) && (!*s->name || rules_set_name_valid(s->name)) &&
	       s->priority <= RULES_PRIORITY_MAX && log_only <= 1 && s->modules <= RULES_MODULES_ALL &&
	       s->vars <= RULES_SET_VARS_ALL;
}

int rules_report_open(const void *mem, size_t size, struct rules_report *ret)
{
	struct report_head h;
	struct rules_report r;
	struct row_head row;
	size_t at = 0;

	if (size < sizeof(h))
		return -EBADMSG;
	memcpy(&h, mem, sizeof(h));
	if (h.magic != MAGIC || h.n_rows > RULES_REPORT_ROWS_MAX || h.n_sets > RULES_SETS_MAX ||
	    h.reserved != 0 || size - sizeof(h) < h.n_sets * sizeof(*r.sets))
		return -EBADMSG;
	r = (struct rules_report){.tried = h.tried,
	                          .n_sets = h.n_sets,
	                          .n_rows = h.n_rows,
	                          .mem = (uint8_t *)mem + sizeof(h) + h.n_sets * sizeof(*r.sets),
	                          .len = size - sizeof(h) - h.n_sets * sizeof(*r.sets)};
	memcpy(r.sets, (const uint8_t *)mem + sizeof(h), h.n_sets * sizeof(*r.sets));
	for (uint32_t i = 0; i < h.n_sets; i++)
		if (!set_is_valid(&r.sets[i].set))
			return -EBADMSG;
	for (uint32_t i = 0; i < h.n_rows; i++) {
		if (!read_row(&r, at, &row))
			return -EBADMSG;
		at += row_bytes(&row);
	}
	if (at != r.len)
		return -EBADMSG;
	*ret = r;
	return 0;
}

bool rules_report_next(const struct rules_report *r, size_t *at, struct rules_row *ret)
{
	const char *texts[3];
	struct row_head h;

	if (*at >= r->len || !read_row(r, *at, &h))
		return false;
	texts[0] = (const char *)r->mem + *at + sizeof(h);
	texts[1] = texts[0] + h.len[0] + 1;
	texts[2] = texts[1] + h.len[1] + 1;
	*ret = (struct rules_row){.file = texts[0], .rule = texts[1], .why = texts[2],
	                          .line = h.line, .state = (enum rules_state)h.state,
	                          .windows = h.windows, .nsec = h.nsec};
	*at += row_bytes(&h);
	return true;
}
