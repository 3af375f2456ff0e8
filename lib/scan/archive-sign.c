/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archive signs
 *
 * Owns: how each kind of archive is recognised by its bytes.
 * Must not own: reading it. A sign decides which one reader gets to see hostile bytes,
 * so it is looked for here and not by the readers.
 *
 * Nothing is found by guessing at every offset, with exceptions that real
 * programs make: a zip is found by its end (archive-zip), and 7z, rar and cab are looked
 * for behind a program.
 */
#include "archive-sign.h"

#include <limits.h>
#include <string.h>

#include "archive-bytes.h"
#include "archive-zip.h"

#define TAR_BLOCK       512
#define ISO_MAGIC_AT    32769
#define SEVEN_HEAD      32
#define CAB_HEAD        36
#define CPIO_BIN_HEAD   26
#define LZMA_HEAD       14
#define CPIO_TYPE       0170000
#define CPIO_LAST_BYTES (110 + 16) /* header and name */
/* Of a stream without bytes; gzip may add its name. */
#define EMPTY_BYTES_MAX    64
#define EMPTY_GZ_BYTES_MAX (EMPTY_BYTES_MAX + NAME_MAX + 1)
#define BZIP2_END          "\x17rE8P\x90"

#define IS_AT(buf, len, at, text)                                                      \
	((len) >= (at) + sizeof(text) - 1 &&                                           \
	 memcmp((buf) + (at), text, sizeof(text) - 1) == 0)

struct found {
	struct arc_sign *signs;
	unsigned n;
	size_t len; /* of all */
};

static void add(struct found *f, enum arc_kind kind, size_t offset, bool is_sure)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->signs[i].kind == kind)
			return;
	if (f->n < ARC_SIGNS_MAX)
		f->signs[f->n++] = (struct arc_sign){.kind = kind,
		                                      .offset = offset,
		                                      .len = f->len - offset,
		                                      .is_sure = is_sure};
}

/* Frames that programs for zstd and lz4 skip, both alike. Return: behind them; @len: one
 * does not end. */
static size_t skip_frames(const uint8_t *buf, size_t len)
{
	size_t at = 0;

	while (len - at >= 8 && (le32(buf + at) & 0xfffffff0U) == 0x184d2a50U) {
		const size_t bytes = le32(buf + at + 4);

		if (bytes > len - at - 8)
			return len;
		at += 8 + bytes;
	}
	return at;
}

/* Properties as programs write them, a dictionary whose size is a power of two or one and a half of one, and a
 * size of all that is below 256 GiB, or not told: as xz(1) takes it. */
static bool is_lzma(const uint8_t *buf, size_t len)
{
	uint32_t dict, odd;

	if (len < LZMA_HEAD || (buf[0] != 0x5d && buf[0] != 0x5e))
		return false;
	dict = le32(buf + 1);
	odd = dict % 3 == 0 ? dict / 3 : dict;
	if (dict < 4096 || (dict != UINT32_MAX && (odd & (odd - 1)) != 0))
		return false;
	return le64(buf + 5) == UINT64_MAX || le64(buf + 5) < UINT64_C(256) << 30;
}

static void find_old_filter(const uint8_t *buf, size_t len, size_t at, struct found *f)
{
	if (IS_AT(buf, len, 0, "LZIP\1") || IS_AT(buf, len, 0, "LZIP\0"))
		add(f, ARC_LZIP, at, true);
	/* 15 bits of magic, and none at all */
	if (IS_AT(buf, len, 0, "\x1f\x9d") && len > 3 && (buf[2] & 0x7f) >= 9 && (buf[2] & 0x7f) <= 16)
		add(f, ARC_COMPRESS, at, false);
	if (is_lzma(buf, len))
		add(f, ARC_LZMA, at, false);
}

static void find_filter(const uint8_t *buf, size_t len, struct found *f)
{
	const size_t at = skip_frames(buf, len);

	/* zstd(1) goes on with whatever it knows */
	buf += at;
	len -= at;
	if (IS_AT(buf, len, 0, "\x1f\x8b\x08") && len > 3)
		add(f, ARC_GZ, at, (buf[3] & 0xe0) == 0);
	if (len >= 10 && memcmp(buf, "BZh", 3) == 0 && buf[3] >= '1' && buf[3] <= '9' &&
	    (IS_AT(buf, len, 4, "1AY&SY") || IS_AT(buf, len, 4, BZIP2_END)))
		add(f, ARC_BZ2, at, true);
	if (IS_AT(buf, len, 0,
	          "\xfd"
	          "7zXZ\0"))
		add(f, ARC_XZ, at, true);
	if (IS_AT(buf, len, 0, "\x28\xb5\x2f\xfd"))
		add(f, ARC_ZSTD, at, true);
	if (IS_AT(buf, len, 0, "\x04\x22\x4d\x18") ||
	    IS_AT(buf, len, 0, "\x02\x21\x4c\x18"))
		add(f, ARC_LZ4, at, true);
	if (IS_AT(buf, len, 0, "\xed\xab\xee\xdb"))
		add(f, ARC_RPM, at, true);
	find_old_filter(buf, len, at, f);
}

