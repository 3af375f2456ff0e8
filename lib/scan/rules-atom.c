/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: what a part of a condition asks
 *
 * Owns: the few forms that are understood. Must not own: "and", "or" (rules-gate.c).
 *
 * Wrong in one direction only: "not for PE" costs time, "for PE" would lose a match. So whatever is not one of the
 * forms below is "not".
 */
#include "rules-atom.h"

#include <stdlib.h>
#include <string.h>

#include "custos/types.h"

static bool same(const struct lex_token *a, const struct lex_token *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

bool atom_is_pe_rule(const struct gate *g, size_t begin, size_t end)
{
	if (end - begin != 1 || g->l->tokens[begin].kind != LEX_WORD)
		return false;
	for (size_t n = 0; n < g->pe_rules->n; n++)
		if (same(g->pe_rules->names[n], &g->l->tokens[begin]))
			return true;
	return false;
}

/* A number without KB or MB behind it. */
static bool number(const struct gate *g, size_t i, uint64_t *ret)
{
	char text[24], *end;
	const struct lex_token *t = &g->l->tokens[i];

	if (t->kind != LEX_WORD || t->len >= sizeof(text) || t->s[0] < '0' || t->s[0] > '9')
		return false;
	memcpy(text, t->s, t->len);
	text[t->len] = '\0';
	/* a leading zero is not octal in YARA */
	*ret = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	return *end == '\0';
}

static bool is_zero(const struct gate *g, size_t i)
{
	uint64_t v;

	return number(g, i, &v) && v == 0;
}

/* uint16(0) and the like at @i, compared with what stands at @value: does that begin with MZ? */
static bool reads_mz(const struct gate *g, size_t i, size_t value)
{
	const struct lex *l = g->l;
	uint64_t v;

	if (!lex_is(l, i + 1, "(") || !is_zero(g, i + 2) || !lex_is(l, i + 3, ")") || !number(g, value, &v))
		return false;
	if (lex_is(l, i, "uint16"))
		return v == 0x5a4d;
	if (lex_is(l, i, "uint16be"))
		return v == 0x4d5a;
	if (lex_is(l, i, "uint32"))
		return v <= UINT32_MAX && (v & 0xffff) == 0x5a4d;
	return lex_is(l, i, "uint32be") && v <= UINT32_MAX && v >> 16 == 0x4d5a;
}

static bool hex_begins_with_mz(const struct lex_token *t)
{
	static const char wanted[] = "4D5A";
	size_t n = 0;

	for (size_t i = 1; i < t->len && n < 4; i++) {
		if (t->s[i] == ' ' || t->s[i] == '\t' || t->s[i] == '\n' || t->s[i] == '\r')
			continue;
		if ((t->s[i] & ~0x20) != wanted[n] && t->s[i] != wanted[n])
			return false;
		n++;
	}
	return n == 4;
}

/* Words behind a string that let it match other bytes than its own. */
static bool is_altered(const struct gate *g, size_t i)
{
	static const char *const words[] = {"nocase", "wide", "xor", "base64", "base64wide"};

	for (; i < g->condition && g->l->tokens[i].kind != LEX_ID; i++)
		for (size_t w = 0; w < ARRAY_SIZE(words); w++)
			if (lex_is(g->l, i, words[w]))
				return true;
	return false;
}

/* Is the string @id, wherever it is found, a place that begins with MZ? */
static bool string_is_mz(const struct gate *g, const struct lex_token *id)
{
	const struct lex_token *t = g->l->tokens;

	for (size_t i = g->rule; i + 2 < g->condition; i++) {
		if (t[i].kind != LEX_ID || !same(&t[i], id) || !lex_is(g->l, i + 1, "="))
			continue;
		if (is_altered(g, i + 3))
			return false;
		if (t[i + 2].kind == LEX_STRING)
			return t[i + 2].len >= 4 && memcmp(t[i + 2].s + 1, "MZ", 2) == 0;
		return t[i + 2].kind == LEX_HEX && hex_begins_with_mz(&t[i + 2]);
	}
	return false;
}

static bool is_comparison(const struct gate *g, size_t i)
{
	static const char *const words[] = {
		"==", ">", "<", ">=", "<=", "contains", "icontains", "startswith", "istartswith",
		"endswith", "iendswith", "iequals", "matches",
	};

	for (size_t w = 0; w < ARRAY_SIZE(words); w++)
		if (lex_is(g->l, i, words[w]))
			return true;
	return false;
}

size_t atom_depth(const struct gate *g, size_t i, size_t depth)
{
	if (lex_is(g->l, i, "(") || lex_is(g->l, i, "["))
		return depth + 1;
	return depth && (lex_is(g->l, i, ")") || lex_is(g->l, i, "]")) ? depth - 1 : depth;
}

size_t atom_find(const struct gate *g, size_t i, size_t end, const char *word)
{
	for (size_t depth = 0; i < end; i++) {
		depth = atom_depth(g, i, depth);
		if (depth == 0 && lex_is(g->l, i, word))
			return i;
	}
	return end;
}

/* The only place at depth 0 where two values are compared; SIZE_MAX: none, or more than one. */
static size_t find_comparison(const struct gate *g, size_t begin, size_t end)
{
	size_t found = SIZE_MAX;

	for (size_t i = begin, depth = 0; i < end; i++) {
		depth = atom_depth(g, i, depth);
		if (lex_is(g->l, i, "not") || lex_is(g->l, i, "defined") || lex_is(g->l, i, "!="))
			return SIZE_MAX;
		if (depth > 0 || !is_comparison(g, i))
			continue;
		if (found != SIZE_MAX)
			return SIZE_MAX;
		found = i;
	}
	return found;
}

/* The parenthesis at @i ends at @end - 1. */
bool atom_closes_at(const struct gate *g, size_t i, size_t end)
{
	size_t depth = 0;

	for (; i < end; i++) {
		depth = atom_depth(g, i, depth);
		if (depth == 0)
			return i == end - 1;
	}
	return false;
}

bool atom_is_module(const struct lex *l, size_t i)
{
	return (lex_is(l, i, "pe") || lex_is(l, i, "dotnet")) && lex_is(l, i + 1, ".");
}

/* "pe.is_pe" */
static bool is_flag(const struct gate *g, size_t i)
{
	return atom_is_module(g->l, i) && (lex_is(g->l, i + 2, "is_pe") || lex_is(g->l, i + 2, "is_dotnet"));
}

/* "pe" "." a name in small letters, at @i. Names in capitals are constants, and is_pe is 0 for other files. */
static bool is_value(const struct gate *g, size_t i)
{
	return atom_is_module(g->l, i) && i + 2 < g->l->n && g->l->tokens[i + 2].s[0] >= 'a' &&
	       g->l->tokens[i + 2].s[0] <= 'z' && !is_flag(g, i);
}

/* "for any i in (0..pe.number_of_sections - 1) : (...)": without an upper end it is about nothing. Or the same about
 * the sections themselves. */
bool atom_loops_over_module(const struct gate *g, size_t begin, size_t end)
{
	const struct lex *l = g->l;
	size_t i = begin + 4;
	uint64_t v;

	if (!lex_is(l, begin, "for") || !lex_is(l, begin + 1, "any") || !lex_is(l, begin + 3, "in"))
		return false;
	if (lex_is(l, i, "(") && i + 1 < end && number(g, i + 1, &v) && lex_is(l, i + 2, "..")) {
		if (!is_value(g, i + 3))
			return false;
		i += 6;
		if (lex_is(l, i, "-") && i + 1 < end && number(g, i + 1, &v))
			i += 2;
		if (!lex_is(l, i, ")"))
			return false;
		i++;
	} else if (is_value(g, i)) {
		i += 3;
	}
	return lex_is(l, i, ":") && lex_is(l, i + 1, "(") && atom_closes_at(g, i + 1, end);
}

/* A function that is undefined for other files, without a comparison. */
static bool calls_module(const struct gate *g, size_t begin, size_t end)
{
	static const char *const words[] = {"imports", "exports", "is_dll", "is_32bit", "is_64bit"};

	if (!is_value(g, begin) || !lex_is(g->l, begin + 3, "(") || !atom_closes_at(g, begin + 3, end))
		return false;
	for (size_t w = 0; w < ARRAY_SIZE(words); w++)
		if (lex_is(g->l, begin + 2, words[w]))
			return true;
	return false;
}

static bool is_read(const struct gate *g, size_t i)
{
	static const char *const words[] = {"uint8", "uint16", "uint32", "uint8be", "uint16be", "uint32be",
	                                    "int8", "int16", "int32", "int8be", "int16be", "int32be"};

	for (size_t w = 0; w < ARRAY_SIZE(words); w++)
		if (lex_is(g->l, i, words[w]))
			return true;
	return false;
}

/* "$a at pe.entry_point" */
bool atom_looks_at_place(const struct gate *g, size_t begin, size_t end)
{
	return end - begin == 5 && g->l->tokens[begin].kind == LEX_ID && lex_is(g->l, begin + 1, "at") &&
	       is_value(g, begin + 2);
}

/* A value of the module, its left side, that is undefined for other files, compared with whatever. */
bool atom_asks_module(const struct gate *g, size_t begin, size_t end)
{
	const struct lex *l = g->l;

	if (end - begin == 3 && is_flag(g, begin))
		return true;
	if (atom_loops_over_module(g, begin, end) || calls_module(g, begin, end))
		return true;
	/* "not" of what is undefined is undefined */
	if (lex_is(l, begin, "not") && is_value(g, begin + 1))
		begin++;
	if (atom_looks_at_place(g, begin, end))
		return true;
	/* "pe.characteristics & pe.DLL" */
	if (end - begin == 7 && is_value(g, begin) && lex_is(l, begin + 3, "&"))
		return lex_is(l, begin + 4, "pe") && lex_is(l, begin + 5, ".");
	/* so is what stands at a place that is */
	return (is_value(g, begin) || (lex_is(l, begin + 1, "(") && is_read(g, begin) && is_value(g, begin + 2))) &&
	       find_comparison(g, begin, end) != SIZE_MAX;
}

bool atom_is_pe_test(const struct gate *g, size_t begin, size_t end)
{
	const struct lex *l = g->l;
	const size_t n = end - begin;

	if (atom_is_pe_rule(g, begin, end))
		return true;
	if (n == 3 && l->tokens[begin].kind == LEX_ID)
		return lex_is(l, begin + 1, "at") && is_zero(g, begin + 2) &&
		       string_is_mz(g, &l->tokens[begin]);
	if (n == 6 && lex_is(l, begin + 4, "==") && reads_mz(g, begin, begin + 5))
		return true;
	if (n == 6 && lex_is(l, begin + 1, "==") && reads_mz(g, begin + 2, begin))
		return true;
	return atom_asks_module(g, begin, end);
}
