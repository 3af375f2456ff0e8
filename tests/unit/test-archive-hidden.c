/* SPDX-License-Identifier: Apache-2.0 */
/* What one program finds in an archive and another does not: all of it is read, or told */
#include <string.h>

#include "custos/archive.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "fixture-archive.h"
#include "fixture-asan.h"
#include "unit.h"

/* What is looked for. */
#define EVIL     "the evil payload"
#define EVIL_LEN (sizeof(EVIL) - 1)
#define HELLO    "hello"
/* EVIL, deflated: one block that is not stored, by zlib. */
static const uint8_t deflated[] = {0x2b, 0xc9, 0x48, 0x55, 0x48, 0x2d, 0xcb, 0xcc, 0x51,
                                   0x28, 0x48, 0xac, 0xcc, 0xc9, 0x4f, 0x4c, 0x01, 0x00};
#define CRC_EVIL 0xc6ae9e81U
#define CRC_HELLO 0x3610a686U

struct seen {
	unsigned n, n_evil;
};

static bool on_member(void *userdata, const struct arc_member *m, nsec_t deadline,
                      enum reason *ret_miss)
{
	struct seen *s = userdata;

	(void)deadline;
	(void)ret_miss;
	s->n++;
	s->n_evil += memmem(m->buf, m->len, EVIL, EVIL_LEN) != NULL;
	return true;
}

static struct seen walk(const struct blob *b, enum reason *ret)
{
	_cleanup_(arc_walker_freep) struct arc_walker *w = NULL;
	struct seen s = {0};
	struct arc_walk walk = {
		.buf = b->buf,
		.len = b->len,
		.name = "file",
		.deadline = clock_now() + 50 * NSEC_PER_SEC,
		.member = on_member,
		.userdata = &s,
	};

	ck_assert_int_eq(arc_walker_new(&arc_limits_default, &w), 0);
	arc_walk(w, &walk);
	*ret = walk.reason;
	return s;
}

/* It is seen. */
static void check_found(struct blob *b)
{
	enum reason reason;
	struct seen s = walk(b, &reason);

	ck_assert_uint_gt(s.n_evil, 0);
	ck_assert_str_eq(reason_name(reason), reason_name(REASON_NONE));
	blob_free(b);
}

/* It is seen, or something is said to be missing. */
static void check_not_clean(struct blob *b)
{
	enum reason reason;
	struct seen s = walk(b, &reason);

	ck_assert_msg(s.n_evil > 0 || reason != REASON_NONE, "%u members, none of them evil", s.n);
	blob_free(b);
}

static void check_clean(struct blob *b, unsigned n_members)
{
	enum reason reason;
	struct seen s = walk(b, &reason);

	ck_assert_str_eq(reason_name(reason), reason_name(REASON_NONE));
	ck_assert_uint_eq(s.n_evil, 0);
	ck_assert_uint_eq(s.n, n_members);
	blob_free(b);
}

/* A member as its own header, or the list at the end, has it. */
struct head {
	uint16_t flags, method;
	uint32_t crc, csize, usize;
};

static void put16(struct blob *b, uint16_t v)
{
	const uint8_t p[] = {(uint8_t)v, (uint8_t)(v >> 8)};

	blob_add(b, p, sizeof(p));
}

static void put32(struct blob *b, uint32_t v)
{
	put16(b, (uint16_t)v);
	put16(b, (uint16_t)(v >> 16));
}

static void put_head(struct blob *b, const struct head *h)
{
	put16(b, 20);
	put16(b, h->flags);
	put16(b, h->method);
	put32(b, 0x21 << 16);
	put32(b, h->crc);
	put32(b, h->csize);
	put32(b, h->usize);
}

/* Return: where it begins. */
static uint32_t put_member(struct blob *b, const char *name, const struct head *h, const void *data, size_t len)
{
	const uint32_t at = (uint32_t)b->len;

	blob_add(b, "PK\3\4", 4);
	put_head(b, h);
	put16(b, (uint16_t)strlen(name));
	put16(b, 0);
	blob_add(b, name, strlen(name));
	blob_add(b, data, len);
	return at;
}

