/* SPDX-License-Identifier: Apache-2.0 */
/* Cache: what is known about a file, in shared memory, found without a lock
 *
 * Set-associative: a key belongs to one set of CACHE_WAYS entries, so that finding, storing and
 * dropping touch a handful of cache lines whatever the size. Its memory starts as zero pages and is
 * used only as entries come.
 *
 * The point of it is drop(): after it has returned, no get() finds what was stored before, and no
 * put() whose ticket was taken before will ever be found, in whatever order threads run. So a caller
 * takes a ticket, finds out, makes sure that nothing has changed, and stores; whoever learns that the
 * file may change drops. The two need no lock between them:
 *
 *   put:  publish the entry as tentative (nobody finds it) -> look at the count of drops -> confirm
 *   drop: count -> clear the entry, tentative or not
 *
 * Whichever comes second sees the other (both are sequentially consistent).
 *
 * A process may be killed between any two instructions. What it leaves is at worst a locked set and
 * a tentative entry: get() and drop() take no lock, and put() takes it from a holder that is dead.
 *
 * Who writes: any thread of any process that has it mapped, through these functions alone.
 */
#pragma once

#include <stdbool.h>
#include <stdatomic.h>
#include <stdint.h>

#include "custos/types.h"

#define CACHE_WAYS        8
#define CACHE_VALUE_WORDS 16

/* An inode. A number may be used again for another file: the value must tell them apart. */
struct cache_key {
	uint64_t dev, ino;
};

struct cache_value {
	uint64_t word[CACHE_VALUE_WORDS];
};

/* Opaque; taken before one begins to find out. */
struct cache_ticket {
	uint64_t epoch;
	uint32_t drops;
};

struct cache_set;

/* Each process has its own view; plain fields are written by cache_open() alone. */
struct cache {
	struct cache_set *sets;
	uint64_t n_sets; /* less than 2^32 */
	uint64_t seed;   /* nobody outside can choose files that fall into one set */
	_Atomic uint64_t *epoch; /* shared; see cache_clear() */
};

/* Is the process that calls itself @holder still there? */
typedef bool (*cache_alive_fn)(void *userdata, uint32_t holder);

/* Memory for as many sets as fit into @limit_bytes; at least for one. */
size_t cache_bytes(size_t limit_bytes);

/**
 * cache_open() - make a view of a cache
 * @mem:   cache_bytes() bytes, zeroed before the first view, aligned to a page, shared by all
 * @epoch: in memory shared by all who clear it; its value does not matter
 * @seed:  the same for all views
 */
void cache_open(struct cache *c, void *mem, size_t bytes, _Atomic uint64_t *epoch, uint64_t seed);

/* Bytes of its memory. */
size_t cache_size(const struct cache *c);

/* Context of all below: any thread; no lock waited for, no system call, bounded time. */

struct cache_ticket cache_begin(const struct cache *c, const struct cache_key *key);

/* Is there something about @key? A hint: cheaper than get(), may be wrong either way. */
bool cache_has(const struct cache *c, const struct cache_key *key);

/* Return: false when nothing is known, or it is being written. */
bool cache_get(const struct cache *c, const struct cache_key *key, struct cache_value *ret);

struct cache_putter {
	uint32_t holder; /* number of this process; not 0 */
	cache_alive_fn alive;
	void *userdata;
};

/**
 * cache_put() - store, unless @key was dropped since @ticket
 *
 * Takes the place of what is known about @key, else of what was not asked for lately.
 * Return: false when it was not stored: dropped meanwhile, or another thread stores in this set.
 */
bool cache_put(struct cache *c, const struct cache_key *key, struct cache_ticket ticket,
               const struct cache_value *value, const struct cache_putter *by);

void cache_drop(struct cache *c, const struct cache_key *key);

/* Drop everything, at once: entries of an earlier epoch are found no more. Also for those who have
 * no view: adding 1 to the epoch does it. */
void cache_clear(struct cache *c);
