/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "lib/scan/archive-sign.h"
#include "unit.h"

#define BUF_BYTES ((size_t)256 << 10)

static unsigned kinds = ARC_KINDS_ALL;
static uint8_t *buf; /* zeros but for what a case puts there */

static void begin(void)
{
	free(buf);
	buf = calloc(1, BUF_BYTES);
}

static void put(size_t at, const void *data, size_t len)
{
	ck_assert_uint_le(at + len, BUF_BYTES);
	memcpy(buf + at, data, len);
}
#define PUT(at, text) put(at, text, sizeof(text) - 1)

static void put_le32(size_t at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		buf[at + i] = (uint8_t)(v >> 8 * i);
}

/* NULL: not taken for one of that kind. */
static const struct arc_sign *sign_of(enum arc_kind kind, size_t len)
{
	static struct arc_sign signs[ARC_SIGNS_MAX];
	unsigned n = arc_signs(buf, len, kinds, signs);

	ck_assert_uint_le(n, ARC_SIGNS_MAX);
	for (unsigned i = 0; i < n; i++)
		if (signs[i].kind == kind)
			return &signs[i];
	return NULL;
}

static bool is_sure(enum arc_kind kind, size_t len)
{
	const struct arc_sign *s = sign_of(kind, len);

	return s && s->is_sure && s->offset == 0;
}

static bool is_guess(enum arc_kind kind, size_t len)
{
	const struct arc_sign *s = sign_of(kind, len);

	return s && !s->is_sure;
}

/* The only byte of the header that is not zero is its first; @end: what the sum ends
 * with. */
static bool is_tar_with_sum(const char *before, unsigned sum, const char *after,
                            size_t n_after)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%s%o", before, sum);

	begin();
	buf[0] = 'x';
	put(148, text, (size_t)len);
	put(148 + (size_t)len, after, n_after);
	return sign_of(ARC_TAR, 512) != NULL;
}

START_TEST(signs_tar_by_a_sum_that_is_a_number)
{
	const unsigned sum = 8 * ' ' + 'x';

	ck_assert(is_tar_with_sum("", sum, "\0 ", 2));
	ck_assert(is_tar_with_sum("000", sum, " \0", 2));
	ck_assert(is_tar_with_sum("  ", sum, "\0 ", 2));
	ck_assert(is_tar_with_sum("00000", sum, "", 0));
	ck_assert(!is_tar_with_sum("", sum + 1, "\0 ", 2));
	/* One of 141,685 files had a number there that fitted, and went on in letters.
	 */
	ck_assert(!is_tar_with_sum("", sum, "B", 1));
	ck_assert(!is_tar_with_sum("-", sum, "\0 ", 2));
	begin(); /* no digit at all */
	ck_assert(!sign_of(ARC_TAR, 512));
	ck_assert(is_tar_with_sum("", sum, "\0 ", 2));
	ck_assert(!sign_of(ARC_TAR, 511));
}
END_TEST

START_TEST(signs_tar_by_its_magic_whatever_its_sum)
{
	begin();
	PUT(257, "ustar");
	ck_assert(is_sure(ARC_TAR, 512));
	ck_assert(is_sure(ARC_TAR, 262));
	ck_assert(!sign_of(ARC_TAR, 261));
}
END_TEST

/* The end of a zip that lists one member of 46 bytes, right before it. */
static void put_zip_end(size_t at)
{
	begin();
	PUT(0, "#!/bin/sh\n");
	PUT(at - 46, "PK\1\2");
	PUT(at, "PK\5\6");
	buf[at + 10] = 1;
	put_le32(at + 12, 46);
}

