/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a condition that only a file can meet that begins with MZ; private to rules-gate */
#pragma once

#include "rules-gate.h"

struct gate {
	const struct lex *l;
	size_t rule, condition; /* strings are between them */
	const struct gate_names *pe_rules;
};

/* The modules "pe" and "dotnet", followed by a dot, at @i: neither has anything to say of files without MZ. */
bool atom_is_module(const struct lex *l, size_t i);

/* All below: a part of a condition, tokens from @begin up to @end, without "and" and "or" outside of parentheses. */

/* A test for MZ, a question to such a module, or a rule that is for PE: false for every other file. */
bool atom_is_pe_test(const struct gate *g, size_t begin, size_t end);
/* A question to such a module: false for files without MZ, or undefined. */
bool atom_asks_module(const struct gate *g, size_t begin, size_t end);
/* Of those, a string at a place of the module, five tokens: false. */
bool atom_looks_at_place(const struct gate *g, size_t begin, size_t end);
/* A rule that is for PE: false, and never undefined. */
bool atom_is_pe_rule(const struct gate *g, size_t begin, size_t end);
/* A loop "for any" over what the module has: false. */
bool atom_loops_over_module(const struct gate *g, size_t begin, size_t end);

/* The parenthesis at @i ends at @end - 1. */
bool atom_closes_at(const struct gate *g, size_t i, size_t end);
/* Of parentheses and brackets, behind token @i. */
size_t atom_depth(const struct gate *g, size_t i, size_t depth);
/* Next @word at depth 0 from @i on, or @end. */
size_t atom_find(const struct gate *g, size_t i, size_t end, const char *word);
