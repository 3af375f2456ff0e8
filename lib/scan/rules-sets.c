/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: the sets in force
 *
 * Owns: counts and identity of each set. Must not own: what belongs to which (the caller).
 */
#include "rules-sets.h"

#include <errno.h>
#include <string.h>

#include "custos/digest.h"
#include "rules-ns.h"

static int add(struct digests *d, const char *text, size_t len)
{
	const uint64_t n = len;
	int r = digests_update(d, &n, sizeof(n));

	return r == 0 ? digests_update(d, text, len) : r;
}

/* Of its policy, and the names and texts of its files: also of those that are left out. */
static int identify(const struct rules_source *sources, size_t n, struct rules_set_row *row)
{
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	char text[RULES_SET_TEXT_BYTES];
	struct digests d;
	int r = digests_init(&d, 1U << DIGEST_SHA256);

	rules_set_text(&row->set, text);
	if (r == 0)
		r = digests_begin(&d);
	if (r == 0)
		r = add(&d, text, strlen(text));
	for (size_t i = 0; i < n && r == 0; i++) {
		r = add(&d, sources[i].file, strlen(sources[i].file));
		if (r == 0)
			r = add(&d, sources[i].text, sources[i].len);
	}
	if (r == 0)
		r = digests_final(&d, out);
	digests_deinit(&d);
	if (r == 0)
		memcpy(row->id, out[DIGEST_SHA256], sizeof(row->id));
	return r < 0 ? -ENOMEM : 0;
}

static uint64_t count_rules(YR_RULES *part, unsigned order)
{
	uint64_t n = 0;
	const YR_RULE *rule;

	if (!part)
		return 0;
	yr_rules_foreach(part, rule)
	{
		n += rules_ns_order(rule->ns->name) == order;
	}
	return n;
}

int rules_sets_report(const struct rules_source *sources, size_t n, const struct rules_parts *parts,
                      const bool *left_out, const struct rules *rules, struct rules_report *ret)
{
	size_t end;
	int r = 0;

	ret->n_sets = 0;
	for (size_t i = 0; i < n && r == 0 && ret->n_sets < RULES_SETS_MAX; i = end) {
		struct rules_set_row *row = &ret->sets[ret->n_sets++];
		const unsigned order = sources[i].order;

		*row = (struct rules_set_row){0};
		if (sources[i].set)
			row->set = *sources[i].set;
		else
			rules_set_init(&row->set, "");
		row->n_rules = count_rules(rules->yr, order) + count_rules(rules->pe, order);
		for (end = i; end < n && sources[end].order == order; end++) {
			row->n_left_out += left_out[end];
			row->n_files += !left_out[end];
			row->n_rules -= left_out[end] ? 0 : parts[end].n_both; /* they are in both parts */
		}
		r = identify(sources + i, end - i, row);
	}
	return r;
}
