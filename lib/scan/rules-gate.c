/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: conditions that are for PE alone
 *
 * Owns: "and", "or" and parentheses. Must not own: what stands between them (rules-atom.c), or what is done with
 * the answer.
 */
#include "rules-gate.h"

#include <errno.h>
#include <stdlib.h>

#include "custos/types.h"

#include "rules-atom.h"

#define DEPTH_MAX 100 /* of parentheses; libyara's own limit is lower */

int gate_names_add(struct gate_names *names, const struct lex_token *name)
{
	const struct lex_token **grown;

	if (names->n == names->n_alloc) {
		names->n_alloc = names->n_alloc ? 2 * names->n_alloc : 16;
		grown = realloc(names->names, names->n_alloc * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		names->names = grown;
	}
	names->names[names->n++] = name;
	return 0;
}

void gate_names_deinit(struct gate_names *names)
{
	free(names->names);
	*names = (struct gate_names){0};
}

static bool any_of(const struct gate *g, size_t begin, size_t end, unsigned depth);

/* One part of a conjunction suffices. */
static bool all_of(const struct gate *g, size_t begin, size_t end, unsigned depth)
{
	for (size_t i = begin, next; i < end; i = next + 1) {
		next = atom_find(g, i, end, "and");
		if (next == i)
			return false;
		if (lex_is(g->l, i, "(") && atom_closes_at(g, i, next) ?
		            any_of(g, i + 1, next - 1, depth + 1) :
		            atom_is_pe_test(g, i, next))
			return true;
	}
	return false;
}

/* Every part of a disjunction must be one. */
static bool any_of(const struct gate *g, size_t begin, size_t end, unsigned depth)
{
	if (begin >= end || depth > DEPTH_MAX)
		return false;
	for (size_t i = begin, next; i < end; i = next + 1) {
		next = atom_find(g, i, end, "or");
		if (!all_of(g, i, next, depth))
			return false;
	}
	return true;
}

struct findings {
	struct gate_range *ranges;
	size_t n, n_tokens;
	bool too_many;
};

static void find_module(const struct gate *g, size_t begin, size_t end, unsigned depth, struct findings *f);

static void add_range(struct findings *f, size_t begin, size_t end, const char *instead)
{
	f->too_many |= f->n == GATE_RANGES_MAX;
	if (!f->too_many)
		f->ranges[f->n++] = (struct gate_range){begin, end, instead};
}

static void find_in_part(const struct gate *g, size_t begin, size_t end, unsigned depth, struct findings *f)
{
	if (begin >= end)
		return;
	if (lex_is(g->l, begin, "(") && atom_closes_at(g, begin, end)) {
		find_module(g, begin + 1, end - 1, depth + 1, f);
		return;
	}
	if (atom_looks_at_place(g, begin, end))
		add_range(f, begin + 2, end, "-1"); /* the string must be asked for somewhere */
	else if (atom_asks_module(g, begin, end) || atom_is_pe_rule(g, begin, end))
		add_range(f, begin, end, "0");
	else if (lex_is(g->l, begin, "not") &&
	         (atom_loops_over_module(g, begin + 1, end) || atom_is_pe_rule(g, begin + 1, end)))
		add_range(f, begin, end, "1");
}

/* Between "and" and "or", whichever. */
static void find_module(const struct gate *g, size_t begin, size_t end, unsigned depth, struct findings *f)
{
	if (depth > DEPTH_MAX)
		f->too_many = true;
	for (size_t i = begin, next; i < end && !f->too_many; i = next + 1) {
		next = MIN(atom_find(g, i, end, "or"), atom_find(g, i, end, "and"));
		find_in_part(g, i, next, depth, f);
	}
}

/* How often is the module named from @begin on? */
static size_t count_module(const struct lex *l, size_t begin, size_t end)
{
	size_t n = 0;

	for (size_t i = begin; i < end; i++)
		n += atom_is_module(l, i);
	return n;
}

size_t gate_find_module(const struct lex *l, size_t condition, size_t end, const struct gate_names *pe_rules,
                        struct gate_range ret[GATE_RANGES_MAX])
{
	const struct gate g = {l, condition, condition, pe_rules};
	struct findings f = {.ranges = ret};
	size_t n = 0;

	find_module(&g, condition, end, 0, &f);
	for (size_t i = 0; i < f.n; i++)
		n += count_module(l, ret[i].first, ret[i].end);
	return f.too_many || n != count_module(l, condition, end) ? 0 : f.n;
}

bool gate_is_pe(const struct lex *l, size_t rule, size_t condition, size_t end,
                const struct gate_names *pe_rules)
{
	const struct gate g = {l, rule, condition, pe_rules};

	return any_of(&g, condition, end, 0);
}