static bool all_digits(const uint8_t *buf, size_t len, size_t n, const char *digits)
{
	for (size_t i = 6; i < n; i++)
		if (i >= len || !buf[i] || !strchr(digits, buf[i]))
			return false;
	return true;
}

/* The old binary form has two bytes of magic, so its mode must be one, too. */
static bool is_binary_cpio(const uint8_t *buf, size_t len)
{
	static const unsigned types[] = {0010000, 0020000, 0040000, 0060000,
	                                 0100000, 0120000, 0140000};
	bool swapped;
	unsigned mode, name;

	if (len < CPIO_BIN_HEAD)
		return false;
	swapped = buf[0] == 0x71 && buf[1] == 0xc7;
	if (!swapped && !(buf[0] == 0xc7 && buf[1] == 0x71))
		return false;
	mode = swapped ? (unsigned)buf[6] << 8 | buf[7] : le16(buf + 6);
	name = swapped ? (unsigned)buf[20] << 8 | buf[21] : le16(buf + 20);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if ((mode & CPIO_TYPE) == types[i])
			return name > 0 && CPIO_BIN_HEAD + name <= len;
	return false;
}

static void find_cpio(const uint8_t *buf, size_t len, struct found *f)
{
	if (IS_AT(buf, len, 0, "070701") || IS_AT(buf, len, 0, "070702"))
		add(f, ARC_CPIO, 0,
		    all_digits(buf, len, 110, "0123456789abcdefABCDEF"));
	else if (IS_AT(buf, len, 0, "070707"))
		add(f, ARC_CPIO, 0, all_digits(buf, len, 76, "01234567"));
	else if (is_binary_cpio(buf, len))
		add(f, ARC_CPIO, 0, false);
}

/* Octal, a zero byte or spaces before it, a zero byte or a space behind: as GNU tar
 * takes it. */
static bool tar_number(const uint8_t *p, size_t n, uint32_t *ret)
{
	size_t i = p[0] == '\0';

	*ret = 0;
	while (i < n && p[i] == ' ')
		i++;
	if (i == n || p[i] < '0' || p[i] > '7')
		return false;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		*ret = *ret * 8 + (uint32_t)(p[i] - '0');
	return i == n || p[i] == ' ' || p[i] == '\0';
}

/* The sum of its bytes, the sum itself taken as spaces; some old programs summed signed
 * ones. */
static bool is_tar(const uint8_t *buf, size_t len)
{
	uint32_t told, sum = 0;
	int32_t sum_signed = 0;

	if (len < TAR_BLOCK || !tar_number(buf + 148, 8, &told))
		return false;
	for (unsigned i = 0; i < TAR_BLOCK; i++) {
		uint8_t c = i >= 148 && i < 156 ? ' ' : buf[i];

		sum += c;
		sum_signed += (int8_t)c;
	}
	return sum == told || sum_signed == (int32_t)told;
}

static bool is_7z(const uint8_t *p, size_t left)
{
	/* version 0, and a list of members that fits behind it */
	return left >= SEVEN_HEAD && p[6] == 0 && le64(p + 12) <= left - SEVEN_HEAD &&
	       le64(p + 20) <= left - SEVEN_HEAD - le64(p + 12);
}

static bool is_rar(const uint8_t *p, size_t left)
{
	return left > 7 && (p[6] == 0 || (p[6] == 1 && p[7] == 0));
}

static bool is_cab(const uint8_t *p, size_t left)
{
	/* version 1.3, and as much as it says */
	return left >= CAB_HEAD && le32(p + 8) <= left && le32(p + 12) == 0 &&
	       le32(p + 20) == 0 && p[24] == 3 && p[25] == 1;
}

/* Behind a program that unpacks it, or behind anything else: that is where programs
 * look for it. The first of each kind. */
