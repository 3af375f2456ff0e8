/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: what the files that know libyara share */
#pragma once

#include <stdbool.h>
#include <string.h>
#include <yara.h>

#include "custos/rules.h"

struct rules {
	YR_RULES *yr;
	uint64_t n_rules;
};

/*
 * Modules no rule may use: magic opens its database at the first scan, cuckoo answers
 * "undefined" without a report, which makes its rules silently never match.
 */
static inline bool rules_module_is_refused(const char *name)
{
	return strcmp(name, "magic") == 0 || strcmp(name, "cuckoo") == 0;
}
