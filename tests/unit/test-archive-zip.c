/* SPDX-License-Identifier: Apache-2.0 */
/* Zips that show one list of members to unzip(1) or Python, and another to libarchive */
#include <stdlib.h>
#include <string.h>

#include "custos/archive.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "fixture-archive.h"
#include "unit.h"

#define EVIL       "the evil payload"
#define GOOD       "harmless"
#define ENTRY      46 /* of the list, without the name */
#define END        22
#define LARGE_END  56
#define LOCATOR    20
#define PROGRAM    "#!/bin/sh\nexit 0\n"

static unsigned n_evil, n_shown;

static bool on_member(void *userdata, const struct arc_member *m, nsec_t deadline,
                      enum reason *ret_miss)
{
	(void)userdata;
	(void)deadline;
	(void)ret_miss;
	n_shown++;
	n_evil += memmem(m->buf, m->len, EVIL, sizeof(EVIL) - 1) != NULL;
	return true;
}

static enum reason walk(const struct blob *b)
{
	_cleanup_(arc_walker_freep) struct arc_walker *w = NULL;
	struct arc_walk walk = {.buf = b->buf, .len = b->len, .name = "a.zip",
	                        .deadline = clock_now() + 50 * NSEC_PER_SEC,
	                        .member = on_member};

	n_evil = n_shown = 0;
	ck_assert_int_eq(arc_walker_new(&arc_limits_default, &w), 0);
	arc_walk(w, &walk);
	return walk.reason;
}

/* All of it was read. */
static void check_read(struct blob *b, unsigned evil)
{
	enum reason r = walk(b);

	ck_assert_str_eq(reason_name(r), reason_name(REASON_NONE));
	ck_assert_uint_eq(n_evil, evil);
	blob_free(b);
}