static const struct embedded {
	enum arc_kind kind;
	bool is_sure;
	const char *magic;
	size_t magic_len;
	bool (*is_one)(const uint8_t *p, size_t left);
} embedded[] = {
	{ARC_7Z, true, "7z\xbc\xaf\x27\x1c", 6, is_7z},
	{ARC_RAR, false, "Rar!\x1a\x07", 6, is_rar},
	{ARC_CAB, false, "MSCF\0\0\0\0", 8, is_cab},
};

static void find_embedded(const uint8_t *buf, size_t len, unsigned kinds,
                          struct found *f)
{
	const uint8_t *end = buf + len;

	for (size_t i = 0; i < ARRAY_SIZE(embedded); i++) {
		const struct embedded *e = &embedded[i];
		const uint8_t *p = buf;

		if (!e->is_sure && !(kinds & 1U << e->kind))
			continue;
		while ((p = memmem(p, (size_t)(end - p), e->magic, e->magic_len)) &&
		       !e->is_one(p, (size_t)(end - p)))
			p++;
		if (p)
			add(f, e->kind, (size_t)(p - buf), e->is_sure);
	}
}

static bool is_lha(const uint8_t *buf, size_t len)
{
	return len >= 22 && buf[2] == '-' && buf[3] == 'l' &&
	       (buf[4] == 'h' || buf[4] == 'z') && buf[5] &&
	       strchr("01234567ds", buf[5]) && buf[6] == '-' && buf[20] <= 3;
}

static void find_format(const uint8_t *buf, size_t len, struct found *f)
{
	if (IS_AT(buf, len, 0, "7z\xbc\xaf\x27\x1c"))
		add(f, ARC_7Z, 0, true);
	if (IS_AT(buf, len, 0, "!<arch>\n"))
		add(f, ARC_AR, 0, true);
	if (IS_AT(buf, len, 0, "Rar!\x1a\x07\0") ||
	    IS_AT(buf, len, 0, "Rar!\x1a\x07\1\0"))
		add(f, ARC_RAR, 0, true);
	if (IS_AT(buf, len, ISO_MAGIC_AT, "CD001"))
		add(f, ARC_ISO, 0, true);
	if (IS_AT(buf, len, 0, "MSCF\0\0\0\0"))
		add(f, ARC_CAB, 0, true);
	if (is_lha(buf, len))
		add(f, ARC_LHA, 0, true);
	/* One whose first header is damaged is damaged: tar(1) looks for the next. */
	if (is_tar(buf, len) || IS_AT(buf, len, 257, "ustar"))
		add(f, ARC_TAR, 0, true);
}

unsigned arc_signs(const uint8_t *buf, size_t len, unsigned kinds,
                   struct arc_sign ret[ARC_SIGNS_MAX])
{
	struct found f = {.signs = ret, .len = len};

	find_filter(buf, len, &f);
	find_cpio(buf, len, &f);
	find_format(buf, len, &f);
	/* Also behind another archive: a member that is stored as it is is then read
	 * twice, but one that hides behind the end of another is read. */
	find_embedded(buf, len, kinds, &f);
	if (f.n < ARC_SIGNS_MAX && arc_zip_find(buf, len, &ret[f.n]))
		f.n++;
	return f.n;
}

size_t arc_cpio_end(const uint8_t *buf, size_t len, size_t at)
{
	static const char name[] = "TRAILER!!!"; /* with its zero byte */
	const uint8_t *p = at < len ? memmem(buf + at, MIN(len - at, CPIO_LAST_BYTES),
	                                     name, sizeof(name))
	                            : NULL;

	if (!p)
		return len;
	for (at = (size_t)(p - buf) + sizeof(name); at < len && buf[at] == 0;)
		at++;
	return at;
}

size_t arc_tar_end(const uint8_t *buf, size_t len, size_t at)
{
	static const uint8_t zeros[TAR_BLOCK];

	if (at < TAR_BLOCK || at > len)
		return len;
	while (len - at >= TAR_BLOCK && memcmp(buf + at, zeros, TAR_BLOCK) == 0)
		at += TAR_BLOCK;
	return at;
}

bool arc_may_be_empty(enum arc_kind filter, const uint8_t *buf, size_t len)
{
	switch (filter) {
	case ARC_GZ: /* it ends with the number of bytes */
		return len >= 4 && len <= EMPTY_GZ_BYTES_MAX &&
		       le32(buf + len - 4) == 0;
	case ARC_BZ2:
		return len <= EMPTY_BYTES_MAX && IS_AT(buf, len, 4, BZIP2_END);
	default:
		return len <= EMPTY_BYTES_MAX;
	}
}
