/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: what a condition needs
 *
 * Owns: which conditions are understood. Must not own: the strings (rules-positive.c).
 *
 * Wrong in one direction only: a rule that is left out is not tried; one that is taken
 * and need not match would refuse good rules. So only what grows true with what is in a
 * file is taken: then other strings in it do no harm.
 */
#include "rules-need.h"

#include <string.h>

#include "custos/types.h"
#include "rules-atom.h"

#define DEPTH_MAX 100

/* Two parts may ask for the same first bytes. */
static bool need_head(struct need *need, const uint8_t *bytes, size_t len)
{
	size_t same = MIN(len, need->head_len);

	if (len == 0 || len > NEED_HEAD_BYTES || memcmp(need->head, bytes, same) != 0)
		return false;
	if (len > need->head_len) {
		memcpy(need->head, bytes, len);
		need->head_len = len;
	}
	return true;
}

static bool need_below(struct need *need, uint64_t bytes)
{
	need->below_bytes = MIN(need->below_bytes, bytes);
	return true;
}

/* uint16(0) and its kin: bytes read, and in which order. */
static bool is_read(const struct lex *l, size_t i, size_t *ret_len, bool *ret_big)
{
	static const struct {
		const char *name;
		size_t len;
		bool big;
	} reads[] = {{"uint8", 1, false},   {"uint16", 2, false},  {"uint32", 4, false},
	             {"uint16be", 2, true}, {"uint32be", 4, true}};
	uint64_t at;

	for (size_t k = 0; k < ARRAY_SIZE(reads); k++) {
		if (!lex_is(l, i, reads[k].name) || !lex_is(l, i + 1, "(") ||
		    !literal_number(l, i + 2, &at) || at != 0 || !lex_is(l, i + 3, ")"))
			continue;
		*ret_len = reads[k].len;
		*ret_big = reads[k].big;
		return true;
	}
	return false;
}

/* What is read at @i is the number at @value. */
static bool take_read(const struct made *m, size_t i, size_t value, struct need *need)
{
	uint8_t bytes[4];
	uint64_t v;
	size_t len;
	bool big;

	if (!is_read(m->lex, i, &len, &big) || !literal_number(m->lex, value, &v) ||
	    v >> (8 * len) != 0)
		return false;
	for (size_t k = 0; k < len; k++)
		bytes[k] = (uint8_t)(v >> (8 * (big ? len - 1 - k : k)));
	return need_head(need, bytes, len);
}

static bool take_size(const struct made *m, size_t i, struct need *need)
{
	const struct lex *l = m->lex;
	uint64_t v;

	if (lex_is(l, i, "filesize") && literal_number(l, i + 2, &v)) {
		if (lex_is(l, i + 1, "<"))
			return need_below(need, v);
		return lex_is(l, i + 1, "<=") && v < UINT64_MAX && need_below(need, v + 1);
	}
	return literal_number(l, i, &v) && lex_is(l, i + 1, ">") &&
	       lex_is(l, i + 2, "filesize") && need_below(need, v);
}

static bool has_name(const struct made_string *s, const struct lex_token *id)
{
	return s->id->len == id->len && memcmp(s->id->s, id->s, id->len) == 0;
}

static const struct made_string *find_string(const struct made *m, const struct lex_token *id)
{
	for (size_t i = 0; i < m->n && id->kind == LEX_ID && id->s[0] == '$'; i++)
		if (has_name(&m->strings[i], id))
			return &m->strings[i];
	return NULL;
}

/* "$a at 0" */
static bool take_place(const struct made *m, size_t i, struct need *need)
{
	const struct made_string *s = find_string(m, &m->lex->tokens[i]);
	uint64_t at;

	return s && s->at && lex_is(m->lex, i + 1, "at") &&
	       literal_number(m->lex, i + 2, &at) && at == 0 &&
	       need_head(need, s->at, s->len);
}

/* How many strings are named by token @i, "$a" or "$a*" (then *ret_next is behind the
 * star)? And how many of them are in the file? */
