/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: positives
 *
 * Owns: the file that is made of a rule. Must not own: the bytes of a string
 * (rules-literal.c), what a condition needs (rules-need.c), or a scan (rules-trial.c).
 */
#include "rules-positive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules-need.h"

static const char separator[4];

struct maker {
	struct lex lex;
	positive_fn fn;
	void *userdata;
	/* line @line is where @counted is: rules come in order */
	const char *counted;
	unsigned line;
	/* of one rule */
	struct made made;
	uint8_t bytes[POSITIVE_MAX_BYTES];
	size_t len;
};

/* String @id, whose value is the next token but one, its words up to @end. */
static void add_string(struct maker *m, size_t i, size_t end)
{
	uint8_t bytes[LITERAL_MAX_BYTES];
	size_t len = literal_make(&m->lex, i + 2, end, bytes);
	struct made_string *s = &m->made.strings[m->made.n++];

	*s = (struct made_string){.id = &m->lex.tokens[i]};
	if (len == 0 || len + 2 * sizeof(separator) > sizeof(m->bytes) - m->len)
		return;
	memcpy(m->bytes + m->len, separator, sizeof(separator));
	s->at = m->bytes + m->len + sizeof(separator);
	s->len = len;
	memcpy(m->bytes + m->len + sizeof(separator), bytes, len);
	m->len += sizeof(separator) + len;
}

/* Tokens from @i up to @condition. Return: false, there are too many strings. */
static bool make_strings(struct maker *m, size_t i, size_t condition)
{
	size_t end;

	m->made.n = m->len = 0;
	for (; i + 2 < condition; i = end) {
		end = i + 1;
		if (m->lex.tokens[i].kind != LEX_ID || !lex_is(&m->lex, i + 1, "="))
			continue;
		while (end < condition && m->lex.tokens[end].kind != LEX_ID)
			end++;
		if (m->made.n == NEED_STRINGS_MAX)
			return false;
		add_string(m, i, end);
	}
	/* behind the last one */
	memcpy(m->bytes + m->len, separator, sizeof(separator));
	m->len += sizeof(separator);
	return true;
}

/* @at: not before the last one. */
static unsigned line_of(struct maker *m, const char *at)
{
	for (; m->counted < at; m->counted++)
		m->line += *m->counted == '\n';
	return m->line;
}

/* The rule whose name is token @i. */
static int make_rule(struct maker *m, size_t i, size_t condition, size_t end)
{
	struct need need;
	const struct lex_token *name = &m->lex.tokens[i];
	struct positive p = {.name = name->s, .name_len = name->len};

	m->made.lex = &m->lex;
	m->made.gate = (struct gate){.l = &m->lex, .rule = i, .condition = condition};
	if (!make_strings(m, i, condition) || !need_of(&m->made, condition, end, &need))
		return 0;
	p.line = line_of(m, name->s);
	memcpy(p.head, need.head, sizeof(p.head));
	p.head_len = need.head_len;
	p.below_bytes = need.below_bytes;
	p.bytes = m->bytes;
	p.len = m->len;
	return m->fn(m->userdata, &p);
}

/* From the word "rule" at @i. *ret_end is behind its last token. */
static int take_rule(struct maker *m, size_t i, bool is_private, size_t *ret_end)
{
	size_t condition = 0, end = i + 1;

	while (end < m->lex.n && !lex_is(&m->lex, end, "}")) {
		if (lex_is(&m->lex, end, "condition") && lex_is(&m->lex, end + 1, ":"))
			condition = end + 2;
		end++;
	}
	*ret_end = end + 1;
	if (end >= m->lex.n || !condition || is_private)
		return 0; /* nobody hears of a match of a private one */
	return make_rule(m, i + 1, condition, end);
}

static int take_rules(struct maker *m)
{
	bool is_private = false;
	int r = 0;

	for (size_t i = 0; i < m->lex.n && r == 0;) {
		if (!lex_is(&m->lex, i, "rule")) {
			is_private = lex_is(&m->lex, i, "private");
			i++;
			continue;
		}
		r = take_rule(m, i, is_private, &i);
		is_private = false;
	}
	return r;
}

/* A global rule, here or in a file that is included, may say no to all others. */
static bool may_be_global(const struct lex *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (lex_is(l, i, "global") || lex_is(l, i, "include"))
			return true;
	return false;
}

int positives_make(const char *text, size_t len, positive_fn fn, void *userdata)
{
	struct maker *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->fn = fn;
	m->userdata = userdata;
	m->counted = text;
	m->line = 1;
	r = lex_text(&m->lex, text, len);
	if (r > 0)
		r = may_be_global(&m->lex) ? 0 : take_rules(m);
	lex_deinit(&m->lex);
	free(m);
	return r;
}

unsigned positive_line(const char *text, size_t len, const char *name)
{
	struct maker m = {.counted = text, .line = 1};
	unsigned line = 0;

	if (lex_text(&m.lex, text, len) > 0)
		for (size_t i = 0; i < m.lex.n && !line; i++)
			if (lex_is(&m.lex, i, "rule") && lex_is(&m.lex, i + 1, name))
				line = line_of(&m, m.lex.tokens[i + 1].s);
	lex_deinit(&m.lex);
	return line;
}
