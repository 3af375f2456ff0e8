/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: what the files that know libyara share */
#pragma once

#include <stdbool.h>
#include <string.h>
#include <yara.h>

#include "custos/rules.h"

/* In front of compiled rules, in host order. */
struct rules_head {
	uint64_t n_rules;
	uint64_t first_bytes; /* of libyara's form of the first part; the second goes to the end, or is missing */
};

struct rules {
	YR_RULES *yr;
	YR_RULES *pe; /* those that match nothing but PE (rules-split.h); NULL: none */
	uint64_t n_rules;
	unsigned pe_order; /* of the set of the highest priority that has rules in pe */
};

/* Is @rule, of the other part, in that for PE as well? Context: slow; for a rule that has matched. */
bool rules_pe_has(const struct rules *rules, const YR_RULE *rule);

/* Of a rule: what libyara 4.2.3 does not look out for. */
#define RULES_DIVIDES "would end the scanner (it divides the least number by -1)"

/* Both parts. */
void rules_destroy_parts(struct rules *r);

/*
 * Modules no rule may use: magic opens its database at the first scan, cuckoo answers
 * "undefined" without a report, which makes its rules silently never match.
 */
static inline bool rules_module_is_refused(const char *name)
{
	return strcmp(name, "magic") == 0 || strcmp(name, "cuckoo") == 0;
}
