/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: the order of files
 *
 * Owns: which set comes before which. Must not own: what that means for a match
 * (rules-scan.c).
 */
#include "rules-order.h"

#include <stdlib.h>
#include <string.h>

#include "custos/types.h"

static unsigned priority_of(const struct rules_set *set)
{
	return set ? set->priority : RULES_PRIORITY_DEFAULT;
}

/* Distinct sets as they were given. Return: their number, at most @max. */
static unsigned list_sets(const struct rules_source *sources, size_t n,
                          const struct rules_set *sets[], unsigned max)
{
	unsigned n_sets = 0;

	for (size_t i = 0; i < n && n_sets < max; i++) {
		unsigned at = 0;

		while (at < n_sets && sets[at] != sources[i].set)
			at++;
		if (at == n_sets)
			sets[n_sets++] = sources[i].set;
	}
	return n_sets;
}

/* A few: each is moved to its place before those of lower priority. */
static void sort_sets(const struct rules_set *sets[], unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		const struct rules_set *set = sets[i];
		unsigned at = i;

		for (; at > 0 && priority_of(sets[at - 1]) < priority_of(set); at--)
			sets[at] = sets[at - 1];
		sets[at] = set;
	}
}

struct rules_source *rules_order(const struct rules_source *sources, size_t n)
{
	const struct rules_set *sets[RULES_SETS_MAX + 1]; /* and none */
	const unsigned n_sets = list_sets(sources, n, sets, ARRAY_SIZE(sets));
	struct rules_source *sorted = calloc(n + 1, sizeof(*sorted));
	size_t at = 0;

	if (!sorted)
		return NULL;
	sort_sets(sets, n_sets);
	for (unsigned order = 0; order < n_sets; order++)
		for (size_t i = 0; i < n; i++) {
			if (sources[i].set != sets[order])
				continue;
			sorted[at] = sources[i];
			sorted[at++].order = order;
		}
	if (at < n) { /* more sets than there may be: the caller has not counted them */
		free(sorted);
		return NULL;
	}
	return sorted;
}