START_TEST(signs_zip_by_its_end_within_64_kib)
{
	const size_t at = 1000;

	put_zip_end(at);
	ck_assert(is_sure(ARC_ZIP, at + 22));
	ck_assert(!sign_of(ARC_ZIP, at + 21));
	ck_assert(is_sure(ARC_ZIP, at + 22 + 65535));
	ck_assert(!sign_of(ARC_ZIP, at + 22 + 65536));
	buf[at + 10] = 0; /* Python's zipfile does not ask how many */
	ck_assert(is_sure(ARC_ZIP, at + 22));
	put_zip_end(at);
	put_le32(at + 12, 47); /* no list there */
	ck_assert(!sign_of(ARC_ZIP, at + 22));
	put_le32(at + 12, (uint32_t)at + 1); /* longer than all before it */
	ck_assert(!sign_of(ARC_ZIP, at + 22));
	put_le32(at + 12, UINT32_MAX); /* says that the large form has it */
	ck_assert(!sign_of(ARC_ZIP, at + 22));
	PUT(at - 20, "PK\6\7");
	ck_assert(is_sure(ARC_ZIP, at + 22));
}
END_TEST

START_TEST(signs_archives_behind_programs_where_they_fit)
{
	begin();
	PUT(0, "\x7f"
	       "ELF");
	PUT(5000, "7z\xbc\xaf\x27\x1c\0\4");
	put_le32(5000 + 12, 68);
	put_le32(5000 + 20, 100);
	ck_assert(sign_of(ARC_7Z, 5200)->is_sure);
	ck_assert_uint_eq(sign_of(ARC_7Z, 5200)->offset, 5000);
	ck_assert(!sign_of(ARC_7Z, 5199)); /* its list would end past the end */
	buf[5006] = 1;                     /* another version */
	ck_assert(!sign_of(ARC_7Z, 5200));
	PUT(6000, "Rar!\x1a\x07\1\0");
	ck_assert(is_guess(ARC_RAR, 6100));
	PUT(7000, "MSCF");
	put_le32(7008, 100);
	buf[7024] = 3;
	buf[7025] = 1;
	ck_assert(is_guess(ARC_CAB, 7100));
	ck_assert(!sign_of(ARC_CAB, 7099));
	kinds = ARC_KINDS_DEFAULT; /* nobody asks for guesses at what is off */
	ck_assert(!sign_of(ARC_RAR, 7100) && !sign_of(ARC_CAB, 7100));
	kinds = 0; /* but what is sure is told */
	ck_assert(sign_of(ARC_7Z, 7100) == NULL);
	buf[5006] = 0;
	ck_assert(sign_of(ARC_7Z, 7100)->is_sure);
	kinds = ARC_KINDS_ALL;
	/* A word in a table of signatures does not end the search. */
	PUT(4000, "7z\xbc\xaf\x27\x1c\7");
	buf[5006] = 0;
	ck_assert_uint_eq(sign_of(ARC_7Z, 5200)->offset, 5000);
}
END_TEST

START_TEST(signs_cpio_by_whole_headers)
{
	begin();
	memset(buf, '0', 200);
	PUT(0, "070701");
	ck_assert(is_sure(ARC_CPIO, 110));
	ck_assert(is_guess(ARC_CPIO, 109));
	buf[109] = 'g';
	ck_assert(is_guess(ARC_CPIO, 110));
	PUT(0, "070707");
	ck_assert(is_sure(ARC_CPIO, 76));
	buf[75] = '8';
	ck_assert(is_guess(ARC_CPIO, 76));
	begin();
	PUT(0, "\xc7\x71\0\0\0\0\xa4\x81"); /* 0100644 */
	buf[20] = 5;
	ck_assert(is_guess(ARC_CPIO, 31));
	ck_assert(!sign_of(ARC_CPIO, 30));
	buf[7] = 0; /* of no type */
	ck_assert(!sign_of(ARC_CPIO, 31));
}
END_TEST

