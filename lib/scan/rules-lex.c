/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: words
 *
 * Owns: the borders of words, strings, regular expressions and comments.
 * Must not own: grammar.
 *
 * A slash begins a regular expression wherever a word could: division is a backslash in
 * YARA. A brace behind "=" begins a hex string.
 */
#include "rules-lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/types.h"

static int add(struct lex *l, enum lex_kind kind, const char *s, const char *end)
{
	struct lex_token *grown;

	if (l->n == l->n_alloc) {
		l->n_alloc = l->n_alloc ? 2 * l->n_alloc : 256;
		grown = realloc(l->tokens, l->n_alloc * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		l->tokens = grown;
	}
	l->tokens[l->n++] = (struct lex_token){kind, s, (size_t)(end - s)};
	return 1;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Behind the next @c that no backslash stands before. NULL: a line ends first, or the text. */
static const char *behind(const char *p, const char *end, char c)
{
	for (; p < end && *p != '\n'; p++) {
		if (*p == '\\')
			p++;
		else if (*p == c)
			return p + 1;
	}
	return NULL;
}

/* Return: behind the comment that begins at @p, @p if there is none, NULL if it does not end. */
static const char *skip_comment(const char *p, const char *end)
{
	if (end - p < 2 || p[0] != '/' || (p[1] != '/' && p[1] != '*'))
		return p;
	if (p[1] == '/') {
		p = memchr(p, '\n', (size_t)(end - p));
		return p ? p : end;
	}
	for (p += 2; end - p >= 2; p++)
		if (p[0] == '*' && p[1] == '/')
			return p + 2;
	return NULL;
}

static const char *hex_end(const char *p, const char *end)
{
	while (p && p < end && *p != '}') {
		const char *next = skip_comment(p, end);

		p = next == p ? p + 1 : next;
	}
	return p && p < end ? p + 1 : NULL;
}

static const char *sign_end(const char *p, const char *end)
{
	static const char *const two[] = {"==", ">=", "<=", "!=", "..", "<<", ">>"};

	for (size_t i = 0; end - p >= 2 && i < ARRAY_SIZE(two); i++)
		if (memcmp(p, two[i], 2) == 0)
			return p + 2;
	return p + 1;
}

static const char *words_end(const char *p, const char *end)
{
	while (p < end && is_word(*p))
		p++;
	return p;
}

static bool begins_id(const char *p)
{
	return *p == '$' || *p == '#' || *p == '@' || *p == '!';
}

/* The token at @p. Return: as add(); *ret_end is behind it. */
static int take(struct lex *l, const char *p, const char *end, const char **ret_end)
{
	enum lex_kind kind;

	if (is_word(*p)) {
		kind = LEX_WORD;
		*ret_end = words_end(p, end);
	} else if (*p == '"') {
		kind = LEX_STRING;
		*ret_end = behind(p + 1, end, '"');
	} else if (*p == '/') {
		kind = LEX_REGEX;
		*ret_end = behind(p + 1, end, '/');
		if (*ret_end)
			*ret_end = words_end(*ret_end, end);
	} else if (*p == '{' && lex_is(l, l->n - 1, "=")) {
		kind = LEX_HEX;
		*ret_end = hex_end(p, end);
	} else if (begins_id(p) && !(*p == '!' && end - p >= 2 && p[1] == '=')) {
		kind = LEX_ID;
		*ret_end = words_end(p + 1, end);
	} else {
		kind = LEX_SIGN;
		*ret_end = sign_end(p, end);
	}
	return *ret_end ? add(l, kind, p, *ret_end) : 0;
}

int lex_text(struct lex *l, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	int r = 1;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		p += 3; /* libyara skips it, too */
	while (p < end && r > 0) {
		const char *next = skip_comment(p, end);

		if (!next)
			return 0;
		if (next == p && is_space(*p))
			next = p + 1;
		else if (next == p)
			r = take(l, p, end, &next);
		p = next;
	}
	return r;
}

void lex_deinit(struct lex *l)
{
	free(l->tokens);
	*l = (struct lex){0};
}

bool lex_is(const struct lex *l, size_t i, const char *what)
{
	const size_t len = strlen(what);

	return i < l->n && (l->tokens[i].kind == LEX_WORD || l->tokens[i].kind == LEX_SIGN) &&
	       l->tokens[i].len == len && memcmp(l->tokens[i].s, what, len) == 0;
}
