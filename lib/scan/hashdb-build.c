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
#include <sys/mman.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/hashdb.h"
#include "hashdb-layout.h"
#include "hashdb-sort.h"

#define GIVE_BACK_BYTES ((size_t)32 << 20)

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

/* Tell the kernel about the whole pages in a piece of our memory. */
static int advise(void *mem, size_t len, int advice)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)mem + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)mem + len) & ~(page - 1);

	return begin < end ? madvise((void *)begin, end - begin, advice) : 0;
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

/*
 * By digest, then by size: "any size" is the largest number and comes last. Names are
 * kept in the order of adding, so that the first of two doubles stays.
 */
static int compare(const void *a, const void *b, void *userdata)
{
	const struct hashdb_builder *builder = userdata;
	int c = memcmp(a, b, digest_bytes(builder->alg));
	uint64_t va, vb;

	if (c != 0)
		return c;
	va = hashdb_record_size(a, builder->alg);
	vb = hashdb_record_size(b, builder->alg);
	if (va == vb) {
		va = hashdb_record_name(a, builder->alg);
		vb = hashdb_record_name(b, builder->alg);
	}
	return (va > vb) - (va < vb);
}

static bool are_doubles(const struct hashdb_builder *b, const uint8_t *x,
                        const uint8_t *y)
{
	return memcmp(x, y, digest_bytes(b->alg)) == 0 &&
	       hashdb_record_size(x, b->alg) == hashdb_record_size(y, b->alg);
}

static void sort_and_unique(struct hashdb_builder *b)
{
	size_t bytes = build_bytes(b), kept = 0;

	if (b->n == 0)
		return;
	/* The sort jumps; with huge pages it takes half the time. A wish, no more. */
	(void)advise(b->records, b->n_alloc * bytes, MADV_HUGEPAGE);
	hashdb_sort(b->records, b->n, bytes, digest_bytes(b->alg), compare, b);
	for (size_t i = 0; i < b->n; i++) {
		uint8_t *r = b->records + i * bytes;

		if (kept > 0 && are_doubles(b, b->records + (kept - 1) * bytes, r))
			continue;
		if (kept != i)
			memcpy(b->records + kept * bytes, r, bytes);
		kept++;
	}
	b->n = kept;
}

static void bucket_add(struct hashdb_bucket *bucket, const uint8_t *record)
{
	if (bucket->n < HASHDB_BUCKET_MAX)
		bucket->prints[bucket->n++] = hashdb_print(record);
	else
		bucket->n = HASHDB_CROWDED;
}

static int write_buckets(const struct hashdb_builder *b, hashdb_sink sink,
                         void *userdata)
{
	const uint32_t n_buckets = hashdb_n_buckets(b->n);
	struct hashdb_bucket bucket = {0};
	uint32_t at = 0;

	for (size_t i = 0; i <= b->n; i++) {
		const uint8_t *record = b->records + i * build_bytes(b);
		uint32_t own = i < b->n ? hashdb_bucket_of(record, n_buckets) : n_buckets;

		for (; at < own; at++) {
			int r = sink(userdata, &bucket, sizeof(bucket));

			if (r < 0)
				return r;
			bucket = (struct hashdb_bucket){.first = (uint32_t)i};
		}
		if (i < b->n)
			bucket_add(&bucket, record);
	}
	return sink(userdata, &bucket, sizeof(bucket));
}

/* Records before the @i-th will not be looked at again. Returns up to which. */
static size_t give_back(const struct hashdb_builder *b, size_t from, size_t i)
{
	if ((i - from) * build_bytes(b) < GIVE_BACK_BYTES)
		return from;
	(void)advise(b->records + from * build_bytes(b), (i - from) * build_bytes(b),
	             MADV_DONTNEED);
	return i;
}

static int write_records(const struct hashdb_builder *b, hashdb_sink sink, void *userdata)
{
	size_t bytes = hashdb_record_bytes(b->alg, b->has_sizes), given_back = 0;
	int r = 0;

	for (size_t i = 0; i < b->n && r == 0; i++) {
		r = sink(userdata, b->records + i * build_bytes(b), bytes);
		given_back = give_back(b, given_back, i);
	}
	return r;
}

static int write_image(const struct hashdb_builder *b, hashdb_sink sink, void *userdata)
{
	const struct hashdb_header h = {
		.magic = HASHDB_MAGIC,
		.alg = b->alg,
		.flags = b->has_sizes ? HASHDB_SIZES : 0,
		.n = b->n,
		.names_bytes = b->names_bytes,
	};
	int r = sink(userdata, &h, sizeof(h));

	if (r == 0)
		r = write_buckets(b, sink, userdata);
	if (r == 0)
		r = write_records(b, sink, userdata);
	return r == 0 ? sink(userdata, b->names, b->names_bytes) : r;
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
