/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/hashdb.h"
#include "unit.h"

struct memory {
	uint8_t *p;
	size_t len;
};

static void memory_free(struct memory *m)
{
	free(m->p);
}

static int to_memory(void *userdata, const void *data, size_t len)
{
	struct memory *m = userdata;

	m->p = realloc(m->p, m->len + len);
	memcpy(m->p + m->len, data, len);
	m->len += len;
	return 0;
}

/* The i-th of a sequence of digests that look random. */
static void make_digest(uint32_t i, uint8_t ret[DIGEST_MAX_BYTES])
{
	uint64_t x = i * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t k = 0; k < DIGEST_MAX_BYTES; k++) {
		x ^= x >> 29;
		x *= UINT64_C(0xbf58476d1ce4e5b9);
		ret[k] = (uint8_t)(x >> 56);
	}
}

static void add(struct hashdb_builder *b, uint32_t i, uint64_t size, const char *name)
{
	uint8_t digest[DIGEST_MAX_BYTES];

	make_digest(i, digest);
	ck_assert_int_eq(hashdb_builder_add(b, digest, size, name, strlen(name)), 0);
}

static bool has(const struct hashdb *db, uint32_t i, uint64_t size, const char **name)
{
	uint8_t digest[DIGEST_MAX_BYTES];

	make_digest(i, digest);
	return hashdb_lookup(db, digest, size, name);
}

START_TEST(lookup_every_entry_of_every_algorithm_is_found)
{
	const char *name;
	uint64_t n;

	for (unsigned alg = 0; alg < N_DIGESTS; alg++) {
		_cleanup_(memory_free) struct memory m = {0};
		struct hashdb_builder b;
		struct hashdb db;

		hashdb_builder_init(&b, alg);
		for (uint32_t i = 0; i < 5000; i++)
			add(&b, i, HASHDB_ANY_SIZE, i % 2 ? "odd" : "even");
		ck_assert_int_eq(hashdb_builder_write(&b, to_memory, &m, &n), 0);
		ck_assert_uint_eq(n, 5000);
		ck_assert_int_eq(hashdb_open(m.p, m.len, alg, &db), 0);
		for (uint32_t i = 0; i < 5000; i++) {
			ck_assert(has(&db, i, i, &name));
			ck_assert_str_eq(name, i % 2 ? "odd" : "even");
		}
		for (uint32_t i = 5000; i < 10000; i++)
			ck_assert(!has(&db, i, 0, &name));
	}
}
END_TEST

START_TEST(lookup_needs_every_byte_of_the_digest)
{
	_cleanup_(memory_free) struct memory m = {0};
	uint8_t digest[DIGEST_MAX_BYTES];
	struct hashdb_builder b;
	struct hashdb db;
	const char *name;
	uint64_t n;

	hashdb_builder_init(&b, DIGEST_SHA256);
	add(&b, 1, HASHDB_ANY_SIZE, "");
	ck_assert_int_eq(hashdb_builder_write(&b, to_memory, &m, &n), 0);
	ck_assert_int_eq(hashdb_open(m.p, m.len, DIGEST_SHA256, &db), 0);
	make_digest(1, digest);
	ck_assert(hashdb_lookup(&db, digest, 0, &name));
	for (size_t i = 0; i < sizeof(digest); i++) {
		digest[i] ^= 1;
		ck_assert(!hashdb_lookup(&db, digest, 0, &name));
		digest[i] ^= 1;
	}
}
END_TEST

