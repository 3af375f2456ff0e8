/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: which rules of a file refer to which; private to rules-split */
#pragma once

#include "rules-lex.h"

/* Tokens of one rule. */
struct refs_rule {
	size_t name, condition, end;
	size_t id; /* the user's */
};

/* A rule, by its id, in whose condition the name of another stands. */
struct ref {
	size_t from, to;
};

struct refs {
	struct ref *items;
	size_t n, n_alloc;
};

/**
 * refs_find() - all references between @rules
 * @rules: sorted by their names here
 *
 * Return: 1, 0: some are not told by their names ("any of (a*)"), or -ENOMEM.
 */
int refs_find(const struct lex *l, struct refs_rule *rules, size_t n, struct refs *ret);
void refs_deinit(struct refs *r);
