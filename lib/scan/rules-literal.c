/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: bytes of a string
 *
 * Owns: how a string is written. Must not own: which strings a condition needs
 * (rules-positive.c).
 */
#include "rules-literal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct out {
	uint8_t *bytes;
	size_t len;
	bool bad; /* too long, or not understood */
};

static void put(struct out *o, uint8_t byte)
{
	if (o->len == LITERAL_MAX_BYTES)
		o->bad = true;
	else
		o->bytes[o->len++] = byte;
}

/* Return: the digit's value, 0 for "?", or -1. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return c == '?' ? 0 : -1;
}

/* What @p, behind a backslash, stands for. Return: characters used. */
static size_t put_escape(struct out *o, const char *p, size_t len)
{
	static const char names[] = "tnr\"\\", values[] = "\t\n\r\"\\";
	const char *at = *p ? strchr(names, *p) : NULL;

	if (at) {
		put(o, (uint8_t)values[at - names]);
		return 1;
	}
	if (*p != 'x' || len < 3 || digit(p[1]) < 0 || digit(p[2]) < 0) {
		o->bad = true;
		return 1;
	}
	put(o, (uint8_t)(digit(p[1]) << 4 | digit(p[2])));
	return 3;
}

/* Between its quotes. */
static void put_text(struct out *o, const char *s, size_t len, bool wide)
{
	for (size_t i = 0; i < len && !o->bad; i++) {
		if (s[i] == '\\' && i + 1 < len)
			i += put_escape(o, s + i + 1, len - i - 1);
		else
			put(o, (uint8_t)s[i]);
		if (wide)
			put(o, 0);
	}
}

/* "[4]", "[4-6]" at @p: bytes at least. Return: characters up to "]". */
static size_t put_jump(struct out *o, const char *p, size_t len)
{
	size_t n = 0, i = 1;

	for (; i < len && p[i] >= '0' && p[i] <= '9' && n <= LITERAL_MAX_BYTES; i++)
		n = 10 * n + (size_t)(p[i] - '0');
	while (n-- > 0 && !o->bad)
		put(o, 0);
	while (i < len && p[i] != ']')
		i++;
	return i;
}

/* Up to what ends the alternative at @p, or all alternatives (@all). */
static size_t skip_alternatives(const char *p, size_t len)
{
	size_t depth = 1, i = 0;

	for (; i < len; i++) {
		depth += p[i] == '(';
		depth -= p[i] == ')';
		if (depth == 0)
			break;
	}
	return i;
}

/* Between its braces. Comments make it bad: few have one. */
static void put_hex(struct out *o, const char *s, size_t len)
{
	for (size_t i = 0; i < len && !o->bad; i++) {
		if (strchr(" \t\r\n()", s[i]) && s[i])
			continue; /* the first of alternatives, as it stands */
		if (s[i] == '[') {
			i += put_jump(o, s + i, len - i);
		} else if (s[i] == '|') {
			i += skip_alternatives(s + i, len - i);
		} else if (i + 1 < len && digit(s[i]) >= 0 && digit(s[i + 1]) >= 0) {
			put(o, (uint8_t)(digit(s[i]) << 4 | digit(s[i + 1])));
			i++;
		} else {
			o->bad = true;
		}
	}
}

static bool has_word(const struct lex *l, size_t i, size_t end, const char *word)
{
	for (; i < end; i++)
		if (lex_is(l, i, word))
			return true;
	return false;
}

/* "xor", or "xor(0-...": the key zero leaves it as it is. */
static bool has_plain_form(const struct lex *l, size_t i, size_t end)
{
	for (; i < end; i++) {
		if (lex_is(l, i, "base64") || lex_is(l, i, "base64wide"))
			return false;
		if (lex_is(l, i, "xor") && lex_is(l, i + 1, "(") &&
		    !lex_is(l, i + 2, "0") && !lex_is(l, i + 2, "0x00"))
			return false;
	}
	return true;
}

size_t literal_make(const struct lex *l, size_t i, size_t end,
                    uint8_t ret[LITERAL_MAX_BYTES])
{
	const struct lex_token *t = &l->tokens[i];
	struct out o = {.bytes = ret};
	bool wide = has_word(l, i + 1, end, "wide") && !has_word(l, i + 1, end, "ascii");

	if (t->len < 2 || !has_plain_form(l, i + 1, end))
		return 0;
	if (t->kind == LEX_STRING)
		put_text(&o, t->s + 1, t->len - 2, wide);
	else if (t->kind == LEX_HEX)
		put_hex(&o, t->s + 1, t->len - 2);
	return o.bad ? 0 : o.len;
}

bool literal_number(const struct lex *l, size_t i, uint64_t *ret)
{
	char text[24], *end;
	const struct lex_token *t;
	unsigned long long v;

	if (i >= l->n)
		return false;
	t = &l->tokens[i];
	if (t->kind != LEX_WORD || t->len >= sizeof(text) || t->s[0] < '0' ||
	    t->s[0] > '9')
		return false;
	memcpy(text, t->s, t->len);
	text[t->len] = '\0';
	errno = 0;
	/* a leading zero is not octal in YARA */
	v = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	if (strcmp(end, "KB") == 0)
		return !__builtin_mul_overflow(v, 1024ULL, ret) && errno == 0;
	if (strcmp(end, "MB") == 0)
		return !__builtin_mul_overflow(v, 1024ULL * 1024, ret) && errno == 0;
	*ret = v;
	return *end == '\0' && errno == 0;
}
