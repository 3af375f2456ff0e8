/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table: lookup
 *
 * Owns: the border check of an image, and the search in it.
 * Must not own: the memory of the image, or its making (hashdb-build.c).
 */
#include "custos/hashdb.h"

#include <errno.h>

#include "hashdb-layout.h"

/* Advance *off by @len inside @size. False when it does not fit. */
static bool take(size_t size, size_t *off, uint64_t len)
{
	if (len > size - *off)
		return false;
	*off += (size_t)len;
	return true;
}

static int check_directory(const struct hashdb *db)
{
	size_t n_buckets = (size_t)1 << db->dir_bits;

	if (db->dir[0] != 0 || db->dir[n_buckets] != db->n)
		return -EBADMSG;
	for (size_t i = 0; i < n_buckets; i++)
		if (db->dir[i] > db->dir[i + 1])
			return -EBADMSG;
	return 0;
}

int hashdb_open(const void *mem, size_t size, enum digest_alg alg, struct hashdb *ret)
{
	const struct hashdb_header *h = mem;
	struct hashdb db = {.alg = alg};
	size_t off = 0, dir_off, records_off;

	if (size == 0) {
		*ret = db;
		return 0;
	}
	if (!take(size, &off, sizeof(*h)))
		return -EBADMSG;
	if (h->magic != HASHDB_MAGIC || h->alg != (uint32_t)alg ||
	    h->flags > HASHDB_SIZES || h->dir_bits > HASHDB_DIR_BITS_MAX ||
	    h->n > HASHDB_ENTRIES_MAX)
		return -EBADMSG;

	db.has_sizes = h->flags & HASHDB_SIZES;
	db.dir_bits = h->dir_bits;
	db.n = (uint32_t)h->n;
	db.record_bytes = hashdb_record_bytes(alg, db.has_sizes);
	dir_off = off;
	if (!take(size, &off, (((uint64_t)1 << h->dir_bits) + 1) * sizeof(uint32_t)))
		return -EBADMSG;
	records_off = off;
	if (!take(size, &off, h->n * db.record_bytes) || h->names_bytes != size - off)
		return -EBADMSG;

	db.dir = (const void *)((const uint8_t *)mem + dir_off);
	db.records = (const uint8_t *)mem + records_off;
	db.names = (const char *)mem + off;
	db.names_bytes = (size_t)h->names_bytes;
	if (db.names_bytes == 0 || db.names[db.names_bytes - 1] != '\0')
		return -EBADMSG; /* else a name could run out of the image */
	if (check_directory(&db) < 0)
		return -EBADMSG;
	*ret = db;
	return 0;
}

/* First record in [lo, hi) that is not smaller than @digest. */
static uint32_t lower_bound(const struct hashdb *db, const uint8_t *digest, uint32_t lo,
                            uint32_t hi)
{
	size_t bytes = digest_bytes(db->alg);

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (memcmp(db->records + (size_t)mid * db->record_bytes, digest,
		           bytes) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool hashdb_lookup(const struct hashdb *db, const uint8_t *digest, uint64_t size_bytes,
                   const char **ret_name)
{
	uint32_t bucket, end, name;

	if (db->n == 0)
		return false;
	bucket = hashdb_bucket(digest, db->dir_bits);
	end = db->dir[bucket + 1];

	/* A digest stands there once per file size it is tied to. */
	for (uint32_t i = lower_bound(db, digest, db->dir[bucket], end); i < end; i++) {
		const uint8_t *r = db->records + (size_t)i * db->record_bytes;
		uint64_t size = HASHDB_ANY_SIZE;

		if (memcmp(r, digest, digest_bytes(db->alg)) != 0)
			return false;
		if (db->has_sizes)
			size = hashdb_record_size(r, db->alg);
		if (size != HASHDB_ANY_SIZE && size != size_bytes)
			continue;
		name = hashdb_record_name(r, db->alg);
		*ret_name = name < db->names_bytes ? db->names + name : "";
		return true;
	}
	return false;
}
