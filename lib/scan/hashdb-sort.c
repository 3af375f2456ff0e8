/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table: sorting
 *
 * Owns: the order of records in memory that another owns.
 * Must not own: what is in a record behind the digest.
 */
#include "hashdb-sort.h"

#include <stdlib.h>
#include <string.h>

/* Below it, moving records one by one is faster than counting 256 buckets. */
#define SMALL 48

struct sort {
	size_t bytes, digest_bytes;
	int (*compare)(const void *a, const void *b, void *userdata);
	void *userdata;
};

static void sort_small(const struct sort *s, uint8_t *records, size_t n)
{
	uint8_t moved[HASHDB_SORT_RECORD_MAX];

	for (size_t i = 1; i < n; i++) {
		uint8_t *r = records + i * s->bytes;
		size_t to = i;

		while (to > 0 &&
		       s->compare(records + (to - 1) * s->bytes, r, s->userdata) > 0)
			to--;
		if (to == i)
			continue;
		memcpy(moved, r, s->bytes);
		memmove(records + (to + 1) * s->bytes, records + to * s->bytes,
		        (i - to) * s->bytes);
		memcpy(records + to * s->bytes, moved, s->bytes);
	}
}

/*
 * Bring each record into the bucket of its byte at @depth. A record that is taken out
 * goes where it belongs, the one that was there is next, until one belongs in the gap.
 */
static void spread(const struct sort *s, uint8_t *records, size_t depth,
                   size_t next[256], const size_t end[256])
{
	uint8_t hand[HASHDB_SORT_RECORD_MAX], other[HASHDB_SORT_RECORD_MAX];

	for (unsigned bucket = 0; bucket < 256; bucket++) {
		while (next[bucket] < end[bucket]) {
			uint8_t *gap = records + next[bucket] * s->bytes;

			memcpy(hand, gap, s->bytes);
			while (hand[depth] != bucket) {
				uint8_t *to = records + next[hand[depth]]++ * s->bytes;

				memcpy(other, to, s->bytes);
				memcpy(to, hand, s->bytes);
				memcpy(hand, other, s->bytes);
			}
			memcpy(gap, hand, s->bytes);
			next[bucket]++;
		}
	}
}

static void sort_from(const struct sort *s, uint8_t *records, size_t n, size_t depth)
{
	size_t next[256], end[256] = {0}, sum = 0;

	if (n <= SMALL) {
		sort_small(s, records, n);
		return;
	}
	if (depth == s->digest_bytes) {
		qsort_r(records, n, s->bytes, s->compare, s->userdata);
		return;
	}
	for (size_t i = 0; i < n; i++)
		end[records[i * s->bytes + depth]]++;
	for (unsigned bucket = 0; bucket < 256; bucket++) {
		next[bucket] = sum;
		sum += end[bucket];
		end[bucket] = sum;
	}
	spread(s, records, depth, next, end);
	for (size_t bucket = 0, first = 0; bucket < 256; first = end[bucket++])
		if (end[bucket] - first > 1)
			sort_from(s, records + first * s->bytes, end[bucket] - first,
			          depth + 1);
}

void hashdb_sort(uint8_t *records, size_t n, size_t bytes, size_t digest_bytes,
                 int (*compare)(const void *a, const void *b, void *userdata),
                 void *userdata)
{
	const struct sort s = {bytes, digest_bytes, compare, userdata};

	sort_from(&s, records, n, 0);
}
