/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash lists as tables: CSV with a header line
 *
 * Owns: names of columns, and cutting a row into fields.
 * Must not own: other forms of a line (hashlist), files (hashlist-read).
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "hashlist-line.h"

#define WHY_NO_HASH                                                                    \
	"the header names no column of hashes: expected sha256_hash, sha256, "         \
	"sha1_hash, "                                                                  \
	"sha1, md5_hash, md5 or hash"
#define WHY_QUOTE  "a quotation mark is not closed, or text follows it"
#define WHY_FIELDS "the row has more than 64 fields"
#define WHY_NO_ROW "no column of the row holds a hash"
#define WHY_BAD    "the hash is not of 32, 40 or 64 hexadecimal digits as its column says"
#define WHY_SIZE   "the size is not a number of bytes"

static const struct {
	const char *name;
	enum csv_column column;
} names[] = {
	{"sha256_hash", CSV_SHA256}, {"sha256", CSV_SHA256}, {"SHA-256", CSV_SHA256},
	{"sha1_hash", CSV_SHA1},     {"sha1", CSV_SHA1},     {"SHA-1", CSV_SHA1},
	{"md5_hash", CSV_MD5},       {"md5", CSV_MD5},       {"hash", CSV_HASH},
	{"file_size", CSV_SIZE},     {"filesize", CSV_SIZE}, {"size", CSV_SIZE},
	{"signature", CSV_NAME},     {"malware", CSV_NAME},  {"name", CSV_NAME},
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct cursor trim(struct cursor c)
{
	while (c.p < c.end && is_blank(*c.p))
		c.p++;
	while (c.p < c.end && is_blank(c.end[-1]))
		c.end--;
	return c;
}

static struct cursor whole_line(const char *line, size_t len)
{
	if (len > 0 && line[len - 1] == '\r')
		len--;
	return trim((struct cursor){line, line + len});
}

/*
 * Cut off one field, to the next comma. In quotation marks there may be commas, and a
 * doubled quotation mark, which stays doubled: no hash has one.
 */
static bool take_field(struct cursor *c, struct cursor *ret)
{
	const char *p = c->p;

	while (p < c->end && is_blank(*p))
		p++;
	if (p == c->end || *p != '"') {
		const char *comma = memchr(p, ',', (size_t)(c->end - p));

		*ret = trim((struct cursor){p, comma ? comma : c->end});
		c->p = comma ? comma + 1 : NULL;
		return true;
	}
	ret->p = ++p;
	for (; p < c->end; p++) {
		if (*p != '"')
			continue;
		if (p + 1 == c->end || p[1] != '"')
			break;
		p++;
	}
	if (p >= c->end)
		return false;
	ret->end = p++;
	while (p < c->end && is_blank(*p))
		p++;
	if (p < c->end && *p != ',')
		return false;
	c->p = p < c->end ? p + 1 : NULL;
	return true;
}

/* Return: number of fields, or -EINVAL. */
static int split(const char *line, size_t len, struct cursor *fields, const char **why)
{
	struct cursor c = {line, line + len};
	int n = 0;

	while (c.p) {
		if (n == CSV_FIELDS_MAX) {
			*why = WHY_FIELDS;
			return -EINVAL;
		}
		if (!take_field(&c, &fields[n++])) {
			*why = WHY_QUOTE;
			return -EINVAL;
		}
	}
	return n;
}

static bool is_word(struct cursor f, const char *word)
{
	return (size_t)(f.end - f.p) == strlen(word) &&
	       strncasecmp(f.p, word, strlen(word)) == 0;
}

static void name_column(struct csv *csv, struct cursor field, unsigned number)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_word(field, names[i].name) && csv->at[names[i].column] == 0)
			csv->at[names[i].column] = number;
}

/* MalwareBazaar's header is a comment; an ordinary comment has no quotation marks. */
static bool may_be_header(struct cursor *c)
{
	bool comment = c->p < c->end && *c->p == '#';
	struct hashlist_entry e;
	const char *why, *comma;

	if (comment) {
		c->p++;
		*c = trim(*c);
	}
	comma = memchr(c->p, ',', (size_t)(c->end - c->p));
	if (!comma)
		return false;
	if (comment)
		return *c->p == '"';
	/* A path may hold commas, too. */
	return hashlist_parse_line(c->p, (size_t)(c->end - c->p), &e, &why) < 0 &&
	       !hashlist_parse_hash(c->p, (size_t)(comma - c->p), &e);
}

