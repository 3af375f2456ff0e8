/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table: lookup
 *
 * Owns: the border check of an image, and the search in it.
 * Must not own: the memory of the image, or its making (hashdb-build.c).
 */
#include "custos/hashdb.h"

#include <errno.h>

#include "hashdb-filter.h"
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

static bool header_is_valid(const struct hashdb_header *h, enum digest_alg alg)
{
	return h->magic == HASHDB_MAGIC && h->alg == (uint32_t)alg &&
	       (h->flags & ~HASHDB_FLAGS) == 0 && h->dir_bits <= HASHDB_DIR_BITS_MAX &&
	       h->filter_bits <= FILTER_BITS_MAX && h->reserved == 0 &&
	       h->n <= HASHDB_ENTRIES_MAX;
}

/* What stands from @off, the end of the names, to the end of the image. */
static int open_filter(struct hashdb *db, const uint8_t *mem, size_t off, size_t size)
{
	size_t parts_bytes = sizeof(struct filter_part) << db->filter_bits,
	       prints_bytes;
	struct hashdb_end end;

	if (!take(size, &off, hashdb_padding(off)) || size % 8 != 0 ||
	    size - off < parts_bytes + sizeof(end))
		return -EBADMSG;
	memcpy(&end, mem + size - sizeof(end), sizeof(end));
	if (end.image_bytes != size || end.n_prints > size)
		return -EBADMSG;
	size -= parts_bytes + sizeof(end); /* the end of the fingerprints */
	prints_bytes = (size_t)end.n_prints * sizeof(*db->prints);
	if (prints_bytes + hashdb_padding(prints_bytes) != size - off)
		return -EBADMSG;
	db->prints = (const void *)(mem + off);
	db->filter = (const void *)(mem + size);
	for (size_t i = 0; i < (size_t)1 << db->filter_bits; i++)
		if (!filter_part_is_valid(&db->filter[i], end.n_prints))
			return -EBADMSG;
	return 0;
}

/* Directory, records and names. Return: where they end, or 0. */
static size_t open_parts(struct hashdb *db, const uint8_t *mem, size_t size)
{
	const struct hashdb_header *h = (const void *)mem;
	size_t off = sizeof(*h);

	db->dir = (const void *)(mem + off);
	if (!take(size, &off, (((uint64_t)1 << db->dir_bits) + 1) * sizeof(uint32_t)))
		return 0;
	db->records = mem + off;
	if (!take(size, &off, h->n * db->record_bytes))
		return 0;
	db->names = (const char *)mem + off;
	db->names_bytes = (size_t)h->names_bytes;
	if (!take(size, &off, h->names_bytes))
		return 0;
	if (db->names_bytes == 0 || db->names[db->names_bytes - 1] != '\0')
		return 0; /* else a name could run out of the image */
	return off;
}

int hashdb_open(const void *mem, size_t size, enum digest_alg alg, struct hashdb *ret)
{
	const struct hashdb_header *h = mem;
	struct hashdb db = {.alg = alg};
	size_t end;

	if (size == 0) {
		*ret = db;
		return 0;
	}
	if (size < sizeof(*h) || !header_is_valid(h, alg))
		return -EBADMSG;
	db.has_sizes = h->flags & HASHDB_SIZES;
	db.filter_bits = h->filter_bits;
	db.dir_bits = h->dir_bits;
	db.n = (uint32_t)h->n;
	db.record_bytes = hashdb_record_bytes(alg, db.has_sizes);
	end = open_parts(&db, mem, size);
	if (end == 0)
		return -EBADMSG;
	if (h->flags & HASHDB_FILTER ? open_filter(&db, mem, end, size) < 0
	                             : end != size)
		return -EBADMSG;
	if (check_directory(&db) < 0)
		return -EBADMSG;
	*ret = db;
	return 0;
}

/*
 * First record in [lo, hi) that is not smaller than @digest. A bucket as it should be
 * is walked, comparing the first 8 bytes: one branch is mispredicted, not one in two.
 */
static uint32_t lower_bound(const struct hashdb *db, const uint8_t *digest, uint32_t lo,
                            uint32_t hi)
{
	size_t bytes = digest_bytes(db->alg);
	uint64_t begin = filter_key(digest);
	const uint8_t *r;

	while (hi - lo > 4 * HASHDB_BUCKET) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (memcmp(db->records + (size_t)mid * db->record_bytes, digest,
		           bytes) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (r = db->records + (size_t)lo * db->record_bytes;
	     lo < hi && filter_key(r) < begin; r += db->record_bytes)
		lo++;
	while (lo < hi && memcmp(r, digest, bytes) < 0) {
		r += db->record_bytes;
		lo++;
	}
	return lo;
}

static bool filtered_out(const struct hashdb *db, const uint8_t *digest)
{
	uint32_t part;

	if (!db->filter)
		return false;
	part = hashdb_bucket(digest, db->filter_bits);
	return !filter_part_has(&db->filter[part], db->prints, digest);
}

bool hashdb_lookup(const struct hashdb *db, const uint8_t *digest, uint64_t size_bytes,
                   const char **ret_name)
{
	uint32_t bucket, end, name;

	if (db->n == 0 || filtered_out(db, digest))
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
