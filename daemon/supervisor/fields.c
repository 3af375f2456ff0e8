/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal fields
 *
 * Owns: the buffer of one journal entry, its bounds, and the escaping of untrusted text.
 * Must not own: which fields an entry has (entry.c), sending (journal.c). No allocation.
 */
#include "fields.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void fields_init(struct fields *f)
{
	f->n = 0;
	f->used = 0;
	f->start = 0;
	f->truncated = false;
	f->skipping = false;
}

static void append(struct fields *f, const void *bytes, size_t len)
{
	if (f->skipping)
		return;
	if (len > sizeof(f->buf) - f->used) {
		len = sizeof(f->buf) - f->used;
		f->truncated = true;
	}
	memcpy(f->buf + f->used, bytes, len);
	f->used += len;
}

void fields_append(struct fields *f, const char *text)
{
	append(f, text, strlen(text));
}

void fields_append_u64(struct fields *f, uint64_t value)
{
	char digits[21]; /* 2^64 - 1 has 20 */

	(void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	fields_append(f, digits);
}

void fields_begin(struct fields *f, const char *name)
{
	f->start = f->used;
	f->skipping = f->n >= FIELDS_MAX || strlen(name) + 1 > sizeof(f->buf) - f->used;
	f->truncated |= f->skipping;
	fields_append(f, name);
	append(f, "=", 1);
}

void fields_end(struct fields *f)
{
	if (!f->skipping)
		f->iov[f->n++] = (struct iovec){f->buf + f->start, f->used - f->start};
	f->skipping = false;
}

void fields_add(struct fields *f, const char *name, const void *value, size_t len)
{
	fields_begin(f, name);
	append(f, value, len);
	fields_end(f);
}

void fields_add_str(struct fields *f, const char *name, const char *value)
{
	fields_add(f, name, value, strlen(value));
}

void fields_add_u64(struct fields *f, const char *name, uint64_t value)
{
	fields_begin(f, name);
	fields_append_u64(f, value);
	fields_end(f);
}

static bool is_printable(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

static void append_escape(struct fields *f, unsigned char c)
{
	char seq[5];

	switch (c) {
	case '\n':
		append(f, "\\n", 2);
		return;
	case '\t':
		append(f, "\\t", 2);
		return;
	case '\\':
		append(f, "\\\\", 2);
		return;
	case '"':
		append(f, "\\\"", 2);
		return;
	default:
		(void)snprintf(seq, sizeof(seq), "\\x%02x", c);
		fields_append(f, seq);
	}
}

static void append_safe(struct fields *f, const char *text, size_t len, bool quoted)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (is_printable(c) && c != '\\' && !(quoted && c == '"'))
			append(f, &c, 1);
		else
			append_escape(f, c);
	}
}

void fields_append_escaped(struct fields *f, const char *text, size_t len)
{
	append_safe(f, text, len, false);
}

/* Bare values hold nothing a logfmt reader gives a meaning to. */
static bool is_bare(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)value[i]) &&
		    !(value[i] && strchr("/._-:@+,%~", value[i])))
			return false;
	return len > 0;
}

void fields_append_pair(struct fields *f, const char *key, const char *value, size_t len)
{
	bool bare = is_bare(value, len);

	append(f, " ", 1);
	fields_append(f, key);
	fields_append(f, bare ? "=" : "=\"");
	append_safe(f, value, len, true);
	if (!bare)
		append(f, "\"", 1);
}
