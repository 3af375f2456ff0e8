/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: references
 *
 * Owns: finding the names of rules in conditions. Must not own: what follows from that (rules-split.c).
 *
 * A word that only looks like a reference is taken for one: a name of a loop's variable, for instance.
 */
#include "rules-refs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/types.h"

static int compare(const struct lex_token *a, const struct lex_token *b)
{
	const int r = memcmp(a->s, b->s, MIN(a->len, b->len));

	return r ? r : (a->len > b->len) - (a->len < b->len);
}

static int by_name(const void *a, const void *b, void *userdata)
{
	const struct refs_rule *x = a, *y = b;
	const struct lex *l = userdata;

	return compare(&l->tokens[x->name], &l->tokens[y->name]);
}

static const struct refs_rule *find(const struct lex *l, const struct refs_rule *rules, size_t n,
                                    const struct lex_token *name)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int r = compare(&l->tokens[rules[mid].name], name);

		if (r == 0)
			return &rules[mid];
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int add(struct refs *refs, size_t from, size_t to)
{
	struct ref *grown;

	if (refs->n == refs->n_alloc) {
		refs->n_alloc = refs->n_alloc ? 2 * refs->n_alloc : 16;
		grown = realloc(refs->items, refs->n_alloc * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		refs->items = grown;
	}
	refs->items[refs->n++] = (struct ref){from, to};
	return 1;
}

/* "a*" at @i, as in "any of (a*)": rules by the beginning of their names. No product ends there. */
static bool is_set(const struct lex *l, size_t i)
{
	return lex_is(l, i + 1, "*") && (lex_is(l, i + 2, ")") || lex_is(l, i + 2, ","));
}

static int find_in_rule(const struct lex *l, const struct refs_rule *rules, size_t n,
                        const struct refs_rule *from, struct refs *ret)
{
	int r = 1;

	for (size_t i = from->condition; i < from->end && r > 0; i++) {
		const struct refs_rule *to;

		if (l->tokens[i].kind != LEX_WORD)
			continue;
		if (is_set(l, i))
			return 0;
		to = find(l, rules, n, &l->tokens[i]);
		if (to)
			r = add(ret, from->id, to->id);
	}
	return r;
}

int refs_find(const struct lex *l, struct refs_rule *rules, size_t n, struct refs *ret)
{
	int r = 1;

	if (n > 0)
		qsort_r(rules, n, sizeof(*rules), by_name, (void *)l);
	for (size_t i = 0; i < n && r > 0; i++)
		r = find_in_rule(l, rules, n, &rules[i], ret);
	return r;
}

void refs_deinit(struct refs *r)
{
	free(r->items);
	*r = (struct refs){0};
}