/* Whatever was found: the file is not clean. */
static void check_not_clean(struct blob *b)
{
	ck_assert_int_ne(walk(b), REASON_NONE);
	blob_free(b);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_le(uint8_t *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* A zip of one member: the member as it is stored, and its entry in the list. */
struct parts {
	struct blob member, entry;
};

static struct parts make(const char *name, const char *data)
{
	struct blob b = fixture_pack_one("zip", name, data, strlen(data));
	const uint8_t *end = b.buf + b.len - END;
	const uint32_t size = le32(end + 12), offset = le32(end + 16);
	struct parts p = {0};

	blob_add(&p.member, b.buf, offset);
	blob_add(&p.entry, b.buf + offset, size);
	blob_free(&b);
	return p;
}

static void parts_free(struct parts *p)
{
	blob_free(&p->member);
	blob_free(&p->entry);
}

/* The entry of a member that lies at @at. */
static void add_entry(struct blob *b, const struct parts *p, size_t at)
{
	const size_t begin = b->len;

	blob_add(b, p->entry.buf, p->entry.len);
	put_le(b->buf + begin + 42, at, 4);
}

static uint8_t *add_end(struct blob *b, unsigned n, uint64_t size, uint64_t offset)
{
	uint8_t end[END] = "PK\5\6";

	put_le(end + 8, n, 2);
	put_le(end + 10, n, 2);
	put_le(end + 12, size, 4);
	put_le(end + 16, offset, 4);
	blob_add(b, end, sizeof(end));
	return b->buf + b->len - END;
}

/* The large form of the end, and what says where that is. */
static uint8_t *add_large_end(struct blob *b, unsigned n, uint64_t size, uint64_t offset)
{
	uint8_t end[LARGE_END] = "PK\6\6", locator[LOCATOR] = "PK\6\7";

	put_le(end + 4, LARGE_END - 12, 8);
	put_le(end + 24, n, 8);
	put_le(end + 32, n, 8);
	put_le(end + 40, size, 8);
	put_le(end + 48, offset, 8);
	put_le(locator + 8, b->len, 8);
	put_le(locator + 16, 1, 4);
	blob_add(b, end, sizeof(end));
	blob_add(b, locator, sizeof(locator));
	return b->buf + b->len - LOCATOR - LARGE_END;
}

static void add_comment(struct blob *b, size_t len)
{
	char *comment = malloc(len);

	memset(comment, 'c', len);
	put_le(b->buf + b->len - 2, len, 2);
	blob_add(b, comment, len);
	free(comment);
}

static struct parts evil, good;

static void setup(void)
{
	evil = make("evil", EVIL);
	good = make("good", GOOD);
}

static void teardown(void)
{
	parts_free(&evil);
	parts_free(&good);
}

/* Behind a program; offsets count from where the zip begins, or from the file's. */
static struct blob behind_program(bool absolute, const char *behind_list, unsigned n)
{
	struct blob b = {0};
	size_t base;

	blob_add(&b, PROGRAM, sizeof(PROGRAM));
	base = absolute ? sizeof(PROGRAM) : 0;
	blob_add(&b, evil.member.buf, evil.member.len);
	add_entry(&b, &evil, base);
	blob_add(&b, behind_list, strlen(behind_list));
	(void)add_end(&b, n, evil.entry.len, base + evil.member.len);
	return b;
}

START_TEST(list_behind_a_program_is_found_whatever_its_number)
{
	static const unsigned numbers[] = {1, 0, UINT16_MAX};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct blob b = behind_program(false, "", numbers[i]),
			    c = behind_program(true, "", numbers[i]);

		check_read(&b, 1);
		check_read(&c, 1);
	}
	teardown();
}
END_TEST

/* unzip(1) goes by the offset then; libarchive would begin in the middle of the list. */
START_TEST(list_that_does_not_end_where_its_end_begins_is_not_clean)
{
	struct blob b;

	setup();
	b = behind_program(true, "gap!", 1);
	check_not_clean(&b);
	blob_add(&b, good.member.buf, good.member.len);
	blob_add(&b, evil.member.buf, evil.member.len);
	add_entry(&b, &evil, good.member.len);
	blob_add(&b, "gap!", 4);
	(void)add_end(&b, 1, evil.entry.len, good.member.len + evil.member.len);
	check_not_clean(&b);
	teardown();
}
END_TEST

/* Two zips in one file: from its begin, and by the list at its end. */
static struct blob two_in_one(void)
{
	struct blob b = {0};
	size_t at;

	blob_add(&b, good.member.buf, good.member.len);
	add_entry(&b, &good, 0);
	at = b.len;
	blob_add(&b, evil.member.buf, evil.member.len);
	add_entry(&b, &evil, at);
	(void)add_end(&b, 1, evil.entry.len, at + evil.member.len);
	return b;
}

START_TEST(list_at_the_end_counts_not_what_comes_first)
{
	struct blob b;

	setup();
	b = two_in_one();
	check_read(&b, 1);
	b = two_in_one(); /* libarchive alone looks at 16 KiB */
	add_comment(&b, 20000);
	check_read(&b, 1);
	b = two_in_one();
	add_comment(&b, UINT16_MAX);
	check_read(&b, 1);
	b = two_in_one(); /* what programs read past, libarchive does not */
	b.buf[b.len - END + 4] = b.buf[b.len - END + 6] = 1;
	check_not_clean(&b);
	b = two_in_one();
	b.buf[b.len - END + 8] = 2;
	check_not_clean(&b);
	teardown();
}
END_TEST

/* Some programs take the last end, others the last whose comment ends with the file. */
START_TEST(two_ends_that_may_count_are_not_clean)
{
	struct blob b = {0};
	size_t at, end;

	setup();
	blob_add(&b, evil.member.buf, evil.member.len);
	add_entry(&b, &evil, 0);
	(void)add_end(&b, 1, evil.entry.len, evil.member.len);
	end = b.len;
	at = b.len;
	blob_add(&b, good.member.buf, good.member.len);
	add_entry(&b, &good, at);
	(void)add_end(&b, 1, good.entry.len, at + good.member.len);
	blob_add(&b, "x", 1); /* behind the comment of the last: it has none */
	put_le(b.buf + end - 2, b.len - end, 2);
	check_not_clean(&b);
	teardown();
}
END_TEST

static struct blob large(uint64_t small_size, uint64_t small_offset, const struct parts *listed)
{
	struct blob b = {0};
	size_t lists;

	blob_add(&b, good.member.buf, good.member.len);
	blob_add(&b, evil.member.buf, evil.member.len);
	lists = b.len;
	add_entry(&b, &good, 0);
	add_entry(&b, &evil, good.member.len);
	(void)add_large_end(&b, 1, listed->entry.len,
	                    lists + (listed == &evil ? good.entry.len : 0));
	(void)add_end(&b, 1, small_size, small_offset);
	return b;
}

START_TEST(large_form_is_read_where_it_agrees_with_the_small_one)
{
	struct blob b;
	size_t lists;

	setup();
	lists = good.member.len + evil.member.len;
	b = large(UINT32_MAX, UINT32_MAX, &evil);
	check_read(&b, 1);
	/* Python's zipfile leaves numbers that fit as they are. */
	b = large(evil.entry.len, lists + good.entry.len, &evil);
	check_read(&b, 1);
	/* The large form has the one, the small form the other. */
	b = large(evil.entry.len, lists + good.entry.len, &good);
	check_not_clean(&b);
	/* The small one as Python counts from its end. */
	b = large(evil.entry.len + LARGE_END + LOCATOR, lists + good.entry.len, &good);
	check_not_clean(&b);
	teardown();
}
END_TEST

START_TEST(large_form_that_libarchive_does_not_take_is_not_clean)
{
	static const struct {
		size_t at; /* from the end of the file */
		uint8_t to;
	} spoiled[] = {
		{END + 4, 2},                       /* parts */
		{END + LOCATOR - 4, 1},             /* the first part */
		{END + LOCATOR + LARGE_END - 16, 1}, /* this part */
		{END + LOCATOR + LARGE_END - 24, 9}, /* members here, not in all */
		{END + LOCATOR + LARGE_END - 5, 1},  /* its own size */
		{END + LOCATOR - 8, 1},             /* where it is */
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(spoiled); i++) {
		struct blob b = large(evil.entry.len, good.member.len + evil.member.len +
		                                              good.entry.len, &evil);

		b.buf[b.len - spoiled[i].at] = spoiled[i].to;
		check_not_clean(&b);
	}
	teardown();
}
END_TEST

START_TEST(zips_without_members_or_without_a_list)
{
	struct blob b = {0};

	setup();
	(void)add_end(&b, 0, 0, 0);
	check_read(&b, 0);
	blob_add(&b, evil.member.buf, evil.member.len); /* cut off before the list */
	check_not_clean(&b);
	/* An end that lists nothing, behind a member: read from the begin, and not as a whole. */
	blob_add(&b, evil.member.buf, evil.member.len);
	(void)add_end(&b, 0, 0, (uint32_t)b.len);
	ck_assert_int_ne(walk(&b), REASON_NONE);
	ck_assert_uint_eq(n_evil, 1);
	blob_free(&b);
	teardown();
}
END_TEST

UNIT_MAIN("archive-zip", list_behind_a_program_is_found_whatever_its_number,
          list_that_does_not_end_where_its_end_begins_is_not_clean,
          list_at_the_end_counts_not_what_comes_first, two_ends_that_may_count_are_not_clean,
          large_form_is_read_where_it_agrees_with_the_small_one,
          large_form_that_libarchive_does_not_take_is_not_clean,
          zips_without_members_or_without_a_list)
