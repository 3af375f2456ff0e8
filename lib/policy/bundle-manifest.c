/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle manifest
 *
 * Owns: the form of MANIFEST. Must not own: signatures, files, what is too old
 * (bundle.c). Hands off to: whoever has verified the bytes before they come here.
 */
#include "custos/bundle-manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "custos/cleanup.h"

#define HASH_HEX      64
#define TIME_TEXT     sizeof("2026-11-23T04:00:00Z")
#define VERSION_PARTS 3

struct parser {
	const char *file;
	const char *at, *end;
	unsigned line;
	struct bundle_manifest m;
	struct diag *d;
};

static int complain(struct parser *p, const char *expected)
{
	return diag_add(p->d, p->file, p->line, "%s", expected);
}

/* The next line without its line feed; false at the end. *ret_len is SIZE_MAX when it
 * has none. */
static bool next_line(struct parser *p, const char **ret, size_t *ret_len)
{
	const char *nl;

	if (p->at == p->end)
		return false;
	p->line++;
	nl = memchr(p->at, '\n', (size_t)(p->end - p->at));
	*ret = p->at;
	*ret_len = nl ? (size_t)(nl - p->at) : SIZE_MAX;
	p->at = nl ? nl + 1 : p->end;
	return true;
}

/* If the next line is "KEY: VALUE", take it: 1, with the value in @buf; 0: it is
 * another line. */
static int take(struct parser *p, const char *key, char *buf, size_t size)
{
	struct parser before = *p;
	size_t key_len = strlen(key), len;
	const char *s;

	buf[0] = '\0';
	if (!next_line(p, &s, &len) || len == SIZE_MAX || len < key_len + 2 ||
	    memcmp(s, key, key_len) != 0 || memcmp(s + key_len, ": ", 2) != 0) {
		*p = before;
		return 0;
	}
	s += key_len + 2;
	len -= key_len + 2;
	if (len == 0 || len >= size || memchr(s, '\0', len))
		return diag_add(p->d, p->file, p->line,
		                "'%s:' has no value, or too long a one", key);
	memcpy(buf, s, len);
	buf[len] = '\0';
	return 1;
}

static int need(struct parser *p, const char *key, char *buf, size_t size)
{
	int r = take(p, key, buf, size);

	if (r == 0)
		return diag_add(p->d, p->file, p->line + 1, "expected '%s: ...'", key);
	return r < 0 ? r : 0;
}

