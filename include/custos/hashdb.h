/* SPDX-License-Identifier: Apache-2.0 */
/* Hash table: build it once as a flat image, look digests up in the mapped image */
#pragma once

#include <stdbool.h>

#include "custos/digest.h"

/* Entries of one table; directory and name offsets are 32 bits wide. */
#define HASHDB_ENTRIES_MAX     UINT32_MAX
#define HASHDB_NAMES_MAX_BYTES UINT32_MAX

#define HASHDB_ANY_SIZE UINT64_MAX

/* From this many on, a filter keeps clean lookups away from the records. */
#define HASHDB_FILTER_FROM 10000000

/* --- building --- */

/*
 * Collects the entries of one table. Zero-initialised is not valid; see
 * hashdb_builder_init().
 */
struct hashdb_builder {
	enum digest_alg alg;
	bool has_sizes;       /* some entry is tied to a file size */
	uint32_t filter_from; /* HASHDB_FILTER_FROM; tests set another */
	uint8_t *records;     /* owned: packed records, see lib/scan/hashdb.c */
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
 * that image and builder together need little more than the larger of them. The filter
 * adds 2.3 bytes an entry and, while it is built, 30 MB, or 113 MB for a crowded part.
 * Return: 0, -ENOMEM, or a negative errno of @sink.
 */
int hashdb_builder_write(struct hashdb_builder *b, hashdb_sink sink, void *userdata,
                         uint64_t *ret_n);

/* --- looking up --- */

/* View of an image that the caller keeps mapped. Zero-initialised is an empty table. */
struct hashdb {
	enum digest_alg alg;
	unsigned dir_bits;
	bool has_sizes;
	size_t record_bytes;
	uint32_t n;
	const uint32_t *dir; /* (1 << dir_bits) + 1 record indices */
	const uint8_t *records;
	const char *names;
	size_t names_bytes;
	/* NULL: no filter; private to lib/scan */
	const struct filter_part *filter;
	const uint16_t *prints;
	unsigned filter_bits;
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
 * Context: reads the directory, not the records. Return: 0 or -EBADMSG.
 */
int hashdb_open(const void *mem, size_t size, enum digest_alg alg, struct hashdb *ret);

/**
 * hashdb_lookup() - is this digest in the table, for a file of this size?
 * @ret_name: on success the entry's name inside the image, NUL-terminated
 *
 * Full-length comparison: the filter only ever answers "no", and only what is not
 * there. Pure; any thread; touches three or four cache lines.
 */
bool hashdb_lookup(const struct hashdb *db, const uint8_t *digest, uint64_t size_bytes,
                   const char **ret_name);