int csv_header(struct csv *csv, const char *line, size_t len, const char **why)
{
	struct cursor fields[CSV_FIELDS_MAX], c = whole_line(line, len);
	bool comment = c.p < c.end && *c.p == '#';
	struct csv found = {.found = true};
	int n;

	if (!hashlist_is_text(c) || !may_be_header(&c))
		return 0;
	n = split(c.p, (size_t)(c.end - c.p), fields, why);
	for (int i = 0; i < n; i++)
		name_column(&found, fields[i], (unsigned)i + 1);
	if (n >= 0 && !found.at[CSV_SHA256] && !found.at[CSV_SHA1] &&
	    !found.at[CSV_MD5] && !found.at[CSV_HASH]) {
		*why = WHY_NO_HASH;
		n = -EINVAL;
	}
	if (n < 0)
		return comment ? 0 : n;
	*csv = found;
	return 1;
}

/* False when there is none: no such column, a short row, or nothing in it. */
static bool column(const struct csv *csv, enum csv_column which,
                   const struct cursor *fields, int n, struct cursor *ret)
{
	unsigned at = csv->at[which];

	if (at == 0 || at > (unsigned)n)
		return false;
	*ret = fields[at - 1];
	return ret->p < ret->end && !is_word(*ret, "n/a") && !is_word(*ret, "NULL");
}

/* Printable, without blanks, as names of entries are. */
static void keep_name(struct csv *csv, struct cursor f, struct hashlist_entry *e)
{
	size_t n = (size_t)(f.end - f.p);

	n = n < sizeof(csv->name) ? n : sizeof(csv->name);
	for (size_t i = 0; i < n; i++)
		csv->name[i] = (char)(f.p[i] > ' ' && f.p[i] <= '~' ? f.p[i] : '_');
	e->name = csv->name;
	e->name_len = n;
}

/* The strongest hash of the row. */
static int row_hash(const struct csv *csv, const struct cursor *fields, int n,
                    struct hashlist_entry *e, const char **why)
{
	static const enum digest_alg algs[] = {[CSV_SHA256] = DIGEST_SHA256,
	                                       [CSV_SHA1] = DIGEST_SHA1,
	                                       [CSV_MD5] = DIGEST_MD5};

	for (unsigned which = CSV_SHA256; which <= CSV_HASH; which++) {
		struct cursor f;

		if (!column(csv, which, fields, n, &f))
			continue;
		if (hashlist_parse_hash(f.p, (size_t)(f.end - f.p), e) &&
		    (which == CSV_HASH || e->alg == algs[which]))
			return 1;
		*why = WHY_BAD;
		return -EINVAL;
	}
	*why = WHY_NO_ROW;
	return -EINVAL;
}

int csv_row(struct csv *csv, const char *line, size_t len, struct hashlist_entry *ret,
            const char **why)
{
	struct cursor fields[CSV_FIELDS_MAX], c, f;
	struct hashlist_entry e = {.size_bytes = HASHLIST_ANY_SIZE};
	int n, r;

	c = whole_line(line, len);
	if (!hashlist_is_text(c)) {
		*why = HASHLIST_WHY_TEXT;
		return -EINVAL;
	}
	if (c.p == c.end || *c.p == '#')
		return 0;
	n = split(c.p, (size_t)(c.end - c.p), fields, why);
	if (n < 0)
		return n;
	r = row_hash(csv, fields, n, &e, why);
	if (r < 0)
		return r;
	if (column(csv, CSV_SIZE, fields, n, &f) &&
	    !hashlist_number(f, &e.size_bytes)) {
		*why = WHY_SIZE;
		return -EINVAL;
	}
	if (column(csv, CSV_NAME, fields, n, &f))
		keep_name(csv, f, &e);
	*ret = e;
	return 1;
}
