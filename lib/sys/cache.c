/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cache
 *
 * Owns: sets and ways, who may write one, and what is replaced.
 * Must not own: what a value means, or whether it still holds.
 *
 * One cache line of tags decides whether anything is known; the next holds what writers need. Each
 * way has a sequence number, odd while its value is written: a reader that sees it change has read
 * a mixture, and knows nothing.
 */
#include "custos/cache.h"

#include <string.h>

/* The lowest bit of a tag: stored, but not confirmed to be newer than every drop. */
#define TENTATIVE 1ULL

struct cache_way {
	_Atomic uint64_t dev, ino; /* the tag is only a hash of them */
	_Atomic uint64_t word[CACHE_VALUE_WORDS];
};

struct cache_set {
	_Atomic uint64_t tag[CACHE_WAYS]; /* 0: empty */
	_cacheline_ _Atomic uint32_t drops;
	_Atomic uint32_t holder;          /* who may write ways; 0: nobody */
	_Atomic uint32_t seq[CACHE_WAYS];
	_Atomic uint8_t used[CACHE_WAYS]; /* asked for since the hand came by */
	_Atomic uint32_t hand;            /* where replacing goes on; the holder writes */
	_cacheline_ struct cache_way way[CACHE_WAYS];
};

size_t cache_bytes(size_t limit_bytes)
{
	size_t n = limit_bytes / sizeof(struct cache_set);

	return MAX(n, (size_t)1) * sizeof(struct cache_set);
}

void cache_open(struct cache *c, void *mem, size_t bytes, _Atomic uint64_t *epoch, uint64_t seed)
{
	*c = (struct cache){
		.sets = mem,
		.n_sets = bytes / sizeof(struct cache_set),
		.seed = seed,
		.epoch = epoch,
	};
}

size_t cache_size(const struct cache *c)
{
	return c->n_sets * sizeof(struct cache_set);
}

/* The finalizer of MurmurHash3: every bit of the input changes half of those of the result. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

static uint64_t key_hash(const struct cache *c, const struct cache_key *key)
{
	return mix(mix(key->ino ^ c->seed) + key->dev);
}

static struct cache_set *set_of(const struct cache *c, uint64_t hash)
{
	return &c->sets[(hash >> 32) * c->n_sets >> 32];
}

static uint64_t tag_of(uint64_t hash, uint64_t epoch)
{
	uint64_t tag = mix(hash + epoch) & ~TENTATIVE;

	return tag ? tag : 2;
}

struct cache_ticket cache_begin(const struct cache *c, const struct cache_key *key)
{
	struct cache_set *set = set_of(c, key_hash(c, key));

	return (struct cache_ticket){
		.epoch = atomic_load(c->epoch),
		.drops = atomic_load(&set->drops),
	};
}

static int find(const struct cache_set *set, uint64_t tag)
{
	for (int i = 0; i < CACHE_WAYS; i++)
		if (atomic_load_explicit(&set->tag[i], memory_order_acquire) == tag)
			return i;
	return -1;
}

bool cache_has(const struct cache *c, const struct cache_key *key)
{
	uint64_t hash = key_hash(c, key);

	return find(set_of(c, hash), tag_of(hash, atomic_load(c->epoch))) >= 0;
}

/* Return: false when the way was written meanwhile. Relaxed: the fence orders them all. */
static bool read_way(struct cache_set *set, int i, struct cache_key *key, struct cache_value *ret)
{
	/* Acquire: the value is read after it; pairs with the release in write_way(). */
	uint32_t seq = atomic_load_explicit(&set->seq[i], memory_order_acquire);
	struct cache_way *way = &set->way[i];

	if (seq & 1)
		return false;
	key->dev = atomic_load_explicit(&way->dev, memory_order_relaxed);
	key->ino = atomic_load_explicit(&way->ino, memory_order_relaxed);
	for (int w = 0; w < CACHE_VALUE_WORDS; w++)
		ret->word[w] = atomic_load_explicit(&way->word[w], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&set->seq[i], memory_order_relaxed) == seq;
}

bool cache_get(const struct cache *c, const struct cache_key *key, struct cache_value *ret)
{
	uint64_t hash = key_hash(c, key);
	uint64_t tag = tag_of(hash, atomic_load(c->epoch));
	struct cache_set *set = set_of(c, hash);
	int i = find(set, tag);
	struct cache_key found;

	if (i < 0 || !read_way(set, i, &found, ret) || found.dev != key->dev ||
	    found.ino != key->ino)
		return false;
	/* Still there: what was dropped while we read was not found. */
	if (atomic_load(&set->tag[i]) != tag)
		return false;
	if (!atomic_load_explicit(&set->used[i], memory_order_relaxed))
		atomic_store_explicit(&set->used[i], 1, memory_order_relaxed);
	return true;
}