static void put_listed(struct blob *list, const char *name, const struct head *h, uint32_t at)
{
	blob_add(list, "PK\1\2\24\3", 6);
	put_head(list, h);
	put16(list, (uint16_t)strlen(name));
	put16(list, 0);
	put16(list, 0);
	put32(list, 0);
	put32(list, (uint32_t)0100644 << 16);
	put32(list, at);
	blob_add(list, name, strlen(name));
}

/* @at: where the list is said to begin. */
static void put_end(struct blob *b, struct blob *list, uint16_t n, uint32_t at)
{
	blob_add(b, list->buf, list->len);
	blob_add(b, "PK\5\6\0\0\0\0", 8);
	put16(b, n);
	put16(b, n);
	put32(b, (uint32_t)list->len);
	put32(b, at);
	put16(b, 0);
	blob_free(list);
}

static const struct head stored_evil = {0, 0, CRC_EVIL, EVIL_LEN, EVIL_LEN};
static const struct head stored_hello = {0, 0, CRC_HELLO, 5, 5};

/* One member whose header says @local and whose entry in the list @listed. */
static struct blob zip_of_two_minds(const struct head *local, const struct head *listed, const void *data,
                                    size_t len)
{
	struct blob b = {0}, list = {0};
	uint32_t at = put_member(&b, "a", local, data, len);

	put_listed(&list, "a", listed, at);
	put_end(&b, &list, 1, (uint32_t)b.len);
	return b;
}

static struct blob whole_zip(const char *name, const char *text)
{
	return fixture_pack_one("zip", name, text, strlen(text));
}

/* unzip, Python and Java go by the list; busybox, bsdtar and Java's streams from header to header. */
START_TEST(zip_member_that_is_not_listed_is_found)
{
	for (unsigned place = 0; place < 4; place++) {
		struct blob b = {0}, list = {0};
		uint32_t hello;

		if (place == 0 || place == 3)
			(void)put_member(&b, place ? "\1\xff" : "evil", &stored_evil, EVIL, EVIL_LEN);
		hello = put_member(&b, "hello", &stored_hello, HELLO, 5);
		if (place == 1)
			(void)put_member(&b, "evil", &stored_evil, EVIL, EVIL_LEN);
		put_listed(&list, "hello", &stored_hello, hello);
		if (place == 2) {
			hello = put_member(&b, "evil", &stored_evil, EVIL, EVIL_LEN);
			hello = put_member(&b, "hello", &stored_hello, HELLO, 5);
			put_listed(&list, "hello", &stored_hello, hello);
		}
		put_end(&b, &list, place == 2 ? 2 : 1, (uint32_t)b.len);
		check_found(&b);
	}
}
END_TEST

/* One behind the other: 7z opens the first, others the last. */
START_TEST(zip_behind_zips_hides_none)
{
	for (unsigned evil = 0; evil < 3; evil++) {
		struct blob b = {0};

		for (unsigned i = 0; i < 3; i++) {
			struct blob zip = whole_zip("a", i == evil ? EVIL : HELLO);

			blob_add(&b, zip.buf, zip.len);
			blob_free(&zip);
		}
		check_found(&b);
	}
}
END_TEST

START_TEST(zip_with_two_methods_for_a_member_is_not_clean)
{
	const struct head stored = {0, 0, CRC_EVIL, sizeof(deflated), sizeof(deflated)};
	const struct head packed = {0, 8, CRC_EVIL, sizeof(deflated), EVIL_LEN};
	struct blob b = zip_of_two_minds(&stored, &packed, deflated, sizeof(deflated));

	check_not_clean(&b);
	b = zip_of_two_minds(&packed, &packed, deflated, sizeof(deflated));
	check_found(&b);
}
END_TEST

START_TEST(zip_with_two_sizes_for_a_member_is_not_clean)
{
	static const char data[] = HELLO EVIL;
	const struct head large = {0, 0, CRC_EVIL, sizeof(data) - 1, sizeof(data) - 1};
	struct head small = stored_hello;
	struct blob b = zip_of_two_minds(&small, &large, data, sizeof(data) - 1);

	check_not_clean(&b);
	b = zip_of_two_minds(&large, &small, data, sizeof(data) - 1);
	check_not_clean(&b);
	small.flags = 8;
	b = zip_of_two_minds(&small, &large, data, sizeof(data) - 1);
	check_not_clean(&b);
}
END_TEST

