/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters
 *
 * Owns: summing. Must not own: what a counter means.
 */
#include "custos/stats.h"

uint64_t stats_sum(const struct stats *s, unsigned counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < STATS_SHARDS; i++)
		sum += atomic_load_explicit(&s->shard[i].counter[counter], memory_order_relaxed);
	return sum;
}