START_TEST(lookup_compares_the_size_where_there_is_one)
{
	_cleanup_(memory_free) struct memory m = {0};
	struct hashdb_builder b;
	struct hashdb db;
	const char *name;
	uint64_t n;

	hashdb_builder_init(&b, DIGEST_MD5);
	add(&b, 1, 68, "at 68");
	add(&b, 1, 70, "at 70");
	add(&b, 1, 70, "double");
	add(&b, 2, HASHDB_ANY_SIZE, "any");
	add(&b, 3, 5, "at 5");
	add(&b, 3, HASHDB_ANY_SIZE, "other than 5");
	ck_assert_int_eq(hashdb_builder_write(&b, to_memory, &m, &n), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert_int_eq(hashdb_open(m.p, m.len, DIGEST_MD5, &db), 0);
	ck_assert(has(&db, 1, 68, &name));
	ck_assert_str_eq(name, "at 68");
	ck_assert(has(&db, 1, 70, &name));
	ck_assert(!has(&db, 1, 69, &name));
	ck_assert(has(&db, 2, 69, &name));
	ck_assert(has(&db, 3, 5, &name));
	ck_assert_str_eq(name, "at 5");
	ck_assert(has(&db, 3, 6, &name));
	ck_assert_str_eq(name, "other than 5");
}
END_TEST

START_TEST(write_empty_builder_is_an_empty_table)
{
	struct memory m = {0};
	struct hashdb_builder b;
	struct hashdb db;
	const char *name;
	uint64_t n = 1;

	hashdb_builder_init(&b, DIGEST_SHA1);
	ck_assert_int_eq(hashdb_builder_write(&b, to_memory, &m, &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(m.len, 0);
	ck_assert_int_eq(hashdb_open(NULL, 0, DIGEST_SHA1, &db), 0);
	ck_assert(!has(&db, 1, 0, &name));
}
END_TEST

static struct memory small_image(void)
{
	struct memory m = {0};
	struct hashdb_builder b;
	uint64_t n;

	hashdb_builder_init(&b, DIGEST_SHA1);
	for (uint32_t i = 0; i < 40; i++)
		add(&b, i, i % 3 ? 10 : HASHDB_ANY_SIZE, i % 2 ? "one" : "two");
	ck_assert_int_eq(hashdb_builder_write(&b, to_memory, &m, &n), 0);
	return m;
}

/* Look everything up in @m, at the end of a heap block of its exact size. */
static void use_damaged(const struct memory *m, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	const char *name;
	struct hashdb db;

	memcpy(copy, m->p, len);
	if (hashdb_open(copy, len, DIGEST_SHA1, &db) == 0)
		for (uint32_t i = 0; i < 80; i++)
			if (has(&db, i, 10, &name))
				ck_assert_uint_lt(strlen(name), len);
	free(copy);
}

START_TEST(open_any_byte_changed_reads_nothing_outside)
{
	static const uint8_t masks[] = {0x01, 0x80, 0xff};
	_cleanup_(memory_free) struct memory m = small_image();

	for (size_t i = 0; i < m.len; i++) {
		for (size_t k = 0; k < sizeof(masks); k++) {
			m.p[i] ^= masks[k];
			use_damaged(&m, m.len);
			m.p[i] ^= masks[k];
		}
	}
}
END_TEST

START_TEST(open_truncated_anywhere_is_damaged)
{
	_cleanup_(memory_free) struct memory m = small_image();
	struct hashdb db;

	for (size_t len = 1; len < m.len; len++)
		ck_assert_int_eq(hashdb_open(m.p, len, DIGEST_SHA1, &db), -EBADMSG);
	ck_assert_int_eq(hashdb_open(m.p, m.len, DIGEST_SHA1, &db), 0);
	ck_assert_int_eq(hashdb_open(m.p, m.len, DIGEST_MD5, &db), -EBADMSG);
}
END_TEST

static int fail_late(void *userdata, const void *data, size_t len)
{
	unsigned *left = userdata;

	return (*left)-- == 0 ? -ENOSPC : 0;
}

START_TEST(write_failing_sink_is_handed_up)
{
	for (unsigned left = 0; left < 4; left++) {
		struct hashdb_builder b;
		unsigned l = left;
		uint64_t n;

		hashdb_builder_init(&b, DIGEST_MD5);
		add(&b, 1, 1, "x");
		ck_assert_int_eq(hashdb_builder_write(&b, fail_late, &l, &n), -ENOSPC);
	}
}
END_TEST

UNIT_MAIN("hashdb", lookup_every_entry_of_every_algorithm_is_found,
          lookup_needs_every_byte_of_the_digest, lookup_compares_the_size_where_there_is_one,
          write_empty_builder_is_an_empty_table, open_any_byte_changed_reads_nothing_outside,
          open_truncated_anywhere_is_damaged, write_failing_sink_is_handed_up)