static void count_named(const struct made *m, size_t i, size_t *ret_next, size_t *all,
                        size_t *made)
{
	const struct lex_token *id = &m->lex->tokens[i];
	bool star = lex_is(m->lex, i + 1, "*");

	*ret_next = i + 1 + star;
	for (size_t k = 0; k < m->n; k++) {
		const struct made_string *s = &m->strings[k];

		if (star ? s->id->len < id->len || memcmp(s->id->s, id->s, id->len) != 0 :
		           !has_name(s, id))
			continue;
		(*all)++;
		*made += s->at != NULL;
	}
}

/* "(" "$a" "," "$b*" ")" from @i up to @end. */
static bool count_list(const struct made *m, size_t i, size_t end, size_t *all,
                       size_t *made)
{
	if (!lex_is(m->lex, i, "("))
		return false;
	do {
		i++;
		if (i + 1 >= end || m->lex->tokens[i].kind != LEX_ID ||
		    m->lex->tokens[i].s[0] != '$')
			return false;
		count_named(m, i, &i, all, made);
	} while (lex_is(m->lex, i, ","));
	return lex_is(m->lex, i, ")") && i + 1 == end;
}

/* "2 of them", "any of ($a, $b*)" */
static bool take_of(const struct made *m, size_t i, size_t end)
{
	const struct lex *l = m->lex;
	size_t all = 0, made = 0;
	uint64_t n;

	if (!lex_is(l, i + 1, "of"))
		return false;
	if (lex_is(l, i + 2, "them") && i + 3 == end) {
		for (; all < m->n; all++)
			made += m->strings[all].at != NULL;
	} else if (!count_list(m, i + 2, end, &all, &made)) {
		return false;
	}
	if (lex_is(l, i, "all"))
		return made == all && all > 0;
	if (lex_is(l, i, "any"))
		return made > 0;
	return literal_number(l, i, &n) && n > 0 && n <= made;
}

/* A part of a condition: can the file make it true? */
static bool take_atom(const struct made *m, size_t i, size_t end, struct need *need)
{
	const struct made_string *s;

	if (end - i == 1) {
		s = find_string(m, &m->lex->tokens[i]);
		return (s && s->at) || lex_is(m->lex, i, "true");
	}
	if (end - i == 3 && (take_size(m, i, need) || take_place(m, i, need)))
		return true;
	if (end - i == 6 && lex_is(m->lex, i + 4, "=="))
		return take_read(m, i, i + 5, need);
	if (end - i == 6 && lex_is(m->lex, i + 1, "=="))
		return take_read(m, i + 2, i, need);
	return take_of(m, i, end);
}

static bool any_of(const struct made *m, size_t i, size_t end, unsigned depth,
                   struct need *need);

static bool all_of(const struct made *m, size_t begin, size_t end, unsigned depth,
                   struct need *need)
{
	for (size_t i = begin, next; i < end || i == begin; i = next + 1) {
		next = atom_find(&m->gate, i, end, "and");
		if (next == i)
			return false;
		if (lex_is(m->lex, i, "(") && atom_closes_at(&m->gate, i, next) ?
		            !any_of(m, i + 1, next - 1, depth + 1, need) :
		            !take_atom(m, i, next, need))
			return false;
	}
	return true;
}

/* The first alternative that can be had decides what is needed. */
static bool any_of(const struct made *m, size_t begin, size_t end, unsigned depth,
                   struct need *need)
{
	for (size_t i = begin, next; i < end && depth <= DEPTH_MAX; i = next + 1) {
		struct need one = *need;

		next = atom_find(&m->gate, i, end, "or");
		if (all_of(m, i, next, depth, &one)) {
			*need = one;
			return true;
		}
	}
	return false;
}

bool need_of(const struct made *m, size_t condition, size_t end, struct need *ret)
{
	*ret = (struct need){.below_bytes = UINT64_MAX};
	return any_of(m, condition, end, 0, ret);
}
