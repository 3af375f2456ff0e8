/* SPDX-License-Identifier: Apache-2.0 */
/* Hash table image: shared by builder and lookup, private to them */
#pragma once

#include <string.h>

#include "custos/hashdb.h"

/*
 * header | directory: u32 [(1 << dir_bits) + 1] | records | names | filter
 *
 * Bucket i of the directory is the records whose digest begins with the bits i: those
 * from dir[i] up to dir[i + 1]. A record is digest, u32 name offset, and, if
 * HASHDB_SIZES is set, u64 size. Records are packed, hence the memcpy() at each access.
 *
 * The filter stands at the end, because it is known only when the records are written:
 * zeros up to a multiple of 8 bytes, fingerprints, zeros likewise, 1 << filter_bits
 * struct filter_part, and a struct hashdb_end. Without HASHDB_FILTER all
 * that is missing. Host byte order: an image never leaves the machine.
 */
#define HASHDB_MAGIC  0x32424448U /* "HDB2" */
#define HASHDB_SIZES  1U          /* flag: records have a size */
#define HASHDB_FILTER 2U          /* flag: there is a filter */
#define HASHDB_FLAGS  (HASHDB_SIZES | HASHDB_FILTER)

/*
 * Eight records a bucket on average: half a cache line of directory for 4096 of them.
 */
#define HASHDB_BUCKET       8
#define HASHDB_DIR_BITS_MAX 29

struct hashdb_header {
	uint32_t magic;
	uint32_t alg;
	uint32_t flags;
	uint32_t dir_bits;
	uint32_t filter_bits;
	uint32_t reserved; /* zero */
	uint64_t n;
	uint64_t names_bytes;
};

struct hashdb_end {
	uint64_t n_prints;
	uint64_t image_bytes; /* so that nothing cut off looks like an end */
};

/* Bytes up to the next multiple of 8. */
static inline size_t hashdb_padding(size_t off)
{
	return -off % 8;
}

static inline size_t hashdb_record_bytes(enum digest_alg alg, bool has_sizes)
{
	return digest_bytes(alg) + sizeof(uint32_t) +
	       (has_sizes ? sizeof(uint64_t) : 0);
}

static inline uint32_t hashdb_bucket(const uint8_t *digest, unsigned dir_bits)
{
	uint32_t top = (uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 |
	               (uint32_t)digest[2] << 8 | digest[3];

	return dir_bits ? top >> (32 - dir_bits) : 0;
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
