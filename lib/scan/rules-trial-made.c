/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: the trial with positives
 *
 * Owns: many positives in one file, and which rules have to match it. Must not own: what
 * a positive is (rules-positive.c).
 *
 * A scan with thousands of rules takes a millisecond however short the file is, so rules
 * that need the same first bytes share a file: what one finds there harms no other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/division.h"
#include "custos/types.h"
#include "rules-positive.h"
#include "rules-ns.h"
#include "rules-trial.h"

#define FILE_BYTES  ((size_t)128 << 10)
#define BATCHES_MAX 32 /* different first bytes at a time */

#define FLAGS                                                                          \
	(SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH |                               \
	 SCAN_FLAGS_REPORT_RULES_MATCHING)

struct expected {
	size_t source;
	const char *name; /* in the source's text */
	size_t name_len;
	unsigned line;
	bool seen;
};

struct batch {
	uint8_t bytes[FILE_BYTES];
	size_t len, head_len; /* len 0: unused */
	uint64_t below_bytes;
	struct expected *rules; /* owned */
	size_t n, n_alloc;
	unsigned age;
};

struct making {
	struct trial *t;
	nsec_t end;
	size_t source; /* being read */
	unsigned n_flushed;
	struct batch batches[BATCHES_MAX];
	/* being scanned */
	struct batch *now;
	bool is_pe;
	YR_SCANNER *yr[2]; /* NULL until the first file for it */
};

static int compare(const struct expected *e, const char *file, const char *name,
                   size_t name_len, const struct trial *t)
{
	int c = strcmp(t->sources[e->source].file, file);

	if (c == 0)
		c = strncmp(e->name, name, MIN(e->name_len, name_len));
	if (c == 0)
		c = e->name_len < name_len ? -1 : e->name_len > name_len;
	return c;
}

static int by_rule(const void *a, const void *b, void *trial)
{
	const struct expected *e = b;
	const struct trial *t = trial;

	return compare(a, t->sources[e->source].file, e->name, e->name_len, t);
}

