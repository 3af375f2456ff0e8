/* SPDX-License-Identifier: Apache-2.0 */
/* Filter in front of a large hash table: private to builder and lookup */
#pragma once

#include <stdbool.h>

#include "custos/types.h"

/*
 * A binary fuse filter (Graf, Lemire 2022) with fingerprints of 16 bits for each part
 * of the table, cut by the top bits of the digest. It says "not there" with certainty
 * and "perhaps" wrongly for one of 65,536. The records come sorted, so each part is
 * built from a run of them, in memory that does not grow with the table.
 */
struct filter_part {
	uint64_t first; /* of its fingerprints */
	uint64_t seed;
	uint32_t segment_bits; /* log2 of the fingerprints of a segment */
	uint32_t n_segments;   /* 0: no filter, everything is "perhaps" */
};

#define FILTER_PART_KEYS        ((size_t)1 << 20) /* aimed at */
#define FILTER_PART_KEYS_MAX    ((size_t)1 << 22) /* above it, it has no filter */
#define FILTER_BITS_MAX         12
#define FILTER_SEGMENT_BITS_MAX 18
#define FILTER_TRIES            64 /* one does; the rest is for those who try to spoil it */

struct filter_builder {
	unsigned bits; /* there are 1 << bits parts */
	struct filter_part *parts;
	size_t part;    /* the one that is collected */
	uint64_t *keys; /* its keys, ascending, each once */
	size_t n_keys, n_keys_alloc;
	bool too_many;
	uint16_t *prints; /* of all parts before */
	size_t n_prints, n_prints_alloc;
};

#define FILTER_BUILDER_NULL                                                            \
	{                                                                              \
		0                                                                      \
	}

/* Number of parts for a table of @n entries, as bits. */
unsigned filter_choose_bits(uint64_t n);

/* Return: 0 or -ENOMEM, as all below. */
int filter_builder_init(struct filter_builder *f, unsigned bits);
/* @digest: at least 16 bytes; in ascending order. */
int filter_builder_add(struct filter_builder *f, const uint8_t *digest);
/* After the last one: parts and prints are complete. */
int filter_builder_finish(struct filter_builder *f);
void filter_builder_deinit(struct filter_builder *f);

/* Does it lie inside @n_prints, and can it be asked without a step outside? */
bool filter_part_is_valid(const struct filter_part *p, uint64_t n_prints);

static inline uint64_t filter_key(const uint8_t *digest)
{
	uint64_t v;

	__builtin_memcpy(&v, digest, sizeof(v));
	return __builtin_bswap64(v);
}

/* Where the three fingerprints of a key are, and what their sum must be. */
struct filter_spots {
	uint64_t at[3];
	uint16_t print;
};

static inline struct filter_spots filter_spots(const struct filter_part *p,
                                               uint64_t key)
{
	uint64_t length = (uint64_t)1 << p->segment_bits, mask = length - 1;
	uint64_t h = key + p->seed;
	uint64_t at;

	/* the last step of MurmurHash3: every bit of the key moves every bit */
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	at = (uint64_t)((unsigned __int128)h * (p->n_segments * length) >> 64);
	return (struct filter_spots){
		.at = {at, (at + length) ^ (h >> 18 & mask),
	               (at + 2 * length) ^ (h & mask)},
		.print = (uint16_t)(h ^ h >> 32),
	};
}

/* @prints: those of all parts. False: not there. */
static inline bool filter_part_has(const struct filter_part *p, const uint16_t *prints,
                                   const uint8_t *digest)
{
	struct filter_spots s;

	if (p->n_segments == 0)
		return true;
	s = filter_spots(p, filter_key(digest));
	prints += p->first;
	return (uint16_t)(prints[s.at[0]] ^ prints[s.at[1]] ^ prints[s.at[2]]) ==
	       s.print;
}
