/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rar: what libarchive does not tell of its blocks
 *
 * Owns: the frames of blocks, and where in them it says that something is encrypted.
 * Must not own: members, or anything that is packed (libarchive).
 *
 * libarchive 3.6.2 does not see that a member of version 5 is encrypted: one that is stored comes as the cipher left it, and
 * nothing is found in that. It calls encrypted headers damage, and takes whatever it cannot go on from for the end.
 */
#include "archive-rar.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "archive-bytes.h"

#define MAGIC_BYTES 7 /* one more in version 5 */

/* Version 4. A block: half a sum, type, flags, size, then its own fields. */
#define HEAD4_BYTES 7
#define ADDS4       0x8000 /* data follows; its size is the first field */
#define LARGE4      0x0100 /* of a file: and the upper half of it another */
#define LARGE4_AT   32
enum { MAIN4 = 0x73, FILE4 = 0x74, SERVICE4 = 0x7a, END4 = 0x7b, FIRST4 = MAIN4, LAST4 = END4 };

/* Version 5. A block: a sum, its size, then type, flags, sizes of records and data, its own fields, and the records. */
#define SUM5_BYTES   4
#define NUMBER5_BITS 63
enum { FILE5 = 2, CRYPT5 = 4, END5 = 5 };
enum { HAS_RECORDS5 = 1, HAS_DATA5 = 2 };
#define LOCK_RECORD5 1

struct block {
	const uint8_t *p; /* what the sum is of */
	size_t len;
	uint64_t all; /* with the data behind it, from where it begins */
	enum arc_rar is;
	bool counts; /* it is what is looked for */
};

/* --- version 4 --- */

static bool read4(const uint8_t *p, size_t left, struct block *ret)
{
	unsigned type, flags;

	if (left < HEAD4_BYTES)
		return false;
	type = p[2];
	flags = le16(p + 3);
	*ret = (struct block){.p = p + 2, .len = le16(p + 5), .all = le16(p + 5)};
	if (type < FIRST4 || type > LAST4 || ret->len < HEAD4_BYTES || ret->len > left)
		return false;
	ret->len -= 2;
	if (flags & ADDS4 && ret->all >= HEAD4_BYTES + 4)
		ret->all += le32(p + HEAD4_BYTES);
	if ((type == FILE4 || type == SERVICE4) && flags & LARGE4 && le16(p + 5) >= LARGE4_AT + 4)
		ret->all += (uint64_t)le32(p + LARGE4_AT) << 32;
	ret->counts = type == FILE4 || type == END4 || (type == MAIN4 && flags & 0x80);
	ret->is = type == MAIN4                ? ARC_RAR_LOCKED
	          : type == END4               ? ARC_RAR_END
	          : type == FILE4 && flags & 4 ? ARC_RAR_LOCKED_MEMBER
	                                       : ARC_RAR_MEMBER;
	return true;
}

/* --- version 5 --- */

/* Seven bits for each byte, the lowest first. */
static bool number5(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; *p < end && shift < NUMBER5_BITS; shift += 7) {
		const uint8_t c = *(*p)++;

		*ret |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

static bool is_locked5(const uint8_t *p, const uint8_t *end)
{
	uint64_t size, type;

	while (number5(&p, end, &size) && size <= (size_t)(end - p)) {
		const uint8_t *next = p + size;

		if (number5(&p, next, &type) && type == LOCK_RECORD5)
			return true;
		p = next;
	}
	return false;
}

static bool read5(const uint8_t *p, size_t left, struct block *ret)
{
	const uint8_t *at = p + SUM5_BYTES, *end;
	uint64_t size, type, flags, records = 0, data = 0;

	if (left < SUM5_BYTES || !number5(&at, p + left, &size) || size > (size_t)(p + left - at))
		return false;
	end = at + size;
	*ret = (struct block){.p = p + SUM5_BYTES, .len = (size_t)(end - p) - SUM5_BYTES};
	if (!number5(&at, end, &type) || !number5(&at, end, &flags) ||
	    (flags & HAS_RECORDS5 && !number5(&at, end, &records)) || (flags & HAS_DATA5 && !number5(&at, end, &data)) ||
	    records > (size_t)(end - at))
		return false;
	if (__builtin_add_overflow((uint64_t)(end - p), data, &ret->all))
		return false;
	ret->counts = type == FILE5 || type == END5 || type == CRYPT5;
	ret->is = type == CRYPT5                                      ? ARC_RAR_LOCKED
	          : type == END5                                      ? ARC_RAR_END
	          : type == FILE5 && is_locked5(end - records, end) ? ARC_RAR_LOCKED_MEMBER
	                                                              : ARC_RAR_MEMBER;
	return true;
}

/* --- either --- */

static bool sum_is_right(const struct block *b, bool five)
{
	const uint32_t sum = (uint32_t)crc32(0, b->p, (unsigned)b->len);

	return five ? sum == le32(b->p - SUM5_BYTES) : (sum & 0xffff) == le16(b->p - 2);
}

enum arc_rar arc_rar_next(const uint8_t *buf, size_t len, size_t at)
{
	const bool five = len > MAGIC_BYTES && buf[MAGIC_BYTES - 1] == 1;
	struct block b;

	if (at == 0)
		at = MAGIC_BYTES + five;
	while (at < len && (five ? read5 : read4)(buf + at, len - at, &b)) {
		if (b.counts && (b.is != ARC_RAR_LOCKED || sum_is_right(&b, five)))
			return b.is;
		if (b.counts || b.all > len - at)
			return ARC_RAR_BROKEN;
		at += (size_t)b.all;
	}
	return at == len ? ARC_RAR_END : ARC_RAR_BROKEN;
}
