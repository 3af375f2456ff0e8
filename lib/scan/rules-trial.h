/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: the trial of all of them together; private to rules-compile */
#pragma once

#include "rules-yara.h"

#include "custos/rules-compile.h"

/* CPU time for the stock, and for the positives: loading has to stay quick. */
#define TRIAL_STOCK_NSEC     (2 * NSEC_PER_SEC)
#define TRIAL_POSITIVES_NSEC (2 * NSEC_PER_SEC)
/* So many rules are named at a time; where more are wrong, something else is. */
#define TRIAL_FAILURES_MAX 50

/* What the parts of a trial share. */
struct trial {
	struct rules_trial *ask;
	const struct rules *rules;
	const struct rules_source *sources;
	size_t n;
	bool *left_out; /* of the sources */
	struct diag *d;
	const YR_RULE *failed[TRIAL_FAILURES_MAX]; /* on the stock: told once */
	unsigned n_failed, n_failures;
	int error; /* -ENOMEM sticks */
	YR_SCANNER *yr[2]; /* of the stock: the rules, those for PE; NULL: not made */
};

/**
 * trial_run() - run compiled rules over the stock, and over files made of their strings
 * @t: rules, sources and so on; left_out is set for those whose rules fail
 *
 * Return: 0, -EINVAL when rules fail and are not to be left out (reported), or -ENOMEM.
 */
int trial_run(struct trial *t);

/* A rule of source @i fails, and @fmt says how. Context: the files of the trial. */
void trial_fail(struct trial *t, size_t i, const char *rule, unsigned line,
                const char *fmt, ...) _printf_(5, 6);
/* The source that a rule comes from: its namespace is the name of the file. */
size_t trial_source(const struct trial *t, const YR_RULE *rule);

/* So many fail that it ended early: there may be more. */
bool trial_is_full(const struct trial *t);

/* The positives alone. */
void trial_positives(struct trial *t);
