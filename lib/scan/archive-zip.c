/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archive signs: zip
 *
 * Owns: the end of a zip, and the list of members that it tells of.
 * Must not own: the other kinds (archive-sign), or reading (archive-read).
 *
 * Which end: the last one that looks like one, as unzip(1) and Python have it; libarchive
 * is shown the file up to there, because it looks at 16 KiB alone. Which list: libarchive
 * takes the one right before the end, or where the large form says, and goes on to the
 * next entry where there is none; unzip goes by the offset then, Python looks for the
 * large form right before the end. So these must be the same.
 */
#include "archive-zip.h"

#include <string.h>

#include "archive-bytes.h"

/* A comment of 65535 bytes may follow, and Info-ZIP does not ask whether it ends with
 * the file. */
#define END_BYTES       22
#define TAIL_BYTES      (END_BYTES + 65535)
#define LOCATOR_BYTES   20
#define LARGE_BYTES     56
#define LARGE_BYTES_MAX 16384 /* of libarchive */

enum listing {
	LIST_NONE,
	LIST_DAMAGED, /* there is one, and programs come to different ones */
	LIST_FINE,
};

/* Before @end, that is. */
static bool has(const uint8_t *buf, size_t end, uint64_t at, const char magic[4], size_t len)
{
	return at <= end && end - at >= len && memcmp(buf + at, magic, 4) == 0;
}

static bool has_list(const uint8_t *buf, size_t end, uint64_t at)
{
	return has(buf, end, at, "PK\1\2", 4);
}

/* All that libarchive asks of the large form at @at, and its list. */
static bool is_read(const uint8_t *buf, size_t end, uint64_t at)
{
	const uint8_t *large = buf + at, *locator = buf + end;
	const uint64_t bytes = le64(large + 4) + 12;

	return le32(locator + 4) == 0 && le32(locator + 16) == 1 && bytes >= LARGE_BYTES &&
	       bytes <= LARGE_BYTES_MAX && bytes <= end - at && le32(large + 16) == 0 &&
	       le32(large + 20) == 0 && le64(large + 24) == le64(large + 32) &&
	       has_list(buf, end, le64(large + 48));
}

/* The large form of the end @small, where the locator before that says, and where it lies if
 * nothing comes between. */
static enum listing find_large(const uint8_t *buf, size_t small)
{
	const uint8_t *p = buf + small;
	const size_t end = small - LOCATOR_BYTES;
	const uint64_t told = le64(p - LOCATOR_BYTES + 8), before = end - LARGE_BYTES;
	const bool is_told = has(buf, end, told, "PK\6\6", LARGE_BYTES);
	const bool is_before = end >= LARGE_BYTES && has(buf, end, before, "PK\6\6", LARGE_BYTES);
	const uint32_t size = le32(p + 12), offset = le32(p + 16);

	if (!is_told)
		return is_before || size == UINT32_MAX || offset == UINT32_MAX ? LIST_DAMAGED
		                                                               : LIST_NONE;
	if ((is_before && told != before) || !is_read(buf, end, told) ||
	    (size != UINT32_MAX && size != le64(buf + told + 40)) ||
	    (offset != UINT32_MAX && offset != le64(buf + told + 48)))
		return LIST_DAMAGED;
	return LIST_FINE;
}

/* The list that the end at @at tells of. */
static enum listing find_list(const uint8_t *buf, size_t at)
{
	const uint8_t *p = buf + at;
	const uint64_t size = le32(p + 12);
	enum listing large = LIST_NONE;

	if (at >= LOCATOR_BYTES && memcmp(p - LOCATOR_BYTES, "PK\6\7", 4) == 0)
		large = find_large(buf, at);
	if (large != LIST_NONE)
		return large;
	if (size <= at && has_list(buf, at, at - size))
		return LIST_FINE;
	return has_list(buf, at, le32(p + 16)) ? LIST_DAMAGED : LIST_NONE;
}

/* The last end before @before that is at @least or behind it; NULL: none. */
static const uint8_t *last_end(const uint8_t *buf, size_t least, size_t before)
{
	const uint8_t *p = buf + before;

	while (p > buf + least &&
	       (p = memrchr(buf + least, 'P', (size_t)(p - buf) - least)))
		if (memcmp(p, "PK\5\6", 4) == 0)
			return p;
	return NULL;
}

/* Does the comment of an end before @before end with the file? Then some programs take
 * that one. */
static bool has_other_end(const uint8_t *buf, size_t len, size_t least, size_t before)
{
	const uint8_t *p = buf + before;

	while ((p = last_end(buf, least, (size_t)(p - buf))))
		if (len - (size_t)(p - buf) == END_BYTES + le16(p + 20))
			return true;
	return false;
}

/* It begins as one: with a member, the end of one without members, or those of one in
 * parts. */
static bool begins_as_zip(const uint8_t *buf, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
	} begins[] = {{"PK\3\4", 4}, {"PK\5\6", 4}, {"PK\7\x08PK\3\4", 8}, {"PK00PK\3\4", 8}};

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
		if (len >= begins[i].len && memcmp(buf, begins[i].magic, begins[i].len) == 0)
			return true;
	return false;
}

bool arc_zip_find(const uint8_t *buf, size_t len, struct arc_sign *ret)
{
	const bool begins = begins_as_zip(buf, len);
	const size_t least = len > TAIL_BYTES ? len - TAIL_BYTES : 0;
	const uint8_t *p = buf + (len < END_BYTES ? 0 : len - END_BYTES + 1);
	enum listing found = LIST_NONE;
	size_t at;

	/* Of what begins as a zip the last end counts, good or not. */
	do
		p = last_end(buf, least, (size_t)(p - buf));
	while (p && (found = find_list(buf, (size_t)(p - buf))) == LIST_NONE && !begins);
	if (!p && !begins)
		return false;
	*ret = (struct arc_sign){.kind = ARC_ZIP, .len = len, .is_sure = true};
	if (!p || p == buf) /* read from its begin: it has no end, or nothing but that */
		return true;
	at = (size_t)(p - buf);
	ret->by_list = found != LIST_NONE;
	ret->is_damaged = found != LIST_FINE || has_other_end(buf, len, least, at);
	if (ret->by_list)
		ret->len = at + END_BYTES;
	return true;
}
