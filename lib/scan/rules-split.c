/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: dividing a file
 *
 * Owns: where rules begin and end in a text, and which go to which part.
 * Must not own: what a condition means (rules-gate.c), or libyara.
 */
#include "rules-split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/text.h"

#include "rules-gate.h"
#include "rules-lex.h"
#include "rules-refs.h"

/* What a file is made of, in order. */
struct piece {
	size_t first, end; /* tokens; of an import the word and the name */
	size_t name, condition; /* of a rule */
	bool is_import;
	bool in_pe, in_other;
	bool differs; /* in the part of the others: not to be asked about PE */
	/* In the part of the others these are what they are for other files, and the rule whole in that for PE. */
	struct gate_range asks[GATE_RANGES_MAX];
	size_t n_asks;
};

struct split {
	const char *text;
	size_t len;
	struct lex lex;
	struct piece *pieces;
	size_t n, n_alloc;
	struct gate_names pe_rules; /* a reference to one of them is a test for PE */
};

static int add_piece(struct split *s, const struct piece *p)
{
	struct piece *grown;

	if (s->n == s->n_alloc) {
		s->n_alloc = s->n_alloc ? 2 * s->n_alloc : 16;
		grown = realloc(s->pieces, s->n_alloc * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->pieces = grown;
	}
	s->pieces[s->n++] = *p;
	return 1;
}

/* Where does the rule belong whose condition ends before @end? */
static int judge(struct split *s, struct piece *p, size_t end)
{
	p->in_pe = gate_is_pe(&s->lex, p->first, p->condition, end, &s->pe_rules);
	p->in_other = !p->in_pe;
	if (p->in_pe)
		return gate_names_add(&s->pe_rules, &s->lex.tokens[p->name]);
	p->n_asks = gate_find_module(&s->lex, p->condition, end, &s->pe_rules, p->asks);
	p->in_pe = p->differs = p->n_asks > 0;
	return 0;
}

/* From @i, which is "rule" or a word before it. Return: 1, 0: not understood, or -ENOMEM. */
static int take_rule(struct split *s, size_t i, size_t *ret_end)
{
	struct piece p = {.first = i};

	while (lex_is(&s->lex, i, "private"))
		i++;
	if (!lex_is(&s->lex, i, "rule"))
		return 0; /* a global one, or something newer than we */
	p.name = i + 1;
	while (i < s->lex.n && !lex_is(&s->lex, i, "}")) {
		if (lex_is(&s->lex, i, "condition") && lex_is(&s->lex, i + 1, ":"))
			p.condition = i + 2;
		i++;
	}
	if (i >= s->lex.n || !p.condition)
		return 0;
	p.end = *ret_end = i + 1;
	return judge(s, &p, i) < 0 ? -ENOMEM : add_piece(s, &p);
}

static int take_import(struct split *s, size_t i, size_t *ret_end)
{
	const struct piece p = {.first = i, .end = i + 2, .is_import = true};

	if (i + 1 >= s->lex.n || s->lex.tokens[i + 1].kind != LEX_STRING)
		return 0;
	*ret_end = p.end;
	return add_piece(s, &p);
}

static bool is_word(const struct split *s, size_t i, const char *word, size_t len)
{
	const struct lex_token *t = &s->lex.tokens[i];

	return t->kind == LEX_WORD && t->len == len && memcmp(t->s, word, len) == 0;
}

/* Return: 1, 0: there is something that is not understood, or -ENOMEM. */
static int take_pieces(struct split *s)
{
	int r = 1;

	for (size_t i = 0; i < s->lex.n && r > 0;)
		r = lex_is(&s->lex, i, "import") ? take_import(s, i, &i) : take_rule(s, i, &i);
	return r;
}

static int find_refs(const struct split *s, struct refs *ret)
{
	_cleanup_(freep) struct refs_rule *rules = calloc(s->n + 1, sizeof(*rules));
	size_t n = 0;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		const struct piece *p = &s->pieces[i];

		if (!p->is_import)
			rules[n++] = (struct refs_rule){p->name, p->condition, p->end, i};
	}
	return refs_find(&s->lex, rules, n, ret);
}

/* @from refers to @to. Return: that has changed where it is. */
static bool follow(struct piece *from, struct piece *to)
{
	bool changed = false;

	/* it would meet, in the part of the others, the one that is cut */
	if (to->differs && !from->differs)
		changed = from->differs = from->in_pe = true;
	/* and there it must find all that it asks */
	if (from->in_pe && !to->in_pe)
		changed = to->in_pe = true;
	return changed;
}

