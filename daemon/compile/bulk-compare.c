/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: lists against the bulk in force
 *
 * Owns: what is on the lists and not in the bulk, and the other way round.
 * Must not own: what becomes of it (bulk).
 *
 * A file can be tied to a digest several times, once for each size. Withdrawn are digests, with
 * all their entries; those of them that are still on a list are added anew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "custos/cleanup.h"

/* More than one in this many entries new or gone: the table is made anew. The sum of both kinds of
 * memory is then at most a seventh more than the bulk alone. */
#define CHANGED_SHARE 16

struct table {
	struct hashdb db;
	uint64_t *seen; /* a bit for each entry */
};

struct compare {
	struct bulk *b;
	struct tables *more;
	struct table block[N_DIGESTS], allow;
	uint64_t n_changed, n_changed_max;
};

static struct table *table_of(struct compare *c, enum digest_alg alg, bool allow)
{
	return allow ? &c->allow : &c->block[alg];
}

static bool is_seen(const struct table *t, uint32_t i)
{
	return t->seen[i / 64] >> i % 64 & 1;
}

static int open_table(struct compare *c, unsigned i)
{
	struct table *t = i < N_DIGESTS ? &c->block[i] : &c->allow;
	size_t size;
	const void *mem = image_section(&c->b->earlier, IMAGE_BLOCK_SHA256 + i, &size);
	int r = hashdb_open(mem, size, i < N_DIGESTS ? i : DIGEST_SHA256, &t->db);

	if (r < 0)
		return -EOVERFLOW; /* not one of ours */
	t->seen = calloc((size_t)t->db.n / 64 + 1, sizeof(*t->seen));
	return t->seen ? 0 : -ENOMEM;
}

static int open_tables(struct compare *c)
{
	const struct ruleset_counts *n = &image_header(&c->b->earlier)->counts;
	int r = 0;

	for (unsigned i = 0; i <= N_DIGESTS && r == 0; i++)
		r = open_table(c, i);
	c->n_changed_max = (n->n_hashes + n->n_allow_hashes) / CHANGED_SHARE;
	return r;
}

static void compare_deinit(struct compare *c)
{
	for (unsigned i = 0; i < N_DIGESTS; i++)
		free(c->block[i].seen);
	free(c->allow.seen);
}

static int count_changed(struct compare *c, uint64_t n)
{
	c->n_changed += n;
	return c->n_changed > c->n_changed_max ? -EOVERFLOW : 0;
}

/* Of doubles the first one counts, under its own name. */
static int on_entry(void *userdata, const struct lists_entry *e)
{
	struct compare *c = userdata;
	struct table *t = table_of(c, e->alg, e->allow);
	const uint32_t i = hashdb_find(&t->db, e->digest, e->size_bytes);
	int r;

	if (i < t->db.n) {
		const char *name;
		uint64_t size;

		(void)hashdb_entry(&t->db, i, &size, &name);
		if (is_seen(t, i))
			return 0;
		if (strlen(name) == e->name_len && memcmp(name, e->name, e->name_len) == 0) {
			t->seen[i / 64] |= (uint64_t)1 << i % 64;
			return 0;
		}
	}
	r = count_changed(c, 1);
	return r < 0 ? r : tables_add(c->more, e);
}

static bool same_digest(const struct table *t, uint32_t i, uint32_t k)
{
	const char *name;
	uint64_t size;

	return memcmp(hashdb_entry(&t->db, i, &size, &name), hashdb_entry(&t->db, k, &size, &name),
	              digest_bytes(t->db.alg)) == 0;
}

/* Entry @i is on no list. Return: how many entries its digest had, or a negative errno. */
static int64_t withdraw(struct compare *c, struct table *t, bool allow, uint32_t i)
{
	uint32_t first = i, end = i + 1;
	struct lists_entry e = {.alg = t->db.alg, .allow = allow};
	int r;

	while (first > 0 && same_digest(t, first - 1, i))
		first--;
	while (end < t->db.n && same_digest(t, end, i))
		end++;
	for (uint32_t k = first; k < end; k++) {
		e.digest = hashdb_entry(&t->db, k, &e.size_bytes, &e.name);
		e.name_len = strlen(e.name);
		if (is_seen(t, k) && (r = tables_add(c->more, &e)) < 0)
			return r;
		t->seen[k / 64] |= (uint64_t)1 << k % 64; /* done with it */
	}
	r = hashdb_builder_add(tables_of(&c->b->withdrawn, e.alg, allow), e.digest, HASHDB_ANY_SIZE, "", 0);
	if (r == 0)
		r = count_changed(c, end - first);
	return r < 0 ? r : (int64_t)(end - first); /* as one type, or the error becomes a number */
}

static int withdraw_unseen(struct compare *c, struct table *t, bool allow, uint64_t *n_sum)
{
	for (uint64_t i = 0; i < t->db.n; i++) {
		int64_t n;

		if (t->seen[i / 64] == UINT64_MAX) {
			i |= 63;
			continue;
		}
		if (is_seen(t, (uint32_t)i))
			continue;
		n = withdraw(c, t, allow, (uint32_t)i);
		if (n < 0)
			return (int)n;
		*n_sum += (uint64_t)n;
	}
	return 0;
}

int bulk_compare(struct bulk *b, const struct lists *l, struct tables *more, struct diag *d)
{
	_cleanup_(compare_deinit) struct compare c = {.b = b, .more = more};
	int r = open_tables(&c);

	if (r == 0)
		r = lists_read(l, LISTS_BULK, on_entry, &c, d);
	for (unsigned alg = 0; alg < N_DIGESTS && r == 0; alg++)
		r = withdraw_unseen(&c, &c.block[alg], false, &b->n_withdrawn);
	return r < 0 ? r : withdraw_unseen(&c, &c.allow, true, &b->n_withdrawn_allow);
}
