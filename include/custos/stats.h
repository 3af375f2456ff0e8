/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: one shard per thread, summed when read; lives in shared memory and survives its writers */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "custos/types.h"

#define STATS_COUNTERS 16 /* two cache lines a shard */
#define STATS_SHARDS   64 /* threads beyond share a shard: atomic, only slower */

struct stats {
	struct stats_shard {
		_Atomic uint64_t counter[STATS_COUNTERS];
	} _cacheline_ shard[STATS_SHARDS];
};

/* Any thread; lock-free; never blocks. @shard: the thread's own number. */
static inline void stats_add(struct stats *s, unsigned shard, unsigned counter, uint64_t n)
{
	/* Relaxed: counters order nothing. */
	atomic_fetch_add_explicit(&s->shard[shard % STATS_SHARDS].counter[counter], n,
	                          memory_order_relaxed);
}

/* Sum over all shards; each shard is read once, so the sum may be a few events old. */
uint64_t stats_sum(const struct stats *s, unsigned counter);
