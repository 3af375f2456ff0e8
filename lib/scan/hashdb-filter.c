/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table: the filter in front of a large one
 *
 * Owns: fingerprints while they are built, part by part.
 * Must not own: records, or when a filter is worth its memory (hashdb-build.c).
 */
#include "hashdb-filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"

unsigned filter_choose_bits(uint64_t n)
{
	unsigned bits = 0;

	while (bits < FILTER_BITS_MAX && FILTER_PART_KEYS << bits < n)
		bits++;
	return bits;
}

int filter_builder_init(struct filter_builder *f, unsigned bits)
{
	*f = (struct filter_builder){.bits = bits};
	f->parts = calloc((size_t)1 << bits, sizeof(*f->parts));
	return f->parts ? 0 : -ENOMEM;
}

void filter_builder_deinit(struct filter_builder *f)
{
	free(f->parts);
	free(f->keys);
	free(f->prints);
	*f = (struct filter_builder)FILTER_BUILDER_NULL;
}

/*
 * Sizes of the paper: segments grow with n, and 12.5 % more fingerprints than keys are
 * enough for a million, more for fewer.
 */
static void choose_size(struct filter_part *p, size_t n)
{
	static const struct {
		size_t n;
		unsigned percent;
	} sizes[] = {{1000000, 113},
	             {300000, 116},
	             {100000, 118},
	             {10000, 126},
	             {1000, 140}};
	unsigned percent = 200;
	size_t n_prints;
	double step = 2.47;

	p->segment_bits = 2;
	while (p->segment_bits < FILTER_SEGMENT_BITS_MAX && (double)n >= step) {
		p->segment_bits++;
		step *= 3.33;
	}
	for (size_t i = sizeof(sizes) / sizeof(sizes[0]); i-- > 0;)
		if (n >= sizes[i].n)
			percent = sizes[i].percent;
	n_prints = n * percent / 100 + 32;
	p->n_segments = (uint32_t)((n_prints >> p->segment_bits) + 1);
	if (p->n_segments > 2)
		p->n_segments -= 2;
	else
		p->n_segments = 1;
}

static size_t n_prints_of(const struct filter_part *p)
{
	return (size_t)(p->n_segments + 2) << p->segment_bits;
}

bool filter_part_is_valid(const struct filter_part *p, uint64_t n_prints)
{
	if (p->n_segments == 0)
		return true;
	if (p->segment_bits > FILTER_SEGMENT_BITS_MAX)
		return false;
	return p->first <= n_prints &&
	       ((uint64_t)p->n_segments + 2) << p->segment_bits <= n_prints - p->first;
}

/* One spot: how many keys have it, and the sum of their numbers and of their places. */
struct spot {
	uint32_t n, sum;
};

struct peel {
	const uint64_t *keys;
	size_t n_keys;
	struct spot *spots;
	uint32_t *queue; /* spots with one key left */
	uint32_t *order; /* keys in the order they were taken away */
	uint32_t *alone; /* the spot each of them had for itself */
};

static void peel_free(struct peel *p)
{
	free(p->spots);
	free(p->queue);
	free(p->order);
	free(p->alone);
}

static int peel_init(struct peel *p, const struct filter_builder *f, size_t n_spots)
{
	*p = (struct peel){.keys = f->keys, .n_keys = f->n_keys};
	p->spots = calloc(n_spots, sizeof(*p->spots));
	p->queue = calloc(n_spots, sizeof(*p->queue));
	p->order = calloc(f->n_keys, sizeof(*p->order));
	p->alone = calloc(f->n_keys, sizeof(*p->alone));
	return p->spots && p->queue && p->order && p->alone ? 0 : -ENOMEM;
}

static size_t count_spots(struct peel *p, const struct filter_part *part)
{
	size_t n_queue = 0, n_spots = n_prints_of(part);

	memset(p->spots, 0, n_spots * sizeof(*p->spots));
	for (size_t i = 0; i < p->n_keys; i++) {
		struct filter_spots s = filter_spots(part, p->keys[i]);

		for (unsigned k = 0; k < 3; k++) {
			p->spots[s.at[k]].n++;
			p->spots[s.at[k]].sum ^= (uint32_t)i;
		}
	}
	for (size_t i = 0; i < n_spots; i++)
		if (p->spots[i].n == 1)
			p->queue[n_queue++] = (uint32_t)i;
	return n_queue;
}

