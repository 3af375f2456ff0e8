/* SPDX-License-Identifier: Apache-2.0 */
/* Rar, either version: what is encrypted is told, also where libarchive does not tell it */
#include <string.h>

#include "custos/archive.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "fixture-rar.h"
#include "unit.h"

#define EVIL     "the evil payload"
#define EVIL_LEN (sizeof(EVIL) - 1)
/* As of a cipher: nothing tells it from data that is just there. */
#define NOISE     "\x93\x1c\xe7\x05\xb8\x6a\xf2\x4d\x80\x3e\xc9\x17\x5b\xa4\xd6\x2f"
#define NOISE_LEN (sizeof(NOISE) - 1)

static const struct fixture_member evil = {"evil", EVIL, EVIL_LEN};
static const struct fixture_member other = {"other", EVIL, EVIL_LEN};
static const struct fixture_member locked = {"secret", NOISE, NOISE_LEN};
static const struct blob no_extra;

static unsigned n_evil, n_noise;

static bool on_member(void *userdata, const struct arc_member *m, nsec_t deadline, enum reason *ret_miss)
{
	(void)userdata;
	(void)deadline;
	(void)ret_miss;
	n_evil += memmem(m->buf, m->len, EVIL, EVIL_LEN) != NULL;
	n_noise += memmem(m->buf, m->len, NOISE, NOISE_LEN) != NULL;
	return true;
}

static struct arc_walk walk(unsigned kinds, const void *buf, size_t len)
{
	_cleanup_(arc_walker_freep) struct arc_walker *w = NULL;
	struct arc_limits l = arc_limits_default;
	struct arc_walk walk = {
		.buf = buf, .len = len, .name = "file", .deadline = clock_now() + 50 * NSEC_PER_SEC, .member = on_member};

	l.kinds = kinds;
	l.n_bytes = UINT64_C(8) << 20;
	n_evil = n_noise = 0;
	ck_assert_int_eq(arc_walker_new(&l, &w), 0);
	arc_walk(w, &walk);
	return walk;
}

static void check_reason(const struct arc_walk *w, enum reason reason)
{
	ck_assert_str_eq(reason_name(w->reason), reason_name(reason));
}

/* As it is, behind a program, and where rar is not opened: told by each. Takes @b. */
static void check_told(struct blob *b, unsigned at)
{
	static const char program[4096] = "MZ";
	struct blob behind = {0};
	struct arc_walk w = walk(ARC_KINDS_ALL, b->buf, b->len);

	check_reason(&w, REASON_ARC_ENCRYPTED);
	ck_assert_uint_eq(n_noise, 0);
	if (at) {
		ck_assert_uint_eq(w.at.n, 1);
		ck_assert_uint_eq(w.at.number[0], at);
		ck_assert_uint_eq(n_evil, 2);
	}
	w = walk(ARC_KINDS_DEFAULT, b->buf, b->len);
	check_reason(&w, REASON_ARC_FORMAT);
	blob_add(&behind, program, sizeof(program));
	blob_add(&behind, b->buf, b->len);
	w = walk(ARC_KINDS_ALL, behind.buf, behind.len);
	check_reason(&w, REASON_ARC_ENCRYPTED);
	blob_free(&behind);
	blob_free(b);
}

START_TEST(rar_of_either_version_is_read)
{
	struct blob four = {0}, five = {0};
	struct arc_walk w;

	rar4_begin(&four, false);
	rar4_add_file(&four, &evil, false);
	rar4_add_file(&four, &other, false);
	rar4_end(&four);
	w = walk(ARC_KINDS_ALL, four.buf, four.len);
	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(n_evil, 2);
	rar5_begin(&five);
	rar5_add_file(&five, RAR5_FILE, &evil, &no_extra, true);
	rar5_add_file(&five, RAR5_FILE, &evil, &no_extra, true);
	rar5_end(&five);
	w = walk(ARC_KINDS_ALL, five.buf, five.len);
	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(n_evil, 2);
	blob_free(&four);
	blob_free(&five);
}
END_TEST

