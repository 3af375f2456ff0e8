/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: what they cost; private to rules-compile */
#pragma once

#include <stdbool.h>
#include <yara.h>

#include "custos/rules-compile.h"

/*
 * Debian's libyara does not count what a rule costs, so each file of rules is run alone
 * over a blend of pieces of the stock and a run of one letter, and what a rule that asks nothing takes for it, with
 * the same modules, is taken off. That is done for all files, briefly; again, at length,
 * for the dearest, and then for halves of their rules, and so on down to single ones. These
 * are compiled anew: a disabled rule costs nearly as much as one that is not, because its
 * strings are still looked for.
 */
#define COST_PIECE_BYTES  ((size_t)4 << 10)
#define COST_RUN_BYTES    ((size_t)1 << 10) /* it takes some rules 40 ms */
#define COST_BLEND_BYTES  ((size_t)256 << 10)
#define COST_SCREEN_BYTES ((size_t)64 << 10) /* of it, for all files */

#define COST_PROBE_BYTES  ((size_t)8 << 10) /* of it at least, for the rules of a dear file */

/* CPU time for all files, when there is no budget to keep, and for the rules of the dearest:
 * of what is left of that, a quarter for one file. */
#define COST_SCREEN_NSEC (2 * NSEC_PER_SEC)
#define COST_DETAIL_NSEC (1 * NSEC_PER_SEC)

#define COST_DEAREST_MAX 32 /* files that are looked at closely */
#define COST_RULES_MAX   12 /* rules told of each */

/* One kind of rules for which nothing is asked but its modules. */
struct cost_base {
	unsigned modules;
	size_t len;
	nsec_t nsec;
};

struct costs {
	struct rules_trial *ask;
	uint8_t *blend; /* owned */
	size_t len;
	nsec_t spent; /* on screening */
	struct cost_base bases[32];
	size_t n_bases;
	struct cost {
		size_t file;
		nsec_t nsec; /* for a MiB */
		bool measured, pe; /* pe: the part for PE is the dearer one */
	} *files; /* owned */
	size_t n;
};

#define COSTS_NULL                                                                     \
	{                                                                              \
		NULL                                                                   \
	}

/* @n: files of rules. Return: 0 or -ENOMEM. */
int costs_init(struct costs *c, struct rules_trial *ask, size_t n);
void costs_deinit(struct costs *c);

/* What the rules of file @i cost, or those of its part for PE, which is measured behind the
 * other one; the dearer counts. */
void costs_screen(struct costs *c, size_t i, YR_RULES *rules, bool pe);

/* What @rules cost for a MiB of the blend, measured at length. */
nsec_t costs_measure(struct costs *c, YR_RULES *rules);

/* How much of the blend to try rules on of which all @per_mib together cost so much: less of
 * it the dearer they are, so that halving them comes to its end in the time there is. */
size_t costs_probe_len(const struct costs *c, nsec_t per_mib);

/* What @rules cost for a MiB, by the first @len bytes of the blend. */
nsec_t costs_probe(struct costs *c, YR_RULES *rules, size_t len);
