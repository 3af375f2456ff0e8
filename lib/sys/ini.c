/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI text
 *
 * Owns: the syntax. Must not own: which sections and keys exist, what a value means.
 * Hands off to: the callback, key by key.
 *
 * Own code because the libraries at hand cut lines at 200 bytes or keep the first of
 * repeated keys and drop the rest in silence.
 */
#include "custos/ini.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct ini {
	const char *file;
	ini_fn fn;
	void *userdata;
	struct diag *d;
	unsigned line;
	bool have_section;
	char section[INI_LINE_MAX + 1];
	char buf[INI_LINE_MAX + 1]; /* the line, cut up in place */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cut blanks off both ends, in place. */
static char *strip(char *s)
{
	char *end = s + strlen(s);

	while (is_blank(*s))
		s++;
	while (end > s && is_blank(end[-1]))
		end--;
	*end = '\0';
	return s;
}

static bool is_name(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                         "0123456789-_")] == '\0';
}

/* "Name", or "Kind name" for one of several of a kind. */
static bool is_section_name(char *s)
{
	char *blank = strchr(s, ' ');
	bool valid;

	if (!blank)
		return is_name(s);
	*blank = '\0';
	valid = is_name(s) && is_name(blank + 1);
	*blank = ' ';
	return valid;
}

static int ini_section(struct ini *ini, char *s)
{
	size_t len = strlen(s);

	/* Keys that follow a broken header must not land in the section before it. */
	ini->have_section = true;
	ini->section[0] = '\0';
	if (s[len - 1] != ']')
		return diag_add(ini->d, ini->file, ini->line,
		                "section header without ']'");
	s[len - 1] = '\0';
	s++;
	if (!is_section_name(s))
		return diag_add(ini->d, ini->file, ini->line, "bad section name '%s'",
		                s);
	memcpy(ini->section, s, len - 1);
	return ini->fn(ini->userdata, ini->section, NULL, NULL, ini->line);
}

static int ini_assignment(struct ini *ini, char *s)
{
	char *eq = strchr(s, '='), *key, *value;

	if (!eq)
		return diag_add(ini->d, ini->file, ini->line,
		                "neither a section, a comment nor 'Key=value'");
	*eq = '\0';
	key = strip(s);
	value = strip(eq + 1);
	if (!is_name(key))
		return diag_add(ini->d, ini->file, ini->line, "bad key name '%s'", key);
	if (*value && value[strlen(value) - 1] == '\\')
		return diag_add(ini->d, ini->file, ini->line,
		                "a line cannot be continued with '\\'");
	if (!ini->have_section)
		return diag_add(ini->d, ini->file, ini->line,
		                "'%s=' before any section", key);
	if (!ini->section[0])
		return 0; /* its header was reported */
	return ini->fn(ini->userdata, ini->section, key, value, ini->line);
}

static int ini_line(struct ini *ini, const char *text, size_t len)
{
	char *s;

	if (len > INI_LINE_MAX)
		return diag_add(ini->d, ini->file, ini->line,
		                "line is longer than %d bytes", INI_LINE_MAX);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return diag_add(ini->d, ini->file, ini->line,
			                "control byte 0x%02x", c);
	}
	memcpy(ini->buf, text, len);
	ini->buf[len] = '\0';

	s = strip(ini->buf);
	if (*s == '\0' || *s == '#' || *s == ';')
		return 0;
	return *s == '[' ? ini_section(ini, s) : ini_assignment(ini, s);
}

int ini_parse(const char *file, const char *text, size_t len, ini_fn fn, void *userdata,
              struct diag *d)
{
	struct ini ini = {.file = file, .fn = fn, .userdata = userdata, .d = d};
	int r, result = 0;

	if (len > INI_BYTES_MAX)
		return diag_add(d, file, 0, "file is larger than %d bytes",
		                INI_BYTES_MAX);

	while (len > 0) {
		const char *nl = memchr(text, '\n', len);
		size_t n = nl ? (size_t)(nl - text) : len;

		ini.line++;
		r = ini_line(&ini, text, n);
		if (r < 0 && r != -EINVAL)
			return r;
		if (r < 0)
			result = r;
		n += nl ? 1 : 0;
		text += n;
		len -= n;
	}
	return result;
}
