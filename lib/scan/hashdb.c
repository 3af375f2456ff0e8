/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table: lookup
 *
 * Owns: the border check of an image, and the search in it.
 * Must not own: the memory of the image, or its making (hashdb-build.c).
 */
#include "custos/hashdb.h"

#include <errno.h>
#include <stddef.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "hashdb-layout.h"

/* Advance *off by @len inside @size. False when it does not fit. */
static bool take(size_t size, size_t *off, uint64_t len)
{
	if (len > size - *off)
		return false;
	*off += (size_t)len;
	return true;
}

static bool header_is_valid(const struct hashdb_header *h, enum digest_alg alg)
{
	for (size_t i = 0; i < ARRAY_SIZE(h->padding); i++)
		if (h->padding[i] != 0)
			return false;
	return h->magic == HASHDB_MAGIC && h->alg == (uint32_t)alg &&
	       (h->flags & ~HASHDB_FLAGS) == 0 && h->reserved == 0 &&
	       h->n <= HASHDB_ENTRIES_MAX;
}

/* Buckets, records and names: exactly the rest of the image? */
static bool open_parts(struct hashdb *db, const uint8_t *mem, size_t size)
{
	const struct hashdb_header *h = (const void *)mem;
	size_t off = sizeof(*h);

	db->buckets = (const void *)(mem + off);
	if (!take(size, &off, ((uint64_t)db->n_buckets + 1) * sizeof(*db->buckets)))
		return false;
	db->records = mem + off;
	if (!take(size, &off, h->n * db->record_bytes))
		return false;
	db->names = (const char *)mem + off;
	db->names_bytes = (size_t)h->names_bytes;
	if (!take(size, &off, h->names_bytes) || off != size)
		return false;
	/* else a name could run out of the image */
	return db->names_bytes > 0 && db->names[db->names_bytes - 1] == '\0';
}

int hashdb_open(const void *mem, size_t size, enum digest_alg alg, struct hashdb *ret)
{
	const struct hashdb_header *h = mem;
	struct hashdb db = {.alg = alg};

	if (size == 0) {
		*ret = db;
		return 0;
	}
	if (size < sizeof(*h) || !header_is_valid(h, alg))
		return -EBADMSG;
	db.digest_bytes = digest_bytes(alg);
	db.has_sizes = h->flags & HASHDB_SIZES;
	db.n = (uint32_t)h->n;
	db.n_buckets = hashdb_n_buckets(h->n);
	db.record_bytes = hashdb_record_bytes(alg, db.has_sizes);
	if (!open_parts(&db, mem, size))
		return -EBADMSG;
	*ret = db;
	return 0;
}

/* A processor works at several lookups at once, as many as its window of instructions holds: without calls, and
 * without what is rare in between, the next one begins while lines of the last are on their way. */
#define HOT  inline __attribute__((always_inline))
#define RARE __attribute__((noinline, cold))

static const uint8_t *record(const struct hashdb *db, uint32_t i)
{
	return db->records + (size_t)i * db->record_bytes;
}

static int compare(const struct hashdb *db, uint32_t i, const uint8_t *digest)
{
	return memcmp(record(db, i), digest, db->digest_bytes);
}

/* The same question without an order. Most tables are of SHA-256, and with a length that the compiler knows it is a
 * few instructions: the fewer, the earlier the processor gets to the next lookup. */
static HOT bool is_of(const struct hashdb *db, uint32_t i, const uint8_t *digest)
{
	if (db->digest_bytes == DIGEST_MAX_BYTES)
		return memcmp(record(db, i), digest, DIGEST_MAX_BYTES) == 0;
	return compare(db, i, digest) == 0;
}

