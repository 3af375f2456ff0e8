/* SPDX-License-Identifier: Apache-2.0 */
/* Hash table: build it once as a flat image, look digests up in the mapped image */
#pragma once

#include <stdbool.h>

#include "custos/digest.h"

/* Entries of one table; directory and name offsets are 32 bits wide. */
#define HASHDB_ENTRIES_MAX     UINT32_MAX
#define HASHDB_NAMES_MAX_BYTES UINT32_MAX

#define HASHDB_ANY_SIZE UINT64_MAX

/* --- building --- */

/*
 * Collects the entries of one table. Zero-initialised is not valid; see
 * hashdb_builder_init().
 */
struct hashdb_builder {
	enum digest_alg alg;
	bool has_sizes;   /* some entry is tied to a file size */
	uint8_t *records; /* owned: packed records, see lib/scan/hashdb-layout.h */
	size_t n, n_alloc;
	char *names; /* owned: NUL-terminated strings, one after the other */
	size_t names_bytes, names_alloc;
	size_t last_name; /* offset of the name added last: lists repeat it */
};

/* Where the image goes. Return: 0 or a negative errno, which is handed up. */
typedef int (*hashdb_sink)(void *userdata, const void *data, size_t len);

void hashdb_builder_init(struct hashdb_builder *b, enum digest_alg alg);
void hashdb_builder_deinit(struct hashdb_builder *b);

/**
 * hashdb_builder_add() - add one entry
 * @digest:     digest_bytes(alg) bytes
 * @size_bytes: file size it is tied to, or HASHDB_ANY_SIZE
 * @name:       @name_len bytes without NUL, copied; "" for none
 *
 * Context: allocates. Return: 0, -ENOMEM, or -EFBIG at the limits above.
 */
int hashdb_builder_add(struct hashdb_builder *b, const uint8_t *digest,
                       uint64_t size_bytes, const char *name, size_t name_len);

/**
 * hashdb_builder_write() - sort, drop doubles, write the image
 * @ret_n: number of entries in the image
 *
 * Of entries that differ only in their name the first one added stays. The builder is
 * empty afterwards. Nothing is written for an empty one.
 *
 * Memory: 44 bytes an entry for SHA-256 (32 SHA-1, 28 MD5), half as much again reserved
 * but not touched; sorted in place and given back page by page as they are written, so
 * that image and builder together need little more than the larger of them.
 * Return: 0, -ENOMEM, or a negative errno of @sink.
 */
int hashdb_builder_write(struct hashdb_builder *b, hashdb_sink sink, void *userdata,
                         uint64_t *ret_n);

/* --- looking up --- */

/* View of an image that the caller keeps mapped. Zero-initialised is an empty table. */
struct hashdb {
	enum digest_alg alg;
	bool has_sizes;
	size_t digest_bytes, record_bytes;
	uint32_t n, n_buckets;
	const struct hashdb_bucket *buckets; /* n_buckets + 1; private to lib/scan */
	const uint8_t *records;
	const char *names;
	size_t names_bytes;
};

#define HASHDB_NULL                                                                    \
	{                                                                              \
		0                                                                      \
	}

/**
 * hashdb_open() - check an image and make a view of it
 * @mem:  8-byte aligned
 * @size: 0 gives an empty table
 *
 * Every offset is checked here or at its use: a damaged image gives wrong answers at
 * worst, never a read outside @mem.
 *
 * Context: reads the header, however large the table is. Return: 0 or -EBADMSG.
 */
int hashdb_open(const void *mem, size_t size, enum digest_alg alg, struct hashdb *ret);

/**
 * hashdb_lookup() - is this digest in the table, for a file of this size?
 * @ret_name: on success the entry's name inside the image, NUL-terminated
 *
 * Full-length comparison: fingerprints only ever answer "no", and only what is not
 * there. Pure; any thread; touches one cache line for nearly all that is not there, and
 * two or three for what is.
 */
bool hashdb_lookup(const struct hashdb *db, const uint8_t *digest, uint64_t size_bytes,
                   const char **ret_name);

/* --- going through it, to compare a table with lists --- */

/* The entry that stands for exactly this: a size, or HASHDB_ANY_SIZE. Return: its number,
 * below n, or n: there is none. */
uint32_t hashdb_find(const struct hashdb *db, const uint8_t *digest, uint64_t size_bytes);
/* Entry @i, below n. Return: its digest; digests do not become smaller from entry to entry. */
const uint8_t *hashdb_entry(const struct hashdb *db, uint32_t i, uint64_t *ret_size_bytes,
                            const char **ret_name);