START_TEST(rar4_encrypted_members_are_told_and_the_others_read)
{
	struct blob b = {0};

	rar4_begin(&b, false);
	rar4_add_file(&b, &evil, false);
	rar4_add_file(&b, &locked, true);
	rar4_add_file(&b, &other, false);
	rar4_end(&b);
	check_told(&b, 2);
}
END_TEST

START_TEST(rar4_encrypted_headers_are_told)
{
	struct blob b = {0};

	rar4_begin(&b, true);
	blob_add(&b, "12345678" NOISE NOISE NOISE, 8 + 3 * NOISE_LEN);
	check_told(&b, 0);
}
END_TEST

/* With a sum that fits, and with none: libarchive looks at neither that it is encrypted nor, then, at the sum. */
START_TEST(rar5_encrypted_members_are_told_and_the_others_read)
{
	for (unsigned has_sum = 0; has_sum < 2; has_sum++) {
		struct blob b = {0}, extra = {0};

		rar5_add_lock(&extra);
		rar5_begin(&b);
		rar5_add_file(&b, RAR5_FILE, &evil, &no_extra, true);
		rar5_add_file(&b, RAR5_FILE, &locked, &extra, has_sum);
		rar5_add_file(&b, RAR5_FILE, &evil, &no_extra, true);
		rar5_end(&b);
		blob_free(&extra);
		check_told(&b, 2);
	}
}
END_TEST

/* What is before it in the header: a time; what no program knows yet, of 200 bytes. */
START_TEST(rar5_lock_behind_other_records_is_told)
{
	static const uint8_t time[] = {6, 3, 3, 1, 2, 3, 4}, unknown[200] = {0x7f};

	for (unsigned i = 0; i < 2; i++) {
		struct blob b = {0}, extra = {0};

		if (i == 0) {
			blob_add(&extra, time, sizeof(time));
		} else {
			rar5_add_number(&extra, sizeof(unknown));
			blob_add(&extra, unknown, sizeof(unknown));
		}
		rar5_add_lock(&extra);
		rar5_begin(&b);
		rar5_add_file(&b, RAR5_FILE, &evil, &no_extra, true);
		rar5_add_file(&b, RAR5_FILE, &locked, &extra, false);
		rar5_add_file(&b, RAR5_FILE, &evil, &no_extra, true);
		rar5_end(&b);
		blob_free(&extra);
		check_told(&b, 2);
	}
}
END_TEST

/* The record's type is what counts: one of a time has a 1 in it, too. Nor is a comment a member. */
START_TEST(rar5_other_records_are_no_lock)
{
	static const uint8_t time[] = {6, 3, 1, 1, 1, 1, 1};
	struct blob b = {0}, extra = {0}, lock = {0};
	struct arc_walk w;

	blob_add(&extra, time, sizeof(time));
	rar5_add_lock(&lock);
	rar5_begin(&b);
	rar5_add_file(&b, RAR5_SERVICE, &(struct fixture_member){"CMT", "text", 4}, &lock, false);
	rar5_add_file(&b, RAR5_FILE, &evil, &extra, true);
	rar5_end(&b);
	w = walk(ARC_KINDS_ALL, b.buf, b.len);
	check_reason(&w, REASON_NONE);
	ck_assert_uint_eq(n_evil, 1);
	blob_free(&b);
	blob_free(&extra);
	blob_free(&lock);
}
END_TEST

START_TEST(rar5_lock_behind_a_service_block_is_told)
{
	struct blob b = {0}, extra = {0};

	rar5_add_lock(&extra);
	rar5_begin(&b);
	rar5_add_file(&b, RAR5_SERVICE, &(struct fixture_member){"CMT", "text", 4}, &no_extra, false);
	rar5_add_file(&b, RAR5_FILE, &locked, &extra, false);
	rar5_add_file(&b, RAR5_FILE, &evil, &no_extra, true);
	rar5_add_file(&b, RAR5_FILE, &evil, &no_extra, true);
	rar5_end(&b);
	blob_free(&extra);
	check_told(&b, 1);
}
END_TEST