/* Rules that refer to each other: each part is to be complete. */
static int complete(struct split *s)
{
	struct refs refs = {0};
	int r = find_refs(s, &refs);
	bool changed = r > 0;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < refs.n; i++)
			changed |= follow(&s->pieces[refs.items[i].from], &s->pieces[refs.items[i].to]);
	}
	refs_deinit(&refs);
	return r;
}

/* Does a token that is kept use what @import brings? */
static bool is_used(const struct split *s, const struct piece *import, const bool *keep)
{
	const struct lex_token *name = &s->lex.tokens[import->first + 1];

	for (size_t i = 0; i < s->lex.n; i++)
		if (keep[i] && is_word(s, i, name->s + 1, name->len - 2))
			return true;
	return false;
}

/* Tokens of one part: rules, and the imports they use. */
static void choose(const struct split *s, bool pe, bool *keep)
{
	for (size_t n = 0; n < s->n; n++) {
		const struct piece *p = &s->pieces[n];

		for (size_t i = p->first; i < p->end; i++)
			keep[i] = !p->is_import && (pe ? p->in_pe : p->in_other);
		for (size_t a = 0; a < p->n_asks && !pe; a++)
			memset(&keep[p->asks[a].first], 0, p->asks[a].end - p->asks[a].first);
	}
	for (size_t n = 0; n < s->n; n++)
		if (s->pieces[n].is_import && is_used(s, &s->pieces[n], keep))
			keep[s->pieces[n].first] = keep[s->pieces[n].first + 1] = true;
}

static void put(const struct split *s, char *text, size_t token, const char *bytes, size_t len)
{
	memcpy(text + (s->lex.tokens[token].s - s->text), bytes, len);
}

static char *part(const struct split *s, bool pe)
{
	_cleanup_(freep) bool *keep = calloc(s->lex.n + 1, sizeof(*keep));
	char *text = text_copy(s->text, s->len);

	if (!keep || !text) {
		free(text);
		return NULL;
	}
	choose(s, pe, keep);
	for (size_t i = 0; i < s->len; i++)
		if (text[i] != '\n')
			text[i] = ' ';
	for (size_t i = 0; i < s->lex.n; i++)
		if (keep[i])
			put(s, text, i, s->lex.tokens[i].s, s->lex.tokens[i].len);
	for (size_t n = 0; n < s->n && !pe; n++)
		for (size_t a = 0; a < s->pieces[n].n_asks; a++)
			put(s, text, s->pieces[n].asks[a].first, s->pieces[n].asks[a].instead,
			    strlen(s->pieces[n].asks[a].instead));
	return text;
}

static bool has_same_words(const struct split *s, const char *other)
{
	for (size_t i = 0; i < s->lex.n; i++)
		if (memcmp(other + (s->lex.tokens[i].s - s->text), s->lex.tokens[i].s, s->lex.tokens[i].len) != 0)
			return false;
	return true;
}

static void count(const struct split *s, struct rules_parts *ret)
{
	for (size_t i = 0; i < s->n; i++) {
		ret->n_pe += s->pieces[i].in_pe;
		ret->n_other += s->pieces[i].in_other;
		ret->n_both += s->pieces[i].in_pe && s->pieces[i].in_other;
	}
}

static int divide(struct split *s, struct rules_parts *ret)
{
	int r = lex_text(&s->lex, s->text, s->len);

	if (r > 0)
		r = take_pieces(s);
	if (r > 0)
		r = complete(s);
	if (r <= 0)
		return r;
	count(s, ret);
	ret->other = part(s, false);
	if (ret->n_pe > 0)
		ret->pe = part(s, true);
	if (!ret->other || (ret->n_pe > 0 && !ret->pe))
		return -ENOMEM;
	/* or nothing but an import that nobody uses, whose module costs all the same */
	return ret->n_pe > 0 || !has_same_words(s, ret->other);
}

int rules_split(const char *text, size_t len, struct rules_parts *ret)
{
	struct split s = {.text = text, .len = len};
	int r;

	*ret = (struct rules_parts)RULES_PARTS_NULL;
	r = divide(&s, ret);
	if (r <= 0)
		rules_parts_deinit(ret);
	lex_deinit(&s.lex);
	gate_names_deinit(&s.pe_rules);
	free(s.pieces);
	return r;
}

void rules_parts_deinit(struct rules_parts *p)
{
	free(p->other);
	free(p->pe);
	*p = (struct rules_parts)RULES_PARTS_NULL;
}