START_TEST(signs_the_others_by_their_first_bytes)
{
	static const struct {
		enum arc_kind kind;
		size_t at;
		const char *magic;
		size_t len;
	} heads[] = {
		{ARC_ZIP, 0, "PK\3\4", 4},
		{ARC_ZIP, 0, "PK\5\6", 4},
		{ARC_ZIP, 0, "PK00PK\3\4", 8},
		{ARC_7Z, 0, "7z\xbc\xaf\x27\x1c", 6},
		{ARC_AR, 0, "!<arch>\n", 8},
		{ARC_RPM, 0, "\xed\xab\xee\xdb", 4},
		{ARC_GZ, 0, "\x1f\x8b\x08\0", 4},
		{ARC_BZ2, 0, "BZh91AY&SY", 10},
		{ARC_XZ, 0,
	         "\xfd"
	         "7zXZ\0",
	         6},
		{ARC_ZSTD, 0, "\x28\xb5\x2f\xfd", 4},
		{ARC_LZIP, 0, "LZIP\1", 5},
		{ARC_LZ4, 0, "\4\"M\x18", 4},
		{ARC_LZ4, 0, "\2!L\x18", 4},
		{ARC_ISO, 32769, "CD001", 5},
		{ARC_RAR, 0, "Rar!\x1a\x07\0", 7},
		{ARC_CAB, 0, "MSCF\0\0\0\0", 8},
	};

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		begin();
		put(heads[i].at, heads[i].magic, heads[i].len);
		ck_assert_msg(is_sure(heads[i].kind, heads[i].at + heads[i].len), "%zu",
		              i);
		ck_assert_msg(!is_sure(heads[i].kind, heads[i].at + heads[i].len - 1),
		              "%zu", i);
		buf[heads[i].at + 1] ^= 1;
		ck_assert_msg(!sign_of(heads[i].kind, BUF_BYTES), "%zu", i);
	}
	begin();
	PUT(2, "-lh5-");
	buf[20] = 3;
	ck_assert(is_sure(ARC_LHA, 22));
	buf[20] = 4;
	ck_assert(!sign_of(ARC_LHA, 22));
}
END_TEST

/* With so little magic they may be anything. */
START_TEST(signs_old_streams_are_guesses)
{
	begin();
	PUT(0, "\x1f\x9d\x90");
	ck_assert(!sign_of(ARC_COMPRESS, 400)->is_sure && !sign_of(ARC_COMPRESS, 3));
	buf[2] = 17;
	ck_assert(!sign_of(ARC_COMPRESS, 400));
	buf[2] = 8;
	ck_assert(!sign_of(ARC_COMPRESS, 400));
	begin();
	PUT(0, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff");
	ck_assert(!sign_of(ARC_LZMA, 14)->is_sure && !sign_of(ARC_LZMA, 13));
	buf[12] = 0x7f; /* larger than any file */
	ck_assert(!sign_of(ARC_LZMA, 400));
	PUT(5, "\xff\xff\xff\xff\x3f\0\0\0"); /* the largest */
	ck_assert(sign_of(ARC_LZMA, 400));
	buf[3] = 0xc0; /* one and a half */
	ck_assert(sign_of(ARC_LZMA, 400));
	buf[3] = 0xa0;
	ck_assert(!sign_of(ARC_LZMA, 400));
}
END_TEST

/* pzstd(1) writes such a frame before each of its own. */
START_TEST(signs_stream_behind_frames_to_skip)
{
	begin();
	PUT(0, "\x5f\x2a\x4d\x18");
	buf[4] = 3;
	ck_assert(!sign_of(ARC_ZSTD, 400) && !sign_of(ARC_LZ4, 400));
	PUT(11, "\x50\x2a\x4d\x18"); /* of no bytes */
	PUT(19, "\x28\xb5\x2f\xfd");
	ck_assert(sign_of(ARC_ZSTD, 400)->is_sure);
	ck_assert_uint_eq(sign_of(ARC_ZSTD, 400)->offset, 19);
	ck_assert_uint_eq(sign_of(ARC_ZSTD, 400)->len, 381);
	ck_assert(!sign_of(ARC_LZ4, 400) && !sign_of(ARC_ZSTD, 22));
	PUT(19, "\4\"M\x18");
	ck_assert(sign_of(ARC_LZ4, 400)->is_sure);
	buf[4] = 0xff; /* a frame that does not end */
	buf[7] = 0xff;
	ck_assert(!sign_of(ARC_LZ4, 400));
}
END_TEST

UNIT_MAIN("archive-sign", signs_tar_by_a_sum_that_is_a_number,
          signs_tar_by_its_magic_whatever_its_sum, signs_zip_by_its_end_within_64_kib,
          signs_archives_behind_programs_where_they_fit, signs_cpio_by_whole_headers,
          signs_the_others_by_their_first_bytes, signs_old_streams_are_guesses, signs_stream_behind_frames_to_skip)
