/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash lists
 *
 * Owns: the grammar of one line.
 * Must not own: lines that depend on one before (hashlist-csv), files (hashlist-read).
 */
#include "custos/hashlist.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "hashlist-line.h"

/* ClamAV: "size * needs a minimum engine level of 73", the first one that knew it. */
#define CLAMAV_ANY_SIZE_LEVEL 73

#define WHY_FORM   "expected a hash of 32, 40 or 64 hexadecimal digits"
#define WHY_LENGTH "the hash has a length that is neither MD5, SHA-1 nor SHA-256"
#define WHY_TAG                                                                        \
	"expected 'SHA256 (file) = hash' (or SHA1, MD5) with a hash of that kind"
#define WHY_SIZE "the size is neither a number of bytes nor *"
#define WHY_NAME "the name is empty or not printable ASCII"
#define WHY_LEVEL                                                                      \
	"the last fields must be engine levels, and size * needs level 73 or more"
#define WHY_TRAILER "expected white space or ':' after the hash"

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/*
 * 16 and the value for each hexadecimal digit, else 0. A table, not comparisons: digits
 * are random, and a branch on them is mispredicted every other time.
 */
static const uint8_t hex_values[256] = {
	['0'] = 16, 17, 18, 19, 20, 21,         22, 23, 24, 25, ['a'] = 26,
	27,         28, 29, 30, 31, ['A'] = 26, 27, 28, 29, 30, 31,
};

static unsigned hex_value(char c)
{
	return hex_values[(unsigned char)c];
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

bool hashlist_parse_hash(const char *hex, size_t n_digits, struct hashlist_entry *e)
{
	unsigned alg = 0;

	while (alg < N_DIGESTS && digest_bytes(alg) * 2 != n_digits)
		alg++;
	if (alg == N_DIGESTS)
		return false;
	for (size_t i = 0; i < n_digits / 2; i++) {
		unsigned high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high == 0 || low == 0)
			return false;
		e->digest[i] = (uint8_t)((high & 15) << 4 | (low & 15));
	}
	e->alg = alg;
	return true;
}

/*
 * Take all hexadecimal digits at the cursor; their number must be that of a known
 * digest.
 */
static int take_hash(struct cursor *c, struct hashlist_entry *e, const char **why)
{
	const char *start = c->p;
	size_t n_digits;

	while (c->p < c->end && hex_value(*c->p) != 0)
		c->p++;
	n_digits = (size_t)(c->p - start);
	if (hashlist_parse_hash(start, n_digits, e))
		return 1;
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

bool hashlist_number(struct cursor f, uint64_t *ret)
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
	else if (!hashlist_number(size, &e->size_bytes))
		return refuse(why, WHY_SIZE);

	if (!take_field(&c, &name) || !is_name(name))
		return refuse(why, WHY_NAME);
	e->name = name.p;
	e->name_len = (size_t)(name.end - name.p);

	if (take_field(&c, &level) && !hashlist_number(level, &min_level))
		return refuse(why, WHY_LEVEL);
	if (take_field(&c, &level) && !hashlist_number(level, &max_level))
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

bool hashlist_is_text(struct cursor c)
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
	if (!hashlist_is_text(c))
		return refuse(why, HASHLIST_WHY_TEXT);
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

int hashlist_parse_name(const char *line, size_t len, struct hashlist_entry *ret,
                        const char **why)
{
	struct cursor c = {line, line + len};
	const char *colon;

	while (c.p < c.end && (c.end[-1] == '\r' || is_blank(c.end[-1])))
		c.end--;
	skip_blanks(&c);
	if (c.p == c.end || *c.p == '#')
		return 0;
	colon = memchr(c.p, ':',
	               (size_t)(c.end - c.p)); /* a checksum of the line meant */
	if (colon)
		c.end = colon;
	if (!is_name(c))
		return refuse(why, WHY_NAME);
	*ret = (struct hashlist_entry){.name = c.p, .name_len = (size_t)(c.end - c.p)};
	return 1;
}
