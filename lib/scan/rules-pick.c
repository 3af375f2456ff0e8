/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: some of a file
 *
 * Owns: where the rules of a text begin and end. Must not own: what is done with a text
 * that has only some of them.
 */
#include "rules-pick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/text.h"
#include "custos/types.h"

static int add(struct pick *p, const struct picked *rule)
{
	if (p->n == p->n_alloc) {
		size_t n = p->n_alloc ? 2 * p->n_alloc : 16;
		struct picked *grown = reallocarray(p->rules, n, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->rules = grown;
		p->n_alloc = n;
	}
	p->rules[p->n++] = *rule;
	return 0;
}

static size_t count_lines(const char *text, size_t from, size_t to)
{
	size_t n = 0;

	for (; from < to; from++)
		n += text[from] == '\n';
	return n;
}

/* The rule at token @i, which is the word "rule". *ret_end is its last token. */
static int take_rule(struct pick *p, const struct lex *l, size_t i, size_t *ret_end)
{
	const struct picked *last = p->n ? &p->rules[p->n - 1] : NULL;
	struct picked rule = {.begin = (size_t)(l->tokens[i].s - p->text)};
	size_t end = i;

	while (end < l->n && !lex_is(l, end, "}"))
		end++;
	*ret_end = end;
	if (end >= l->n || i + 1 >= end)
		return -EINVAL;
	rule.name = l->tokens[i + 1].s;
	rule.name_len = l->tokens[i + 1].len;
	rule.end = (size_t)(l->tokens[end].s - p->text) + 1;
	rule.line = (last ? last->line : 1) +
	            (unsigned)count_lines(p->text, last ? last->begin : 0, rule.begin);
	return add(p, &rule);
}

static int take_rules(struct pick *p, const struct lex *l)
{
	bool kept = false;
	size_t end;
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++) {
		if (lex_is(l, i, "private") || lex_is(l, i, "global")) {
			kept = true;
		} else if (lex_is(l, i, "rule")) {
			r = take_rule(p, l, i, &end);
			i = end;
			if (r == 0 && kept)
				p->n--;
			kept = false;
		}
	}
	return r;
}

int pick_init(struct pick *p, const char *text, size_t len)
{
	struct lex l = {0};
	int r;

	*p = (struct pick){.text = text, .len = len};
	r = lex_text(&l, text, len);
	r = r > 0 ? take_rules(p, &l) : r < 0 ? r : -EINVAL;
	lex_deinit(&l);
	if (r < 0)
		pick_deinit(p);
	return r;
}

void pick_deinit(struct pick *p)
{
	free(p->rules);
	p->rules = NULL;
	p->n = p->n_alloc = 0;
}

char *pick_text(const struct pick *p, size_t first, size_t end)
{
	char *text = text_copy(p->text, p->len);

	for (size_t i = 0; text && i < p->n; i++)
		for (size_t at = p->rules[i].begin; (i < first || i >= end) && at < p->rules[i].end; at++)
			if (text[at] != '\n')
				text[at] = ' ';
	return text;
}
