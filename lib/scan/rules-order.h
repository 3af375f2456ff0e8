/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: files in the order of the priorities of their sets; private to rules-compile */
#pragma once

#include "custos/rules-compile.h"

/*
 * A copy of @sources in which files of a set of a higher priority come first, with the place
 * of its set in each. Sets of the same priority, and files of a set, come as they were given:
 * libyara tells matches in the order in which rules were compiled, and the first one counts.
 *
 * Return: owned by the caller, or NULL without memory, or with more than RULES_SETS_MAX sets. Texts and sets stay borrowed.
 */
struct rules_source *rules_order(const struct rules_source *sources, size_t n);