bool bundle_channel_valid(const char *channel)
{
	size_t len = strlen(channel);

	return len > 0 && len <= BUNDLE_CHANNEL_MAX &&
	       strspn(channel, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
	       channel[0] != '-';
}

/* Decimal without sign, blanks and leading zeros. */
static bool parse_serial(const char *s, int64_t *ret)
{
	size_t len = strlen(s);

	if (len == 0 || len > 18 || s[0] == '0' || strspn(s, "0123456789") != len)
		return false;
	*ret = strtoll(s, NULL, 10);
	return true;
}

/* Exactly what date -u +%FT%TZ writes. */
static bool parse_time(const char *s, int64_t *ret)
{
	char again[TIME_TEXT];
	struct tm tm = {0};
	time_t t;

	if (strlen(s) != TIME_TEXT - 1 ||
	    sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
	           &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6 ||
	    tm.tm_year < 2000)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	t = timegm(&tm);
	if (!gmtime_r(&t, &tm) || strftime(again, sizeof(again), "%FT%TZ", &tm) == 0 ||
	    strcmp(again, s) != 0)
		return false;
	*ret = t;
	return true;
}

static bool parse_version(const char *s, unsigned parts[VERSION_PARTS])
{
	memset(parts, 0, VERSION_PARTS * sizeof(*parts));
	for (unsigned i = 0; i < VERSION_PARTS; i++) {
		size_t len = strspn(s, "0123456789");

		if (len == 0 || len > 5)
			return false;
		parts[i] = (unsigned)strtoul(s, NULL, 10);
		s += len;
		if (*s == '\0')
			return true;
		if (*s++ != '.')
			return false;
	}
	return false;
}

bool bundle_version_at_least(const char *have, const char *want)
{
	unsigned a[VERSION_PARTS], b[VERSION_PARTS];

	if (!parse_version(have, a) || !parse_version(want, b))
		return false;
	for (unsigned i = 0; i < VERSION_PARTS; i++)
		if (a[i] != b[i])
			return a[i] > b[i];
	return true;
}

static int parse_head(struct parser *p)
{
	struct bundle_manifest *m = &p->m;
	unsigned parts[VERSION_PARTS];
	char value[BUNDLE_CHANNEL_MAX + 8];
	const char *s;
	size_t len;
	int r;

	if (!next_line(p, &s, &len) || len != strlen("custos-bundle 1") ||
	    memcmp(s, "custos-bundle 1", len) != 0)
		return complain(p, "expected 'custos-bundle 1'");
	r = need(p, "channel", value, sizeof(value));
	if (r == 0 && !bundle_channel_valid(value))
		r = complain(p, "a channel has 1 to 32 of a-z, 0-9 and '-'");
	if (r < 0)
		return r;
	memcpy(m->channel, value, strlen(value) + 1);
	r = need(p, "serial", value, sizeof(value));
	if (r == 0 && !parse_serial(value, &m->serial))
		r = complain(p, "a serial is a number of at most 18 digits, from 1 on");
	if (r == 0)
		r = need(p, "created", value, sizeof(value));
	if (r == 0 && !parse_time(value, &m->created_sec))
		r = complain(p, "'created:' is a time such as 2026-11-23T04:00:00Z");
	if (r == 0)
		r = take(p, "expires", value, sizeof(value));
	if (r == 1 &&
	    (!parse_time(value, &m->expires_sec) || m->expires_sec <= m->created_sec))
		r = complain(p, "'expires:' is a time after 'created:'");
	if (r >= 0)
		r = take(p, "min-engine", m->min_engine, sizeof(m->min_engine));
	if (r == 1 && !parse_version(m->min_engine, parts))
		r = complain(p, "'min-engine:' is a version such as 0.1");
	return r < 0 ? r : 0;
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len > n && strcmp(name + len - n, suffix) == 0;
}

static bool kind_of(const char *name, enum bundle_kind *ret)
{
	static const struct {
		const char *suffix;
		enum bundle_kind kind;
	} kinds[] = {
		{".allow.sha256", BUNDLE_ALLOW}, {".yar", BUNDLE_YARA},
		{".yara", BUNDLE_YARA},          {".sha256", BUNDLE_BLOCK},
		{".sha1", BUNDLE_BLOCK},         {".md5", BUNDLE_BLOCK},
		{".hdb", BUNDLE_BLOCK},          {".hsb", BUNDLE_BLOCK},
		{".txt", BUNDLE_TEXT},           {".md", BUNDLE_TEXT},
	};

	if (strcmp(name, "allow.sha256") == 0) {
		*ret = BUNDLE_ALLOW;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (ends_with(name, kinds[i].suffix)) {
			*ret = kinds[i].kind;
			return true;
		}
	}
	return false;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	                              : -1;
}

static bool parse_hash(const char *s, uint8_t ret[DIGEST_MAX_BYTES])
{
	for (unsigned i = 0; i < DIGEST_MAX_BYTES; i++) {
		int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Names no folder, and is not hidden. */
static bool name_valid(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	                    "6789._-") == strlen(name) &&
	       name[0] != '.' && name[0] != '-' && strncmp(name, "MANIFEST", 8) != 0;
}

static int parse_file(struct parser *p, const char *s, size_t len)
{
	struct bundle_file f = {0}, *files;

	if (len == SIZE_MAX)
		return complain(p, "the last line has no end");
	if (len < HASH_HEX + 3 || len - HASH_HEX - 2 > BUNDLE_NAME_MAX ||
	    memcmp(s + HASH_HEX, "  ", 2) != 0 || !parse_hash(s, f.sha256))
		return complain(p, "expected a SHA-256 in lower case, two blanks and a "
		                   "file name of "
		                   "at most 100 bytes");
	memcpy(f.name, s + HASH_HEX + 2, len - HASH_HEX - 2);
	if (strlen(f.name) != len - HASH_HEX - 2 || !name_valid(f.name))
		return complain(
			p,
			"a file name has letters, digits, '.', '_' and '-' only, and "
			"does not begin with '.', '-' or MANIFEST");
	if (!kind_of(f.name, &f.kind))
		return diag_add(p->d, p->file, p->line,
		                "'%s': no known kind of file (.yar .yara .sha256 .sha1 "
		                ".md5 .hdb .hsb "
		                ".txt .md)",
		                f.name);
	for (size_t i = 0; i < p->m.n_files; i++)
		if (strcmp(p->m.files[i].name, f.name) == 0)
			return diag_add(p->d, p->file, p->line, "'%s' is listed twice",
			                f.name);
	if (p->m.n_files == BUNDLE_FILES_MAX)
		return diag_add(p->d, p->file, p->line, "more than %d files",
		                BUNDLE_FILES_MAX);
	files = reallocarray(p->m.files, p->m.n_files + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;
	p->m.files = files;
	files[p->m.n_files++] = f;
	return 0;
}

int bundle_manifest_parse(const char *file, const char *text, size_t len,
                          struct bundle_manifest *ret, struct diag *d)
{
	struct parser p = {.file = file, .at = text, .end = text + len, .d = d};
	const char *s;
	size_t n;
	int r;

	if (len > BUNDLE_MANIFEST_MAX)
		return diag_add(d, file, 0, "larger than %zu bytes",
		                BUNDLE_MANIFEST_MAX);
	r = parse_head(&p);
	while (r == 0 && next_line(&p, &s, &n))
		r = parse_file(&p, s, n);
	if (r == 0 && p.m.n_files == 0)
		r = diag_add(d, file, 0, "lists no file");
	if (r < 0) {
		bundle_manifest_deinit(&p.m);
		return r;
	}
	*ret = p.m;
	return 0;
}

void bundle_manifest_deinit(struct bundle_manifest *m)
{
	free(m->files);
	*m = (struct bundle_manifest)BUNDLE_MANIFEST_NULL;
}