static bool lock(struct cache_set *set, const struct cache_putter *by)
{
	uint32_t holder = 0;

	/* Acquire: what the last holder wrote. */
	if (atomic_compare_exchange_strong_explicit(&set->holder, &holder, by->holder,
	                                            memory_order_acquire, memory_order_relaxed))
		return true;
	if (holder == by->holder || by->alive(by->userdata, holder))
		return false;
	return atomic_compare_exchange_strong_explicit(&set->holder, &holder, by->holder,
	                                               memory_order_acquire,
	                                               memory_order_relaxed);
}

/* The way of @tag, else a free one, else the first that nobody asked for since the last round. */
static int choose(struct cache_set *set, uint64_t tag)
{
	uint32_t hand = atomic_load_explicit(&set->hand, memory_order_relaxed);
	int i = find(set, tag);

	if (i < 0)
		i = find(set, tag | TENTATIVE); /* of a dead writer */
	if (i < 0)
		i = find(set, 0);
	if (i >= 0)
		return i;
	/* Ends: the second time round every mark is gone. */
	while (atomic_exchange_explicit(&set->used[hand % CACHE_WAYS], 0, memory_order_relaxed))
		hand++;
	atomic_store_explicit(&set->hand, (hand + 1) % CACHE_WAYS, memory_order_relaxed);
	return (int)(hand % CACHE_WAYS);
}

/* Only the holder of the set. A dead one may have left the number odd. */
static void write_way(struct cache_set *set, int i, const struct cache_key *key,
                      const struct cache_value *value)
{
	uint32_t seq = atomic_load_explicit(&set->seq[i], memory_order_relaxed) | 1;
	struct cache_way *way = &set->way[i];

	atomic_store(&set->tag[i], 0);
	atomic_store_explicit(&set->seq[i], seq, memory_order_relaxed);
	/* Release: whoever sees a word of the new value sees the odd number. */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&way->dev, key->dev, memory_order_relaxed);
	atomic_store_explicit(&way->ino, key->ino, memory_order_relaxed);
	for (int w = 0; w < CACHE_VALUE_WORDS; w++)
		atomic_store_explicit(&way->word[w], value->word[w], memory_order_relaxed);
	/* Release: pairs with the acquire in read_way(). */
	atomic_store_explicit(&set->seq[i], seq + 1, memory_order_release);
}

bool cache_put(struct cache *c, const struct cache_key *key, struct cache_ticket ticket,
               const struct cache_value *value, const struct cache_putter *by)
{
	uint64_t hash = key_hash(c, key);
	uint64_t tag = tag_of(hash, ticket.epoch);
	uint64_t tentative = tag | TENTATIVE;
	struct cache_set *set = set_of(c, hash);
	bool stored;
	int i;

	if (!lock(set, by))
		return false;
	i = choose(set, tag);
	write_way(set, i, key, value);
	atomic_store_explicit(&set->used[i], 0, memory_order_relaxed);
	atomic_store(&set->tag[i], tentative);
	/* Either we see the count of a drop, or the drop sees our tag and clears it. */
	stored = atomic_load(&set->drops) == ticket.drops &&
	         atomic_compare_exchange_strong(&set->tag[i], &tentative, tag);
	if (!stored)
		atomic_store(&set->tag[i], 0);
	atomic_store_explicit(&set->holder, 0, memory_order_release);
	return stored;
}

void cache_drop(struct cache *c, const struct cache_key *key)
{
	uint64_t hash = key_hash(c, key);
	struct cache_set *set = set_of(c, hash);
	uint64_t tag;

	atomic_fetch_add(&set->drops, 1);
	/* Now, not before: a ticket of a later epoch is one of after our count. */
	tag = tag_of(hash, atomic_load(c->epoch));
	for (int i = 0; i < CACHE_WAYS; i++) {
		uint64_t seen = atomic_load(&set->tag[i]);

		/* A failed exchange: the writer gave it up, or confirmed it (then once more). */
		while ((seen & ~TENTATIVE) == tag &&
		       !atomic_compare_exchange_weak(&set->tag[i], &seen, 0))
			;
	}
}

void cache_clear(struct cache *c)
{
	atomic_fetch_add(c->epoch, 1);
}