/* Take away keys that have a spot for themselves until none has. True: all are gone. */
static bool peel(struct peel *p, const struct filter_part *part)
{
	size_t n_queue = count_spots(p, part), n_taken = 0;

	while (n_queue > 0) {
		uint32_t at = p->queue[--n_queue], key = p->spots[at].sum;
		struct filter_spots s;

		if (p->spots[at].n != 1) /* its key went by another spot */
			continue;
		p->order[n_taken] = key;
		p->alone[n_taken++] = at;
		s = filter_spots(part, p->keys[key]);
		for (unsigned k = 0; k < 3; k++) {
			struct spot *spot = &p->spots[s.at[k]];

			spot->sum ^= key;
			if (--spot->n == 1)
				p->queue[n_queue++] = (uint32_t)s.at[k];
		}
	}
	return n_taken == p->n_keys;
}

/* The last key taken away first: its own spot is not yet used by any other. */
static void assign(const struct peel *p, const struct filter_part *part,
                   uint16_t *prints)
{
	for (size_t i = p->n_keys; i-- > 0;) {
		struct filter_spots s = filter_spots(part, p->keys[p->order[i]]);
		uint16_t sum = s.print;

		prints[p->alone[i]] = 0;
		for (unsigned k = 0; k < 3; k++)
			sum ^= prints[s.at[k]];
		prints[p->alone[i]] = sum;
	}
}

static int more_prints(struct filter_builder *f, size_t n)
{
	size_t needed = f->n_prints + n;
	uint16_t *p;

	if (needed > f->n_prints_alloc) {
		needed += needed / 4;
		p = reallocarray(f->prints, needed, sizeof(*p));
		if (!p)
			return -ENOMEM;
		f->prints = p;
		f->n_prints_alloc = needed;
	}
	memset(f->prints + f->n_prints, 0, n * sizeof(*p));
	return 0;
}

static int build_part(struct filter_builder *f)
{
	struct filter_part part = {.first = f->n_prints};
	_cleanup_(peel_free) struct peel p = {0};
	size_t n_prints;
	int r;

	choose_size(&part, f->n_keys);
	n_prints = n_prints_of(&part);
	r = peel_init(&p, f, n_prints);
	if (r == 0)
		r = more_prints(f, n_prints);
	if (r < 0)
		return r;
	/* Numbered, not random: the same list must give the same image. */
	for (unsigned i = 0; i < FILTER_TRIES; i++) {
		part.seed = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
		if (!peel(&p, &part))
			continue;
		assign(&p, &part, f->prints + f->n_prints);
		f->n_prints += n_prints;
		f->parts[f->part] = part;
		break;
	}
	return 0;
}

/* The part is complete; empty or overfull ones stay without a filter. */
static int close_part(struct filter_builder *f)
{
	int r = f->n_keys > 0 && !f->too_many ? build_part(f) : 0;

	f->n_keys = 0;
	f->too_many = false;
	return r;
}

static int add_key(struct filter_builder *f, uint64_t key)
{
	if (f->n_keys > 0 && f->keys[f->n_keys - 1] == key)
		return 0;
	if (f->n_keys == FILTER_PART_KEYS_MAX) {
		f->too_many = true;
		return 0;
	}
	if (f->n_keys == f->n_keys_alloc) {
		size_t n = f->n_keys_alloc ? f->n_keys_alloc * 2 : 4096;
		uint64_t *p = reallocarray(f->keys, n, sizeof(*p));

		if (!p)
			return -ENOMEM;
		f->keys = p;
		f->n_keys_alloc = n;
	}
	f->keys[f->n_keys++] = key;
	return 0;
}

int filter_builder_add(struct filter_builder *f, const uint8_t *digest)
{
	uint64_t key = filter_key(digest);
	size_t part = f->bits ? key >> (64 - f->bits) : 0;
	int r;

	if (part != f->part) {
		r = close_part(f);
		if (r < 0)
			return r;
		f->part = part;
	}
	return add_key(f, key);
}

int filter_builder_finish(struct filter_builder *f)
{
	return close_part(f);
}
