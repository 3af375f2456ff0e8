/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: libyara's compiler, as the files need it that make rules; private to them */
#pragma once

#include <yara.h>

#include "custos/rules-compile.h"
#include "custos/rules.h"
#include "rules-include.h"

#define VARS_ALL ((1U << N_RULES_VARS) - 1)

/* What rules of this file may look at besides the bytes. */
static inline unsigned job_vars_allowed(const struct rules_source *s)
{
	return s->set ? s->set->vars & VARS_ALL : VARS_ALL;
}

struct costs;

/* While one file is compiled. */
struct job {
	const struct rules_source *source;
	struct rules_includes includes;
	struct diag *d;        /* NULL: errors are only counted */
	const struct diag *at; /* told which file is in work */
	struct costs *costs; /* NULL: nothing is measured */
	size_t index;        /* of the file, there */
};

/*
 * One file alone. @vars: mask of 1 << enum rules_var, those that the rules may use.
 * On success *ret holds its rules. Return: 0, -EINVAL (reported), or -ENOMEM.
 */
int job_compile(struct job *job, const struct rules_source *s, unsigned vars,
                YR_RULES **ret);
/* The same, and an error in it goes untold. */
int job_try(struct job *job, const struct rules_source *s, unsigned vars,
            YR_RULES **ret);

/* Return: 0 or -ENOMEM. */
int job_add_stats(YR_RULES *rules, YR_RULES_STATS *sum);
