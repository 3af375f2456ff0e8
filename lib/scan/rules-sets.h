/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: what came of each set; private to rules-compile */
#pragma once

#include "custos/rules-compile.h"
#include "rules-split.h"
#include "rules-yara.h"

/**
 * rules_sets_report() - fill in the sets of @ret
 * @sources:  in their order (rules-order.h), with what became of each in @parts and @left_out
 * @rules:    what was compiled of them
 *
 * Return: 0 or -ENOMEM.
 */
int rules_sets_report(const struct rules_source *sources, size_t n, const struct rules_parts *parts,
                      const bool *left_out, const struct rules *rules, struct rules_report *ret);
