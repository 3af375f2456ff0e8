/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives: members of a zip that its list leaves out
 *
 * Owns: comparing the list at the end of a zip with the headers in front of its members.
 * Must not own: which list that is (archive-zip), reading members (archive-read).
 *
 * Some programs go by the one, some by the other, and libarchive mixes both: where they differ, each unpacks
 * something else. A member that the list leaves out is read for itself; one that is described twice, and not alike,
 * cannot be known.
 */
#include "archive-hidden.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive-bytes.h"

#define END_BYTES     22 /* of the record at the end, without its comment */
#define LOCATOR_BYTES 20
#define LARGE_BYTES   56
#define LISTED_BYTES  46
#define HEADER_BYTES  30
#define NAME_BYTES    4096
#define ZIP64         0x0001
/* The last one that any program has ever had. */
#define METHOD_MAX    99

static bool has(const uint8_t *buf, size_t len, uint64_t at, size_t n, const char *sign)
{
	return at <= len && len - at >= n && memcmp(buf + at, sign, 4) == 0;
}

/* What is said of a member in one place. */
struct said {
	uint32_t method;
	uint64_t usize, csize, offset;
	size_t data; /* behind the header, from its begin */
};

/* Numbers of 64 bits for those that are all ones. */
static void take_zip64(const uint8_t *p, size_t len, bool has_offset, struct said *s)
{
	uint64_t *const fields[] = {&s->usize, &s->csize, &s->offset};
	size_t n;

	for (; len >= 4 && le16(p) != ZIP64; len -= n, p += n) {
		n = 4 + le16(p + 2);
		if (n > len)
			return;
	}
	if (len < 4)
		return;
	len = MIN(len - 4, (size_t)le16(p + 2));
	p += 4;
	for (unsigned i = 0; i < 2U + has_offset; i++) {
		if (*fields[i] != UINT32_MAX)
			continue;
		if (len < 8)
			return;
		*fields[i] = le64(p);
		p += 8;
		len -= 8;
	}
}

/* What stands in the same order in both places, from @p on; *ret_name, *ret_extra: lengths. */
static struct said read_common(const uint8_t *p, size_t *ret_name, size_t *ret_extra)
{
	*ret_name = le16(p + 18);
	*ret_extra = le16(p + 20);
	return (struct said){.method = le16(p), .csize = le32(p + 10), .usize = le32(p + 14)};
}

static bool read_listed(const uint8_t *buf, size_t len, uint64_t at, struct said *ret, size_t *ret_bytes)
{
	const uint8_t *p = buf + at;
	size_t name, extra;

	if (!has(buf, len, at, LISTED_BYTES, "PK\1\2"))
		return false;
	*ret = read_common(p + 10, &name, &extra);
	ret->offset = le32(p + 42);
	*ret_bytes = LISTED_BYTES + name + extra + le16(p + 32);
	if (*ret_bytes > len - at)
		return false;
	take_zip64(p + LISTED_BYTES + name, extra, true, ret);
	return true;
}

static bool read_header(const uint8_t *buf, size_t len, uint64_t at, struct said *ret)
{
	const uint8_t *p = buf + at;
	size_t name, extra;

	if (!has(buf, len, at, HEADER_BYTES, "PK\3\4"))
		return false;
	*ret = read_common(p + 8, &name, &extra);
	ret->data = HEADER_BYTES + name + extra;
	if (ret->data > len - at)
		return false;
	take_zip64(p + HEADER_BYTES + name, extra, false, ret);
	return true;
}

/* Nothing is said where a program wrote before it knew. */
static bool differ(uint64_t header, uint64_t listed)
{
	return header != 0 && header != listed;
}

static int add(struct arc_listed *l, size_t *room, size_t begin, size_t end)
{
	if (l->n == *room) {
		const size_t more = *room ? 2 * *room : 64;
		struct arc_range *p = reallocarray(l->items, more, sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->items = p;
		*room = more;
	}
	l->items[l->n++] = (struct arc_range){begin, end};
	return 0;
}

static int by_begin(const void *a, const void *b)
{
	const struct arc_range *x = a, *y = b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Where the list begins, and what its offsets count from. The end has been checked (archive-zip). */
static void find_list(const uint8_t *buf, size_t len, uint64_t *ret_at, uint64_t *ret_base)
{
	const size_t at = len - END_BYTES;
	const uint8_t *p = buf + at;
	const uint64_t size = le32(p + 12), offset = le32(p + 16);

	if (at >= LOCATOR_BYTES && memcmp(p - LOCATOR_BYTES, "PK\6\7", 4) == 0) {
		const uint64_t large = le64(p - LOCATOR_BYTES + 8);

		if (has(buf, len, large, LARGE_BYTES, "PK\6\6")) {
			*ret_at = le64(buf + large + 48);
			*ret_base = 0;
			return;
		}
	}
	*ret_at = size <= at ? at - size : len;
	*ret_base = *ret_at - offset; /* may wrap around: it did where it was made */
}

int arc_listed_read(const uint8_t *buf, size_t len, struct arc_listed *ret)
{
	struct arc_listed l = ARC_LISTED_NULL;
	struct said listed, header;
	uint64_t at, base;
	size_t n_bytes, room = 0;

	*ret = l;
	find_list(buf, len, &at, &base);
	for (; read_listed(buf, len, at, &listed, &n_bytes); at += n_bytes) {
		uint64_t begin, end;

		/* One that does not lie where it should is told by libarchive. */
		begin = base + listed.offset;
		if (begin > len || !read_header(buf, len, begin, &header))
			continue;
		l.differs |= header.method != listed.method || differ(header.csize, listed.csize) ||
		             differ(header.usize, listed.usize);
		end = begin + header.data;
		end += MIN(listed.csize, len - end);
		if (add(&l, &room, (size_t)begin, (size_t)end) < 0) {
			arc_listed_deinit(&l);
			return -ENOMEM;
		}
	}
	if (l.n > 0)
		qsort(l.items, l.n, sizeof(*l.items), by_begin);
	*ret = l;
	return 0;
}

void arc_listed_deinit(struct arc_listed *l)
{
	free(l->items);
	*l = (struct arc_listed)ARC_LISTED_NULL;
}

/* Four bytes are in any program that reads zips: behind them must stand a method, and a name that a file can have. */
static bool is_header(const uint8_t *buf, size_t len, size_t at)
{
	const uint8_t *p = buf + at;
	struct said s;

	return read_header(buf, len, at, &s) && s.method <= METHOD_MAX && le16(p + 26) > 0 &&
	       le16(p + 26) <= NAME_BYTES;
}

/* The last listed member that begins at @at or before it. */
static const struct arc_range *listed_before(const struct arc_listed *l, size_t at)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (l->items[mid].begin <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 ? &l->items[low - 1] : NULL;
}

bool arc_hidden(const struct arc_listed *l, const uint8_t *buf, size_t len, size_t *at, size_t *next)
{
	while (*at < len) {
		const uint8_t *p = memmem(buf + *at, len - *at, "PK\3\4", 4);
		const struct arc_range *r;
		struct said s;

		if (!p)
			return false;
		*at = (size_t)(p - buf);
		r = listed_before(l, *at);
		if (r && (*at == r->begin || *at < r->end)) {
			*at = MAX(r->end, *at + 4);
			continue;
		}
		if (!is_header(buf, len, *at)) {
			*at += 4;
			continue;
		}
		(void)read_header(buf, len, *at, &s); /* it is one */
		*next = *at + s.data;
		if (s.csize <= len - *next && s.csize != UINT32_MAX)
			*next += (size_t)s.csize;
		return true;
	}
	return false;
}