static void note_match(struct making *m, const YR_RULE *rule)
{
	const size_t len = strlen(rule->identifier);
	size_t lo = 0, hi = m->now->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		struct expected *e = &m->now->rules[mid];
		int c = compare(e, rules_ns_file(rule->ns->name), rule->identifier, len, m->t);

		if (c == 0) {
			e->seen = true;
			return;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	struct making *m = userdata;

	if (message == CALLBACK_MSG_RULE_MATCHING &&
	    !(m->is_pe && rules_pe_has(m->t->rules, data)))
		note_match(m, data);
	return CALLBACK_CONTINUE;
}

static int scan(struct making *m, bool pe)
{
	YR_RULES *rules = pe ? m->t->rules->pe : m->t->rules->yr;
	int err;

	if (!m->yr[pe] && yr_scanner_create(rules, &m->yr[pe]) != ERROR_SUCCESS) {
		m->yr[pe] = NULL;
		return ERROR_INSUFFICIENT_MEMORY;
	}
	yr_scanner_set_callback(m->yr[pe], on_message, m);
	yr_scanner_set_flags(m->yr[pe], FLAGS);
	m->yr[pe]->entry_point = YR_UNDEFINED;
	m->yr[pe]->timeout = RULES_TRIAL_FILE_NSEC;
	division_begin();
	err = yr_scanner_scan_mem(m->yr[pe], m->now->bytes, m->now->len);
	(void)division_end(); /* whose it is, only halves of the rules would tell; the keeper finds the file */
	if (err != ERROR_SUCCESS) {
		yr_scanner_destroy(m->yr[pe]);
		m->yr[pe] = NULL;
	}
	return err;
}

/* Every rule of the batch must match. */
static void flush(struct making *m, struct batch *b)
{
	const bool pe = m->t->rules->pe && b->len >= 2 && memcmp(b->bytes, "MZ", 2) == 0;
	int err;

	if (b->n == 0)
		return;
	qsort_r(b->rules, b->n, sizeof(*b->rules), by_rule, m->t);
	m->now = b;
	m->is_pe = pe;
	err = scan(m, false);
	m->is_pe = false;
	if (err == ERROR_SUCCESS && pe)
		err = scan(m, true);
	if (err == ERROR_INSUFFICIENT_MEMORY)
		m->t->error = -ENOMEM;
	for (size_t i = 0; i < b->n && err == ERROR_SUCCESS; i++) {
		const struct expected *e = &b->rules[i];
		_cleanup_(freep) char *name = strndup(e->name, e->name_len);

		m->t->ask->report.tried.n_positives++;
		if (!e->seen)
			trial_fail(m->t, e->source, name ?: "", e->line,
			           "rule %s does not match a file made of its own strings",
			           name ?: "");
	}
	b->n = b->len = 0;
	m->n_flushed++;
}

/* Rules that want a small file go into one apart from those that do not mind. */
static unsigned size_class(uint64_t below_bytes)
{
	unsigned class = 0;

	while (class < 4 && below_bytes < FILE_BYTES >> (2 * class))
		class++;
	return class;
}

/* The batch for these first bytes, small files apart: one that is open, or one that is free, or the oldest. */
static struct batch *find_batch(struct making *m, const struct positive *p)
{
	struct batch *oldest = &m->batches[0];

	for (size_t i = 0; i < BATCHES_MAX; i++) {
		struct batch *b = &m->batches[i];

		if (b->n > 0 && b->head_len == p->head_len &&
		    size_class(b->below_bytes) == size_class(p->below_bytes) &&
		    memcmp(b->bytes, p->head, p->head_len) == 0)
			return b;
		if (oldest->n > 0 && (b->n == 0 || b->age < oldest->age))
			oldest = b;
	}
	flush(m, oldest);
	return oldest;
}

static void begin(struct making *m, struct batch *b, const struct positive *p)
{
	memcpy(b->bytes, p->head, p->head_len);
	b->len = b->head_len = p->head_len;
	b->below_bytes = UINT64_MAX;
	b->age = m->n_flushed;
}

static int add_expected(struct batch *b, const struct expected *e)
{
	if (b->n == b->n_alloc) {
		size_t n = b->n_alloc ? 2 * b->n_alloc : 64;
		struct expected *grown = reallocarray(b->rules, n, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		b->rules = grown;
		b->n_alloc = n;
	}
	b->rules[b->n++] = *e;
	return 0;
}

static bool fits(const struct batch *b, const struct positive *p)
{
	const size_t len = b->len + p->len;

	return len <= FILE_BYTES && len < MIN(b->below_bytes, p->below_bytes);
}

static int on_positive(void *userdata, const struct positive *p)
{
	struct making *m = userdata;
	struct expected e = {m->source, p->name, p->name_len, p->line, false};
	struct batch *b;

	if (p->head_len + p->len >= p->below_bytes)
		return 0; /* its own strings are too large a file */
	b = find_batch(m, p);
	if (b->n > 0 && !fits(b, p))
		flush(m, b);
	if (b->n == 0)
		begin(m, b, p);
	memcpy(b->bytes + b->len, p->bytes, p->len); /* fits: FILE_BYTES is more than POSITIVE_MAX_BYTES */
	b->len += p->len;
	b->below_bytes = MIN(b->below_bytes, p->below_bytes);
	return add_expected(b, &e);
}

static void make_all(struct making *m)
{
	struct trial *t = m->t;
	int r;

	for (size_t i = 0; i < t->n && t->error == 0; i++) {
		if (clock_thread() >= m->end || trial_is_full(t))
			return;
		if (t->left_out[i])
			continue;
		m->source = i;
		r = positives_make(t->sources[i].text, t->sources[i].len, on_positive, m);
		t->error = t->error ?: r; /* a file that was flushed may have met one */
	}
	for (size_t i = 0; i < BATCHES_MAX && t->error == 0; i++)
		flush(m, &m->batches[i]);
}

void trial_positives(struct trial *t)
{
	struct making *m = calloc(1, sizeof(*m));

	if (!m) {
		t->error = -ENOMEM;
		return;
	}
	m->t = t;
	m->end = clock_thread() + TRIAL_POSITIVES_NSEC;
	make_all(m);
	for (size_t i = 0; i < BATCHES_MAX; i++)
		free(m->batches[i].rules);
	for (unsigned i = 0; i < 2; i++)
		if (m->yr[i])
			yr_scanner_destroy(m->yr[i]);
	free(m);
}