/* The list says that the data goes on; who reads from header to header finds another member there. */
START_TEST(zip_member_in_what_another_is_said_to_have_is_not_clean)
{
	static const uint8_t packed[] = {0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}; /* HELLO */
	const struct head local = {8, 8, 0, 0, 0};
	struct head listed = {8, 8, CRC_HELLO, 0, 5};
	struct blob b = {0}, list = {0};
	uint32_t at = put_member(&b, "a", &local, packed, sizeof(packed)), data = (uint32_t)(b.len - sizeof(packed));

	blob_add(&b, "PK\7\x8", 4);
	put32(&b, CRC_HELLO);
	put32(&b, sizeof(packed));
	put32(&b, 5);
	(void)put_member(&b, "evil", &stored_evil, EVIL, EVIL_LEN);
	listed.csize = (uint32_t)b.len - data;
	put_listed(&list, "a", &listed, at);
	put_end(&b, &list, 1, (uint32_t)b.len);
	check_not_clean(&b);
}
END_TEST

/* Honest programs leave sizes to the list, or to what follows the data. */
START_TEST(zip_that_leaves_sizes_to_the_list_is_clean)
{
	const struct head none = {8, 0, 0, 0, 0}, listed = {8, 0, CRC_HELLO, 5, 5};
	struct blob b = {0}, list = {0};
	uint32_t at = put_member(&b, "a", &none, HELLO, 5);

	blob_add(&b, "PK\7\x8", 4);
	put32(&b, CRC_HELLO);
	put32(&b, 5);
	put32(&b, 5);
	put_listed(&list, "a", &listed, at);
	put_end(&b, &list, 1, (uint32_t)b.len);
	check_clean(&b, 1);
}
END_TEST

/* A zip that is stored in a zip is one member, and read once. */
START_TEST(zip_in_a_zip_is_not_taken_for_hidden)
{
	struct blob inner = whole_zip("a", HELLO);
	const struct fixture_member m = {"a.zip", inner.buf, inner.len};
	struct blob b = fixture_pack("zip", "none", NULL, &m, 1);

	check_clean(&b, 2);
	blob_free(&inner);
}
END_TEST

START_TEST(zip_list_that_lies_behind_what_it_lists_is_read)
{
	struct blob b = {0}, zip = whole_zip("a", EVIL);

	blob_add(&b, "\x7f" "ELF and more", 13);
	blob_add(&b, zip.buf, zip.len);
	blob_free(&zip);
	check_found(&b);
}
END_TEST

/* tar -i goes on behind the zeros at the end. */
START_TEST(tar_behind_a_tar_is_found)
{
	struct blob b = fixture_pack_one("ustar", "a", HELLO, 5), more = fixture_pack_one("ustar", "b", EVIL, EVIL_LEN);

	blob_add(&b, more.buf, more.len);
	blob_free(&more);
	check_found(&b);
}
END_TEST

/* What gunzip, unxz, ... put one behind the other. */
START_TEST(streams_behind_streams_are_found)
{
	static const char *const filters[] = {"gzip", "bzip2", "xz", "zstd", "lz4", "lzip"};

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct blob b = fixture_compress(filters[i], HELLO, 5);
		struct blob more = fixture_compress(filters[i], EVIL, EVIL_LEN);

		blob_add(&b, more.buf, more.len);
		blob_free(&more);
		check_found(&b);
	}
}
END_TEST

/* Other programs know them, so the bytes must not pass as something without content. */
START_TEST(streams_of_old_programs_are_found)
{
	static const char *const filters[] = {"compress", "lzma", "lzip"};

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct blob b = fixture_compress(filters[i], EVIL, EVIL_LEN);

		check_found(&b);
	}
}
END_TEST

UNIT_MAIN("archive-hidden", zip_member_that_is_not_listed_is_found, zip_behind_zips_hides_none,
          zip_with_two_methods_for_a_member_is_not_clean, zip_with_two_sizes_for_a_member_is_not_clean,
          zip_member_in_what_another_is_said_to_have_is_not_clean, zip_that_leaves_sizes_to_the_list_is_clean, zip_in_a_zip_is_not_taken_for_hidden,
          zip_list_that_lies_behind_what_it_lists_is_read, tar_behind_a_tar_is_found,
          streams_behind_streams_are_found, streams_of_old_programs_are_found)
