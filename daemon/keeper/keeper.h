/* SPDX-License-Identifier: Apache-2.0 */
/* Keeper: holds the rules and the descriptor table; clones scanners; sorts out what a dead one left */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "custos/policy.h"
#include "custos/ruleset.h"

#include "daemon/shared.h"

/* What one generation works by. */
struct generation {
	uint32_t number;  /* 0: none */
	struct ruleset *rules;
	struct policy *policy;
	struct settings settings;
};

/* A scanner in one of the two places. */
struct child {
	pid_t pid;        /* 0: the place is free */
	uint32_t number;  /* owner of its slots */
	uint32_t generation;
	nsec_t started;
	bool draining;
	bool hung;        /* we killed it because it hung */
	nsec_t drain_by;  /* when to lose patience */
};

struct keeper {
	struct shared *shared;
	struct generation current;
	struct child child[N_PLACES];
	uint32_t last_number;      /* of instances */
	bool stopping;
	nsec_t hurry;              /* do not clone before this moment: crash loop */
	unsigned n_quick_deaths;   /* in a row, shortly after the start */
	struct generation pending; /* loaded, waits for a free place */
};

/* setup.c: descriptors at their fixed numbers, identity and rights given up. 0 or negative errno. */
int keeper_descriptors(struct keeper *k);
int keeper_seal(uid_t uid, gid_t gid);

/* generation.c */
int generation_load(struct generation *g, const struct message *msg, const int *fds, char *why,
                    size_t why_size);
void generation_unload(struct generation *g);

/* children.c */
int children_start(struct keeper *k);              /* clone a scanner of the current generation */
void children_drain_others(struct keeper *k, unsigned keep_place, uint32_t command);
void children_command(struct keeper *k, unsigned place, uint32_t command);
struct child *children_active(struct keeper *k);   /* the one that reads; NULL */
bool children_any(const struct keeper *k);
void children_reap(struct keeper *k);
void children_check(struct keeper *k, nsec_t now); /* kill what hangs */

/* keeper.c */
void keeper_tell(const struct message *msg);
_Noreturn void keeper_run(struct keeper *k);
