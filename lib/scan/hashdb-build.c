/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash table: building
 *
 * Owns: the entries while a table is built, and the order they are written in.
 * Must not own: the file formats they came from (hashlist).
 * Hands off to: the sink, as the image that hashdb_open() reads.
 */
#include <errno.h>
#include <stdlib.h>

#include "custos/cleanup.h"
#include "custos/hashdb.h"
#include "hashdb-layout.h"

void hashdb_builder_init(struct hashdb_builder *b, enum digest_alg alg)
{
	*b = (struct hashdb_builder){.alg = alg};
}

void hashdb_builder_deinit(struct hashdb_builder *b)
{
	free(b->records);
	free(b->names);
	hashdb_builder_init(b, b->alg);
}

/* While building, every record has a size; those without one lose it when written. */
static size_t build_bytes(const struct hashdb_builder *b)
{
	return hashdb_record_bytes(b->alg, true);
}

static int grow(void *array, size_t *n_alloc, size_t needed, size_t item_bytes)
{
	size_t n = *n_alloc ? *n_alloc : 4096;
	void *p;

	if (needed <= *n_alloc)
		return 0;
	while (n < needed)
		n += n / 2; /* doubling would waste gigabytes at the sizes meant here */
	p = reallocarray(*(void **)array, n, item_bytes);
	if (!p)
		return -ENOMEM;
	*(void **)array = p;
	*n_alloc = n;
	return 0;
}

static int add_name(struct hashdb_builder *b, const char *name, size_t len,
                    uint32_t *ret)
{
	const char *last = b->names ? b->names + b->last_name : NULL;
	int r;

	if (last && strlen(last) == len && memcmp(last, name, len) == 0) {
		*ret = (uint32_t)b->last_name;
		return 0;
	}
	if (len >= HASHDB_NAMES_MAX_BYTES - b->names_bytes)
		return -EFBIG;
	r = grow(&b->names, &b->names_alloc, b->names_bytes + len + 1, 1);
	if (r < 0)
		return r;
	b->last_name = b->names_bytes;
	memcpy(b->names + b->last_name, name, len);
	b->names[b->last_name + len] = '\0';
	b->names_bytes += len + 1;
	*ret = (uint32_t)b->last_name;
	return 0;
}

int hashdb_builder_add(struct hashdb_builder *b, const uint8_t *digest,
                       uint64_t size_bytes, const char *name, size_t name_len)
{
	size_t bytes = digest_bytes(b->alg);
	uint32_t name_off;
	uint8_t *r;
	int err;

	if (b->n >= HASHDB_ENTRIES_MAX)
		return -EFBIG;
	err = add_name(b, name, name_len, &name_off);
	if (err < 0)
		return err;
	err = grow(&b->records, &b->n_alloc, b->n + 1, build_bytes(b));
	if (err < 0)
		return err;

	r = b->records + b->n++ * build_bytes(b);
	memcpy(r, digest, bytes);
	memcpy(r + bytes, &name_off, sizeof(name_off));
	memcpy(r + bytes + sizeof(name_off), &size_bytes, sizeof(size_bytes));
	if (size_bytes != HASHDB_ANY_SIZE)
		b->has_sizes = true;
	return 0;
}

/* By digest, then by size: "any size" is the largest number and comes last. */
static int compare(const void *a, const void *b, void *userdata)
{
	const struct hashdb_builder *builder = userdata;
	int c = memcmp(a, b, digest_bytes(builder->alg));
	uint64_t sa, sb;

	if (c != 0)
		return c;
	sa = hashdb_record_size(a, builder->alg);
	sb = hashdb_record_size(b, builder->alg);
	return (sa > sb) - (sa < sb);
}

static void sort_and_unique(struct hashdb_builder *b)
{
	size_t bytes = build_bytes(b), kept = 0;

	if (b->n == 0)
		return;
	qsort_r(b->records, b->n, bytes, compare, b);
	for (size_t i = 0; i < b->n; i++) {
		uint8_t *r = b->records + i * bytes;

		if (kept > 0 && compare(b->records + (kept - 1) * bytes, r, b) == 0)
			continue;
		if (kept != i)
			memcpy(b->records + kept * bytes, r, bytes);
		kept++;
	}
	b->n = kept;
}

static unsigned choose_dir_bits(size_t n)
{
	unsigned bits = 0;

	while (bits < HASHDB_DIR_BITS_MAX && ((size_t)HASHDB_BUCKET << bits) < n)
		bits++;
	return bits;
}

static int write_directory(const struct hashdb_builder *b, unsigned dir_bits,
                           hashdb_sink sink, void *userdata)
{
	size_t n_buckets = (size_t)1 << dir_bits;
	_cleanup_(freep) uint32_t *dir = calloc(n_buckets + 1, sizeof(*dir));
	size_t bucket = 0;

	if (!dir)
		return -ENOMEM;
	for (size_t i = 0; i < b->n; i++) {
		size_t own = hashdb_bucket(b->records + i * build_bytes(b), dir_bits);

		while (bucket < own)
			dir[++bucket] = (uint32_t)i;
	}
	while (bucket < n_buckets)
		dir[++bucket] = (uint32_t)b->n;
	return sink(userdata, dir, (n_buckets + 1) * sizeof(*dir));
}

static int write_records(const struct hashdb_builder *b, hashdb_sink sink,
                         void *userdata)
{
	size_t bytes = hashdb_record_bytes(b->alg, b->has_sizes);

	for (size_t i = 0; i < b->n; i++) {
		int r = sink(userdata, b->records + i * build_bytes(b), bytes);

		if (r < 0)
			return r;
	}
	return 0;
}

static int write_image(struct hashdb_builder *b, hashdb_sink sink, void *userdata)
{
	struct hashdb_header h = {
		.magic = HASHDB_MAGIC,
		.alg = b->alg,
		.flags = b->has_sizes ? HASHDB_SIZES : 0,
		.dir_bits = choose_dir_bits(b->n),
		.n = b->n,
		.names_bytes = b->names_bytes,
	};
	int r = sink(userdata, &h, sizeof(h));

	if (r == 0)
		r = write_directory(b, h.dir_bits, sink, userdata);
	if (r == 0)
		r = write_records(b, sink, userdata);
	if (r == 0)
		r = sink(userdata, b->names, b->names_bytes);
	return r;
}

int hashdb_builder_write(struct hashdb_builder *b, hashdb_sink sink, void *userdata,
                         uint64_t *ret_n)
{
	int r = 0;

	sort_and_unique(b);
	*ret_n = b->n;
	if (b->n > 0)
		r = write_image(b, sink, userdata);
	hashdb_builder_deinit(b);
	return r;
}
