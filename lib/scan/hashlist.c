/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash lists
 *
 * Owns: the grammar of one line, and cutting a stream into lines.
 * Must not own: where entries are kept.
 * Hands off to: the caller's function, entry by entry (hashdb).
 */
#include "custos/hashlist.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"

/* Holds any legal line, and makes reads large. */
#define BUFFER_BYTES ((size_t)256 << 10)

/* ClamAV: "size * needs a minimum engine level of 73", the first one that knew it. */
#define CLAMAV_ANY_SIZE_LEVEL 73

#define WHY_FORM   "expected a hash of 32, 40 or 64 hexadecimal digits"
#define WHY_LENGTH "the hash has a length that is neither MD5, SHA-1 nor SHA-256"
#define WHY_TEXT   "the line holds control characters: this is no text file"
#define WHY_TAG                                                                        \
	"expected 'SHA256 (file) = hash' (or SHA1, MD5) with a hash of that kind"
#define WHY_SIZE "the size is neither a number of bytes nor *"
#define WHY_NAME "the name is empty or not printable ASCII"
#define WHY_LEVEL                                                                      \
	"the last fields must be engine levels, and size * needs level 73 or more"
#define WHY_TRAILER "expected white space or ':' after the hash"

struct cursor {
	const char *p, *end;
};

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && is_blank(*c->p))
		c->p++;
}

/*
 * Take all hexadecimal digits at the cursor; their number must be that of a known
 * digest.
 */
static int take_hash(struct cursor *c, struct hashlist_entry *e, const char **why)
{
	const char *start = c->p;
	size_t n_digits;

	while (c->p < c->end && hex_value(*c->p) >= 0)
		c->p++;
	n_digits = (size_t)(c->p - start);

	for (unsigned alg = 0; alg < N_DIGESTS; alg++) {
		if (digest_bytes(alg) * 2 != n_digits)
			continue;
		e->alg = alg;
		for (size_t i = 0; i < n_digits / 2; i++)
			e->digest[i] = (uint8_t)(hex_value(start[2 * i]) << 4 |
			                         hex_value(start[2 * i + 1]));
		return 1;
	}
	return refuse(why, n_digits < 32 ? WHY_FORM : WHY_LENGTH);
}

/* Cut the next field off at ':' or the end. False when the line is used up. */
static bool take_field(struct cursor *c, struct cursor *ret)
{
	const char *colon;

	if (c->p >= c->end || *c->p != ':')
		return false;
	c->p++;
	colon = memchr(c->p, ':', (size_t)(c->end - c->p));
	*ret = (struct cursor){c->p, colon ? colon : c->end};
	c->p = ret->end;
	return true;
}

static bool parse_number(struct cursor f, uint64_t *ret)
{
	uint64_t v = 0;

	if (f.p == f.end)
		return false;
	for (; f.p < f.end; f.p++) {
		if (*f.p < '0' || *f.p > '9')
			return false;
		if (__builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (unsigned)(*f.p - '0'), &v))
			return false;
	}
	*ret = v;
	return v != HASHLIST_ANY_SIZE; /* that number means something else to us */
}

static bool is_name(struct cursor f)
{
	if (f.p == f.end)
		return false;
	for (; f.p < f.end; f.p++)
		if (*f.p <= ' ' || *f.p > '~')
			return false;
	return true;
}

/* ":SIZE:NAME[:LEVEL[:LEVEL]]" after the hash */
static int parse_clamav(struct cursor c, struct hashlist_entry *e, const char **why)
{
	struct cursor size, name, level;
	uint64_t min_level = 0, max_level;
	bool any;

	if (!take_field(&c, &size))
		return refuse(why, WHY_SIZE);
	any = size.end - size.p == 1 && *size.p == '*';
	if (any)
		e->size_bytes = HASHLIST_ANY_SIZE;
	else if (!parse_number(size, &e->size_bytes))
		return refuse(why, WHY_SIZE);

	if (!take_field(&c, &name) || !is_name(name))
		return refuse(why, WHY_NAME);
	e->name = name.p;
	e->name_len = (size_t)(name.end - name.p);

	if (take_field(&c, &level) && !parse_number(level, &min_level))
		return refuse(why, WHY_LEVEL);
	if (take_field(&c, &level) && !parse_number(level, &max_level))
		return refuse(why, WHY_LEVEL);
	if (c.p != c.end || (any && min_level < CLAMAV_ANY_SIZE_LEVEL))
		return refuse(why, WHY_LEVEL);
	return 1;
}

/*
 * "SHA256 (PATH) = HASH": the path may hold anything, so the hash is what ends the
 * line.
 */
