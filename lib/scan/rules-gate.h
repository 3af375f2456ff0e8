/* SPDX-License-Identifier: Apache-2.0 */
/* Which conditions only a file can meet that begins with MZ; private to rules-split */
#pragma once

#include "rules-lex.h"

/* Rules of the file so far that are such. */
struct gate_names {
	const struct lex_token **names; /* of the words in their lex */
	size_t n, n_alloc;
};

int gate_names_add(struct gate_names *names, const struct lex_token *name);
void gate_names_deinit(struct gate_names *names);

/**
 * gate_is_pe() - can the rule match nothing but files that begin with MZ?
 * @rule:      its first token; strings are looked for between it and @condition
 * @condition: first token of its condition
 * @end:       token behind it
 *
 * True only for what is understood: a conjunction one part of which is a test for MZ, a comparison with a value of the
 * module pe (undefined for other files, hence false), or another such rule; a disjunction of nothing but such.
 */
bool gate_is_pe(const struct lex *l, size_t rule, size_t condition, size_t end,
                const struct gate_names *pe_rules);

/* Tokens from @first up to @end, without @end. */
struct gate_range {
	size_t first, end;
	const char *instead; /* "0" or "1", what they are for other files, or "-1", a place that no file has */
};

/* Enough for any rule that is worth it. */
#define GATE_RANGES_MAX 16

/**
 * gate_find_module() - where a condition asks the module pe, or a rule that is for PE
 * @ret: set to what is known for other files, as part of conjunctions and disjunctions alone
 *
 * Return: their number; 0 when there is none, or the module is asked elsewhere as well. A rule that is asked
 * elsewhere is not seen: then the part of the others does not compile.
 */
size_t gate_find_module(const struct lex *l, size_t condition, size_t end, const struct gate_names *pe_rules,
                        struct gate_range ret[GATE_RANGES_MAX]);
