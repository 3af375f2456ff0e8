/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: is one file fit to be used? Private to rules-compile */
#pragma once

#include "rules-job.h"
#include "rules-split.h"

/**
 * rules_check() - compile one file alone, run its rules over stock data, divide it
 * @uses: what it looks at is added (enum ruleset_use)
 * @ret:  its parts, or nothing when it stays whole
 *
 * Return: 0, -EINVAL (reported), or -ENOMEM.
 */
int rules_check(struct job *job, const struct rules_source *s, unsigned *uses,
                struct rules_parts *ret);