static int parse_tag(struct cursor c, enum digest_alg alg, struct hashlist_entry *e,
                     const char **why)
{
	const char *unused;
	size_t n_digits = digest_bytes(alg) * 2;

	skip_blanks(&c);
	if (c.p == c.end || *c.p != '(' || (size_t)(c.end - c.p) < n_digits + 4)
		return refuse(why, WHY_TAG);
	c.p = c.end - n_digits;
	if (take_hash(&c, e, &unused) < 0 || e->alg != alg)
		return refuse(why, WHY_TAG);
	c.p = c.end - n_digits;
	while (is_blank(c.p[-1])) /* stops at the '(' at the latest */
		c.p--;
	if (c.p[-1] != '=')
		return refuse(why, WHY_TAG);
	c.p--;
	while (is_blank(c.p[-1]))
		c.p--;
	return c.p[-1] == ')' ? 1 : refuse(why, WHY_TAG);
}

/* True and the cursor behind it if the line begins with the tag of an algorithm. */
static bool take_tag(struct cursor *c, enum digest_alg *ret)
{
	static const struct {
		const char *tag;
		enum digest_alg alg;
	} tags[] = {
		{"SHA256", DIGEST_SHA256}, {"SHA1", DIGEST_SHA1}, {"MD5", DIGEST_MD5}};

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		size_t len = strlen(tags[i].tag);

		if ((size_t)(c->end - c->p) > len &&
		    memcmp(c->p, tags[i].tag, len) == 0) {
			c->p += len;
			*ret = tags[i].alg;
			return true;
		}
	}
	return false;
}

static bool is_text(struct cursor c)
{
	for (; c.p < c.end; c.p++)
		if (((unsigned char)*c.p < ' ' && *c.p != '\t') || *c.p == 0x7f)
			return false;
	return true;
}

int hashlist_parse_line(const char *line, size_t len, struct hashlist_entry *ret,
                        const char **why)
{
	struct cursor c = {line, line + len};
	struct hashlist_entry e = {.size_bytes = HASHLIST_ANY_SIZE};
	enum digest_alg alg;
	int r;

	if (c.p < c.end && c.end[-1] == '\r')
		c.end--;
	if (!is_text(c))
		return refuse(why, WHY_TEXT);
	skip_blanks(&c);
	while (c.p < c.end && is_blank(c.end[-1]))
		c.end--;
	if (c.p == c.end || *c.p == '#')
		return 0;

	if (*c.p == '\\') /* coreutils: the path behind the hash is escaped */
		c.p++;
	if (take_tag(&c, &alg)) {
		r = parse_tag(c, alg, &e, why);
	} else {
		r = take_hash(&c, &e, why);
		if (r > 0 && c.p < c.end && *c.p == ':')
			r = parse_clamav(c, &e, why);
		else if (r > 0 && c.p < c.end && !is_blank(*c.p))
			r = refuse(why, WHY_TRAILER);
	}
	if (r > 0)
		*ret = e;
	return r;
}

struct reader {
	int fd;
	const char *file;
	hashlist_fn fn;
	void *userdata;
	struct diag *d;
	unsigned line; /* of the last line handed on */
	unsigned n_bad;
};

static int read_line(struct reader *rd, const char *line, size_t len)
{
	struct hashlist_entry e;
	const char *why;
	int r;

	rd->line++;
	if (rd->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3; /* a byte order mark, as some editors write it */
		len -= 3;
	}
	r = hashlist_parse_line(line, len, &e, &why);
	if (r == 0)
		return 0;
	if (r > 0) {
		e.line = rd->line;
		return rd->fn(rd->userdata, &e);
	}

	(void)diag_add(rd->d, rd->file, rd->line, "%s", why);
	if (++rd->n_bad < HASHLIST_BAD_LINES_MAX)
		return 0;
	return diag_add(rd->d, rd->file, rd->line,
	                "too many bad lines, the rest is not read");
}

/* Hand on each whole line in @buf[0..*used), move the rest to the front. */
static int read_lines(struct reader *rd, char *buf, size_t *used, bool eof)
{
	char *p = buf, *end = buf + *used, *lf;
	int r;

	while (p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (!lf && !eof)
			break;
		if ((size_t)((lf ? lf : end) - p) > HASHLIST_LINE_MAX)
			break;
		r = read_line(rd, p, (size_t)((lf ? lf : end) - p));
		if (r < 0)
			return r;
		p = lf ? lf + 1 : end;
	}
	*used = (size_t)(end - p);
	if (*used > HASHLIST_LINE_MAX)
		return diag_add(
			rd->d, rd->file, rd->line + 1,
			"the line is longer than %d bytes, the rest is not read",
			HASHLIST_LINE_MAX);
	memmove(buf, p, *used);
	return 0;
}

int hashlist_read(int fd, const char *file, hashlist_fn fn, void *userdata,
                  struct diag *d)
{
	struct reader rd = {
		.fd = fd, .file = file, .fn = fn, .userdata = userdata, .d = d};
	_cleanup_(freep) char *buf = malloc(BUFFER_BYTES);
	size_t used = 0;
	int r;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, buf + used, BUFFER_BYTES - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		used += (size_t)n;
		r = read_lines(&rd, buf, &used, n == 0);
		if (r < 0)
			return r;
		if (n == 0)
			return rd.n_bad > 0 ? -EINVAL : 0;
	}
}
