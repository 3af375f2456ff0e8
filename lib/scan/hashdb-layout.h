/* SPDX-License-Identifier: Apache-2.0 */
/* Hash table image: shared by builder and lookup, private to them */
#pragma once

#include <endian.h>
#include <string.h>

#include "custos/hashdb.h"

/*
 * header | buckets [n_buckets + 1] | records | names
 *
 * Buckets are equal shares of all possible digests, in order, and a cache line each: who
 * looks for what is not there is done with one. The last one is behind them all and only
 * says where the records of the one before end. A record is digest, u32 name offset, and,
 * if HASHDB_SIZES is set, u64 size. Records are sorted and packed, hence the memcpy() at
 * each access. Host byte order: an image never leaves the machine.
 */
#define HASHDB_MAGIC 0x33424448U /* "HDB3" */
#define HASHDB_SIZES 1U          /* flag: records have a size */
#define HASHDB_FLAGS HASHDB_SIZES

struct hashdb_header {
	uint32_t magic;
	uint32_t alg;
	uint32_t flags;
	uint32_t reserved; /* zero, as is padding */
	uint64_t n;
	uint64_t names_bytes;
	uint64_t padding[4]; /* buckets begin with a cache line */
};

/* Records a bucket on average: of random digests one bucket in 170 is crowded then. */
#define HASHDB_BUCKET     18
#define HASHDB_BUCKET_MAX 29
#define HASHDB_CROWDED    UINT16_MAX

struct hashdb_bucket {
	uint32_t first; /* index of its first record */
	uint16_t n;     /* of its records; HASHDB_CROWDED: too many for prints */
	uint16_t prints[HASHDB_BUCKET_MAX]; /* hashdb_print() of each */
};
_Static_assert(sizeof(struct hashdb_bucket) == 64, "one cache line");

static inline uint32_t hashdb_n_buckets(uint64_t n)
{
	return (uint32_t)(n / HASHDB_BUCKET + 1);
}

/* Which one of @n_buckets a digest is in; grows with the digest. */
static inline uint32_t hashdb_bucket_of(const uint8_t *digest, uint32_t n_buckets)
{
	uint64_t v;

	memcpy(&v, digest, sizeof(v));
	return (uint32_t)((unsigned __int128)be64toh(v) * n_buckets >> 64);
}

/* Not of those bytes that decide about the bucket. Any digest has 16 bytes. */
static inline uint16_t hashdb_print(const uint8_t *digest)
{
	uint16_t v;

	memcpy(&v, digest + 8, sizeof(v));
	return v;
}

static inline size_t hashdb_record_bytes(enum digest_alg alg, bool has_sizes)
{
	return digest_bytes(alg) + sizeof(uint32_t) +
	       (has_sizes ? sizeof(uint64_t) : 0);
}

static inline uint32_t hashdb_record_name(const uint8_t *record, enum digest_alg alg)
{
	uint32_t v;

	memcpy(&v, record + digest_bytes(alg), sizeof(v));
	return v;
}

/* Only for records that have one. */
static inline uint64_t hashdb_record_size(const uint8_t *record, enum digest_alg alg)
{
	uint64_t v;

	memcpy(&v, record + digest_bytes(alg) + sizeof(uint32_t), sizeof(v));
	return v;
}
