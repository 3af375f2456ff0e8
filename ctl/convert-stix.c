/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl convert stix: what an object means
 *
 * Owns: indicators and their patterns, File objects.
 * Must not own: cutting a bundle into objects (convert-read), files.
 *
 * A pattern is converted only where every part of it is understood: a hash that stands
 * behind NOT, or is half of a condition on two things, says nothing about a file alone.
 */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "convert.h"

#define PATTERN_HASHES_MAX 256

struct pattern {
	const char *p;
	struct hashlist_entry hashes[PATTERN_HASHES_MAX];
	unsigned n;
	bool and, or ; /* the observation has one */
};

static void skip_space(struct pattern *s)
{
	while (isspace((unsigned char)*s->p))
		s->p++;
}

static bool take(struct pattern *s, const char *word)
{
	size_t len = strlen(word);

	skip_space(s);
	if (strncmp(s->p, word, len) != 0)
		return false;
	s->p += len;
	return true;
}

/* 'text' or "text" without an escape, or a number. */
static bool take_value(struct pattern *s, const char **ret, size_t *len)
{
	char quote;

	skip_space(s);
	quote = *s->p;
	if (quote != '\'' && quote != '"') {
		*ret = s->p;
		*len = strspn(s->p, "0123456789");
		s->p += *len;
		return *len > 0;
	}
	*ret = ++s->p;
	*len = strcspn(s->p, quote == '"' ? "\"\\" : "'\\");
	s->p += *len;
	return *s->p++ == quote;
}

/* file:hashes.'SHA-256' = '...', or what only narrows it further. */
static bool take_comparison(struct pattern *s)
{
	const char *value;
	size_t len;

	if (take(s, "file:name") || take(s, "file:size"))
		return take(s, "=") && take_value(s, &value, &len);
	if (!take(s, "file:hashes."))
		return false;
	if (*s->p == '\'' || *s->p == '"') {
		if (!take_value(s, &value, &len))
			return false;
	} else {
		s->p += strcspn(s->p, " \t=");
	}
	if (!take(s, "=") || !take_value(s, &value, &len) || s->n == PATTERN_HASHES_MAX)
		return false;
	s->hashes[s->n] = (struct hashlist_entry){.size_bytes = HASHLIST_ANY_SIZE};
	/* Kinds that we do not know (SSDEEP, SHA-512) are left out. */
	if (hashlist_parse_hash(value, len, &s->hashes[s->n]))
		s->n++;
	return true;
}

static bool take_observation(struct pattern *s)
{
	if (!take(s, "["))
		return false;
	do {
		if (!take_comparison(s))
			return false;
		if (take(s, "AND"))
			s->and = true;
		else if (take(s, "OR"))
			s->or = true;
		else
			break;
	} while (true);
	/* Both together: which hash stands with which would have to be known. */
	return take(s, "]") && !(s->and &&s->or);
}

/* Joined by AND they are of one file, and the strongest is enough: it spares the
 * others. */
static void write_hashes(struct conversion *c, struct pattern *s, const char *name)
{
	unsigned best = 0;

	for (unsigned i = 0; i < s->n; i++) {
		s->hashes[i].name = name;
		s->hashes[i].name_len = name ? strlen(name) : 0;
		if (s->hashes[i].alg < s->hashes[best].alg)
			best = i;
	}
	for (unsigned i = 0; i < s->n; i++)
		if (!s->and || i == best)
			conversion_write(c, &s->hashes[i]);
}

static bool read_pattern(struct conversion *c, const char *text, const char *name)
{
	static struct pattern s;
	bool found = false;

	/* First all of it, then written: half a pattern is none. */
	for (unsigned pass = 0; pass < 2; pass++) {
		s.p = text;
		do {
			s.n = 0;
			s.and = s.or = false;
			if (!take_observation(&s))
				return false;
			found = found || s.n > 0;
			if (pass == 1)
				write_hashes(c, &s, name);
		} while (take(&s, "OR"));
		skip_space(&s);
		if (*s.p || !found)
			return false;
	}
	return true;
}

/* Times of STIX are in UTC and sort as text. */
static bool is_over(const char *until)
{
	char now[32];
	time_t t = time(NULL);
	struct tm tm;

	return until && gmtime_r(&t, &tm) &&
	       strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%S", &tm) > 0 &&
	       strcmp(until, now) < 0;
}

static bool is_benign(const json_t *types)
{
	const json_t *type;
	size_t i;

	json_array_foreach(types, i, type) if (json_is_string(type) &&
	                                       strcmp(json_string_value(type),
	                                              "benign") == 0) return true;
	return false;
}

static bool indicator(struct conversion *c, const json_t *object)
{
	const char *pattern = json_string_value(json_object_get(object, "pattern"));
	const char *type = json_string_value(json_object_get(object, "pattern_type"));

	if (!pattern || (type && strcmp(type, "stix") != 0) ||
	    json_is_true(json_object_get(object, "revoked")) ||
	    is_benign(json_object_get(object, "indicator_types")) ||
	    is_over(json_string_value(json_object_get(object, "valid_until"))))
		return false;
	return read_pattern(c, pattern,
	                    json_string_value(json_object_get(object, "name")));
}

static bool file_object(struct conversion *c, const json_t *object)
{
	static const char *const kinds[] = {"SHA-256", "SHA-1", "MD5"};
	const json_t *hashes = json_object_get(object, "hashes");
	const json_t *size = json_object_get(object, "size");

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *hash = json_string_value(json_object_get(hashes, kinds[i]));
		struct hashlist_entry e = {.size_bytes = HASHLIST_ANY_SIZE};

		if (!hash || !hashlist_parse_hash(hash, strlen(hash), &e) || e.alg != i)
			continue;
		if (json_is_integer(size) && json_integer_value(size) >= 0)
			e.size_bytes = (uint64_t)json_integer_value(size);
		e.name = json_string_value(json_object_get(object, "name"));
		e.name_len = e.name ? strlen(e.name) : 0;
		conversion_write(c, &e);
		return true;
	}
	return false;
}

void stix_object(struct conversion *c, const json_t *object)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	bool taken = true;

	if (type && strcmp(type, "indicator") == 0)
		taken = indicator(c, object);
	else if (type && strcmp(type, "file") == 0)
		taken = c->files && file_object(c, object);
	c->n_left_out += !taken;
}
