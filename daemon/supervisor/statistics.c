/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics
 *
 * The space-saving algorithm (Metwally, Agrawal, El Abbadi 2005), weighted by time: a
 * table holds a fixed number of keys; a new key takes the place of the one with the
 * smallest weight and inherits that weight, so that the heavy ones can never be pushed
 * out by many light ones. The inherited part is remembered and not shown.
 *
 * Owns: the tables. Must not own: records (history), totals (shared counters).
 */
#include "statistics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Chains per table: a power of two, so that the mean chain is half an entry long. */
#define N_BUCKETS (2 * STATISTICS_KEYS_MAX)
#define NO_ENTRY UINT16_MAX

struct entry {
	char *key; /* owned */
	uint64_t n_events;
	usec_t weight_usec;    /* order in the heap */
	usec_t inherited_usec; /* part of it that belonged to evicted keys */
	usec_t max_usec;
	uint16_t heap_pos;
	uint16_t next; /* in the chain of its bucket */
	uint16_t bucket;
};

struct table {
	struct entry entries[STATISTICS_KEYS_MAX];
	uint16_t heap[STATISTICS_KEYS_MAX]; /* smallest weight first */
	uint16_t buckets[N_BUCKETS];
	uint16_t n_entries;
};

struct statistics {
	struct table tables[N_STATISTICS];
};

static const char *const by_names[N_STATISTICS] = {
	[STATISTICS_PATH] = "path",
	[STATISTICS_EXE] = "exe",
	[STATISTICS_UNIT] = "unit",
	[STATISTICS_RULE] = "rule",
};

int statistics_new(struct statistics **ret)
{
	struct statistics *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	for (unsigned i = 0; i < N_STATISTICS; i++)
		memset(s->tables[i].buckets, 0xff,
		       sizeof(s->tables[i].buckets)); /* NO_ENTRY */
	*ret = s;
	return 0;
}

struct statistics *statistics_free(struct statistics *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < N_STATISTICS; i++) {
		for (unsigned k = 0; k < s->tables[i].n_entries; k++)
			free(s->tables[i].entries[k].key);
	}
	free(s);
	return NULL;
}

void statistics_freep(struct statistics **s)
{
	*s = statistics_free(*s);
}

/* FNV-1a. An attacker who forges collisions gets a chain of STATISTICS_KEYS_MAX at
 * worst. */
static uint16_t bucket_of(const char *key)
{
	uint32_t h = 2166136261U;

	for (; *key; key++)
		h = (h ^ (uint8_t)*key) * 16777619U;
	return (uint16_t)((h ^ h >> 16) % N_BUCKETS);
}

static void heap_place(struct table *t, unsigned pos, uint16_t e)
{
	t->heap[pos] = e;
	t->entries[e].heap_pos = (uint16_t)pos;
}

static usec_t heap_weight(const struct table *t, unsigned pos)
{
	return t->entries[t->heap[pos]].weight_usec;
}

/* The entry at @pos has grown: let it sink. */
static void heap_sink(struct table *t, unsigned pos)
{
	uint16_t e = t->heap[pos];
	unsigned child;

	while ((child = 2 * pos + 1) < t->n_entries) {
		if (child + 1 < t->n_entries &&
		    heap_weight(t, child + 1) < heap_weight(t, child))
			child++;
		if (t->entries[e].weight_usec <= heap_weight(t, child))
			break;
		heap_place(t, pos, t->heap[child]);
		pos = child;
	}
	heap_place(t, pos, e);
}

/* The entry at @pos is new and light: let it rise. */
static void heap_rise(struct table *t, unsigned pos)
{
	uint16_t e = t->heap[pos];

	while (pos > 0 && t->entries[e].weight_usec < heap_weight(t, (pos - 1) / 2)) {
		heap_place(t, pos, t->heap[(pos - 1) / 2]);
		pos = (pos - 1) / 2;
	}
	heap_place(t, pos, e);
}