/* First record of this digest in [lo, hi), or @hi. */
static RARE uint32_t search(const struct hashdb *db, const uint8_t *digest, uint32_t lo,
                       uint32_t hi)
{
	const uint32_t end = hi;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (compare(db, mid, digest) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < end && compare(db, lo, digest) == 0 ? lo : end;
}

/*
 * Which prints of a bucket are this one, as bits. Without a branch, and in few steps: the
 * processor begins with the next lookup while the line of this one is on its way.
 */
static HOT uint32_t prints_like(const struct hashdb_bucket *b, uint16_t print)
{
	uint32_t mask = 0;
#ifdef __SSE2__
	const __m128i wanted = _mm_set1_epi16((short)print), *line = (const void *)b;
	__m128i like[4];

	for (unsigned i = 0; i < 4; i++)
		like[i] = _mm_cmpeq_epi16(_mm_loadu_si128(line + i), wanted);
	mask = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(like[0], like[1])) |
	       (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(like[2], like[3])) << 16;
	mask >>= offsetof(struct hashdb_bucket, prints) / sizeof(print);
#else
	for (unsigned i = 0; i < HASHDB_BUCKET_MAX; i++)
		mask |= (uint32_t)(b->prints[i] == print) << i;
#endif
	return mask & ((UINT32_C(1) << b->n) - 1);
}

/* First record of this digest in a bucket that ends before @end, or @end. */
static HOT uint32_t find(const struct hashdb *db, const uint8_t *digest,
                     const struct hashdb_bucket *b, uint32_t end)
{
	for (uint32_t mask = prints_like(b, hashdb_print(digest)); mask; mask &= mask - 1) {
		uint32_t i = b->first + (uint32_t)__builtin_ctz(mask);

		if (is_of(db, i, digest))
			return i;
	}
	return end;
}

/* Likewise. *ret_end: where its records end. Borders are checked here, not by
 * hashdb_open(), which would have to read hundreds of megabytes. */
static HOT uint32_t find_in_bucket(const struct hashdb *db, const uint8_t *digest,
                               uint32_t *ret_end)
{
	const struct hashdb_bucket *b =
		&db->buckets[hashdb_bucket_of(digest, db->n_buckets)];
	bool crowded = b->n > HASHDB_BUCKET_MAX;
	uint64_t end = crowded ? b[1].first : (uint64_t)b->first + b->n;

	*ret_end = 0;
	if (end > db->n || b->first > end)
		return 0;
	*ret_end = (uint32_t)end;
	return crowded ? search(db, digest, b->first, *ret_end) :
	                 find(db, digest, b, *ret_end);
}

static bool is_for_size(const struct hashdb *db, uint32_t i, uint64_t size_bytes)
{
	uint64_t size = hashdb_record_size(record(db, i), db->alg);

	return size == HASHDB_ANY_SIZE || size == size_bytes;
}

bool hashdb_lookup(const struct hashdb *db, const uint8_t *digest, uint64_t size_bytes,
                   const char **ret_name)
{
	uint32_t end, i, name;

	if (db->n == 0)
		return false;
	i = find_in_bucket(db, digest, &end);
	if (i >= end)
		return false;
	/* A digest stands there once per file size it is tied to. */
	if (db->has_sizes)
		while (!is_for_size(db, i, size_bytes))
			if (++i >= end || compare(db, i, digest) != 0)
				return false;
	memcpy(&name, record(db, i) + db->digest_bytes, sizeof(name)); /* hashdb_record_name(), without a call */
	*ret_name = name < db->names_bytes ? db->names + name : "";
	return true;
}

uint32_t hashdb_find(const struct hashdb *db, const uint8_t *digest, uint64_t size_bytes)
{
	uint32_t end, i;

	if (db->n == 0)
		return 0;
	i = find_in_bucket(db, digest, &end);
	if (!db->has_sizes)
		return i < end && size_bytes == HASHDB_ANY_SIZE ? i : db->n;
	for (; i < end && compare(db, i, digest) == 0; i++)
		if (hashdb_record_size(record(db, i), db->alg) == size_bytes)
			return i;
	return db->n;
}

const uint8_t *hashdb_entry(const struct hashdb *db, uint32_t i, uint64_t *ret_size_bytes,
                            const char **ret_name)
{
	const uint8_t *r = record(db, i);
	const uint32_t name = hashdb_record_name(r, db->alg);

	*ret_size_bytes = db->has_sizes ? hashdb_record_size(r, db->alg) : HASHDB_ANY_SIZE;
	*ret_name = name < db->names_bytes ? db->names + name : "";
	return r;
}