START_TEST(rar5_encrypted_headers_are_told)
{
	struct blob b = {0};

	rar5_lock_headers(&b);
	blob_add(&b, NOISE NOISE NOISE NOISE, 4 * NOISE_LEN);
	check_told(&b, 0);
}
END_TEST

/* unrar writes the second over the first. */
START_TEST(rar4_second_member_of_the_same_name_is_told)
{
	struct blob b = {0};
	struct arc_walk w;

	rar4_begin(&b, false);
	rar4_add_file(&b, &(struct fixture_member){"evil", NOISE, NOISE_LEN}, false);
	rar4_add_file(&b, &evil, false);
	rar4_end(&b);
	w = walk(ARC_KINDS_ALL, b.buf, b.len);
	ck_assert_uint_eq(n_noise, 1);
	ck_assert(n_evil == 1 || w.reason == REASON_ARC_DAMAGED);
	blob_free(&b);
}
END_TEST

/* A number that is written longer than libarchive reads: it takes that for the end. */
START_TEST(rar5_blocks_that_are_not_read_are_told)
{
	static const uint8_t wide[] = {0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
	struct blob b = {0}, body = {0};
	struct arc_walk w;

	rar5_begin(&b);
	rar5_add_file(&b, RAR5_FILE, &(struct fixture_member){"first", "harmless", 8}, &no_extra, true);
	blob_add(&body, wide, sizeof(wide));
	blob_add(&body, (const uint8_t[]){2, EVIL_LEN, 0, EVIL_LEN, 0, 0, 1, 1, 'x'}, 9);
	rar5_add_block(&b, &body);
	blob_add(&b, EVIL, EVIL_LEN);
	w = walk(ARC_KINDS_ALL, b.buf, b.len);
	ck_assert(n_evil == 1 || w.reason == REASON_ARC_DAMAGED);
	blob_free(&b);
	blob_free(&body);
}
END_TEST

/* Cut anywhere: never clean where a member, or a part of one, is missing. */
START_TEST(rar_cut_anywhere_is_never_clean)
{
	for (unsigned five = 0; five < 2; five++) {
		struct blob b = {0}, extra = {0};

		rar5_add_lock(&extra);
		if (five) {
			rar5_begin(&b);
			rar5_add_file(&b, RAR5_FILE, &locked, &extra, false);
		} else {
			rar4_begin(&b, false);
			rar4_add_file(&b, &locked, true);
		}
		for (size_t len = five ? 8 : 7; len <= b.len; len++) {
			/* behind the magic or the first block of version 5: nothing tells that there was more */
			const bool is_whole = five && (len == 8 || len == 8 + 8);
			struct blob cut = {0};
			struct arc_walk w;

			blob_add(&cut, b.buf, len);
			w = walk(ARC_KINDS_ALL, cut.buf, cut.len);
			ck_assert_msg((w.reason == REASON_NONE) == is_whole, "%u: %zu: %s", five, len,
			              reason_name(w.reason));
			ck_assert_uint_eq(n_noise, 0);
			blob_free(&cut);
		}
		blob_free(&extra);
		blob_free(&b);
	}
}
END_TEST

UNIT_MAIN("archive-rar", rar_of_either_version_is_read, rar4_encrypted_members_are_told_and_the_others_read,
          rar4_encrypted_headers_are_told, rar5_encrypted_members_are_told_and_the_others_read,
          rar5_lock_behind_other_records_is_told, rar5_other_records_are_no_lock,
          rar5_lock_behind_a_service_block_is_told, rar5_encrypted_headers_are_told,
          rar4_second_member_of_the_same_name_is_told, rar5_blocks_that_are_not_read_are_told,
          rar_cut_anywhere_is_never_clean)