static uint16_t find(const struct table *t, const char *key, uint16_t bucket)
{
	uint16_t e = t->buckets[bucket];

	while (e != NO_ENTRY && strcmp(t->entries[e].key, key) != 0)
		e = t->entries[e].next;
	return e;
}

static void chain_link(struct table *t, uint16_t e, uint16_t bucket)
{
	t->entries[e].bucket = bucket;
	t->entries[e].next = t->buckets[bucket];
	t->buckets[bucket] = e;
}

static void chain_unlink(struct table *t, uint16_t e)
{
	uint16_t *link = &t->buckets[t->entries[e].bucket];

	while (*link != e)
		link = &t->entries[*link].next;
	*link = t->entries[e].next;
}

/* An entry for @key, not counted yet: a free one or the lightest; or NO_ENTRY. */
static uint16_t enter(struct table *t, const char *key, uint16_t bucket)
{
	char *copy = strdup(key);
	uint16_t e;

	if (!copy)
		return NO_ENTRY;
	if (t->n_entries < STATISTICS_KEYS_MAX) {
		e = t->n_entries++;
		t->entries[e] = (struct entry){.key = copy};
		heap_place(t, e, e);
		heap_rise(t, e);
	} else {
		usec_t weight = heap_weight(t, 0);

		e = t->heap[0];
		chain_unlink(t, e);
		free(t->entries[e].key);
		t->entries[e] = (struct entry){
			.key = copy, .weight_usec = weight, .inherited_usec = weight};
	}
	chain_link(t, e, bucket);
	return e;
}

static void count(struct table *t, const char *key, usec_t spent)
{
	uint16_t bucket, e;

	if (!*key)
		return;
	bucket = bucket_of(key);
	e = find(t, key, bucket);
	if (e == NO_ENTRY)
		e = enter(t, key, bucket);
	if (e == NO_ENTRY)
		return;
	t->entries[e].n_events++;
	t->entries[e].weight_usec += spent;
	t->entries[e].max_usec = MAX(t->entries[e].max_usec, spent);
	heap_sink(t, t->entries[e].heap_pos);
}

void statistics_add(struct statistics *s, const struct record *r)
{
	usec_t spent = r->spent_nsec / NSEC_PER_USEC;

	count(&s->tables[STATISTICS_PATH], r->path, spent);
	count(&s->tables[STATISTICS_EXE], r->exe, spent);
	count(&s->tables[STATISTICS_UNIT], r->unit, spent);
	count(&s->tables[STATISTICS_RULE], r->match.rule, spent);
}

static int compare_rows(const void *a, const void *b)
{
	const struct statistics_row *x = a, *y = b;

	if (x->total_usec != y->total_usec)
		return x->total_usec < y->total_usec ? 1 : -1;
	if (x->n_events != y->n_events)
		return x->n_events < y->n_events ? 1 : -1;
	return strcmp(x->key, y->key);
}

size_t statistics_top(const struct statistics *s, enum statistics_by by,
                      struct statistics_row *rows, size_t max)
{
	struct statistics_row all[STATISTICS_KEYS_MAX];
	const struct table *t = &s->tables[by];
	size_t n = MIN(max, (size_t)t->n_entries);

	for (unsigned i = 0; i < t->n_entries; i++)
		all[i] = (struct statistics_row){
			.key = t->entries[i].key,
			.n_events = t->entries[i].n_events,
			.total_usec = t->entries[i].weight_usec -
		                      t->entries[i].inherited_usec,
			.max_usec = t->entries[i].max_usec,
		};
	if (t->n_entries > 1)
		qsort(all, t->n_entries, sizeof(*all), compare_rows);
	memcpy(rows, all, n * sizeof(*rows));
	return n;
}

const char *statistics_by_name(enum statistics_by by)
{
	return by_names[by];
}

bool statistics_by_from_name(const char *name, enum statistics_by *ret)
{
	for (unsigned i = 0; i < N_STATISTICS; i++) {
		if (strcmp(name, by_names[i]) == 0) {
			*ret = (enum statistics_by)i;
			return true;
		}
	}
	return false;
}
