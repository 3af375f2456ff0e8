/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a policy line
 *
 * Owns: blanks, quotes, commas. Must not own: what a word means.
 * Hands off to: compile.c, word by word.
 *
 * Works in place on a writable, NUL-terminated line: unquoting only ever shortens.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define BLANKS " \t"

static int lex_fail(struct lexer *l, const char *why)
{
	l->why = why;
	return -EINVAL;
}

static void skip_blanks(struct lexer *l)
{
	l->p += strspn(l->p, BLANKS);
}

/* "..." at l->p; afterwards l->p is behind the closing quote. */
static int lex_quoted(struct lexer *l, struct word_value *v)
{
	char *in = l->p + 1, *out = l->p;

	v->str = out;
	for (; *in != '"'; in++) {
		if (*in == '\\') {
			in++;
			if (*in != '"' && *in != '\\')
				return lex_fail(l, "only \\\" and \\\\ may be escaped");
		}
		if (*in == '\0')
			return lex_fail(l, "missing closing quote");
		*out++ = *in;
	}
	*out = '\0'; /* at the latest where the closing quote was */
	v->len = (size_t)(out - v->str);
	v->quoted = true;
	l->p = in + 1;
	if (*l->p && !strchr(BLANKS ",", *l->p))
		return lex_fail(l, "text behind a closing quote");
	return 0;
}

/* Up to a blank or comma; does not terminate: the byte there is still to be looked at.
 */
static int lex_bare(struct lexer *l, struct word_value *v)
{
	v->str = l->p;
	v->len = strcspn(l->p, BLANKS ",");
	v->quoted = false;
	if (v->len == 0)
		return lex_fail(l, "empty value");
	if (memchr(v->str, '"', v->len))
		return lex_fail(l, "a quote inside a value: quote all of it");
	l->p += v->len;
	return 0;
}

/* VALUE[,VALUE...]; a set may have blanks around the commas. */
static int lex_list(struct lexer *l, bool blanks, struct word *w)
{
	char sep;
	int r;

	w->values = l->values;
	w->n_values = 0;
	do {
		struct word_value *v = &w->values[w->n_values];

		if (w->n_values >= WORD_VALUES_MAX)
			return lex_fail(l, "more than 4096 values");
		if (blanks)
			skip_blanks(l);
		r = *l->p == '"' ? lex_quoted(l, v) : lex_bare(l, v);
		if (r < 0)
			return r;
		w->n_values++;
		if (blanks)
			skip_blanks(l);
		sep = *l->p;
		if (sep)
			l->p++;
		v->str[v->len] = '\0'; /* on the separator or before it */
	} while (sep == ',');

	if (blanks && sep)
		return lex_fail(l, "expected ',' between members");
	return 0;
}

int lex_word(struct lexer *l, struct word *w)
{
	skip_blanks(l);
	if (!*l->p)
		return 0;

	*w = (struct word){.key = l->p};
	l->p += strcspn(l->p, BLANKS "=<>");
	w->op = *l->p;
	if (w->op)
		*l->p++ = '\0';
	if (w->op && strchr(BLANKS, w->op))
		w->op = '\0';
	if (!w->op)
		return 1;
	if (lex_list(l, false, w) < 0)
		return -EINVAL;
	return 1;
}

int lex_set(struct lexer *l, struct word *w)
{
	char *end;

	skip_blanks(l);
	*w = (struct word){.key = l->p, .op = '='};
	end = l->p + strcspn(l->p, BLANKS "=");
	l->p = end;
	skip_blanks(l);
	if (*l->p != '=')
		return lex_fail(l, "expected 'set @name = value, ...'");
	l->p++;
	*end = '\0';
	return lex_list(l, true, w);
}
