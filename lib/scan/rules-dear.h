/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: the dearest ones, and a budget; private to rules-compile */
#pragma once

#include "rules-cost.h"
#include "rules-job.h"
#include "rules-split.h"

/**
 * dear_report() - look closely at the files that cost most, report them
 * @parts:    of the files, as they were divided
 * @left_out: set for those over the budget
 *
 * Rows of files come before those of their rules, the dearest file first. The screened
 * costs in @c are in another order afterwards.
 *
 * Return: 0 or -ENOMEM.
 */
int dear_report(struct costs *c, struct job *job, const struct rules_source *sources,
                const struct rules_parts *parts, bool *left_out);
