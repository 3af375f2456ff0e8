/* SPDX-License-Identifier: Apache-2.0 */
/* Bundle job: takes one bundle in, in a thread of its own, up to its place in the store
 */
#pragma once

#include "bundle-store.h"

struct bundle_job {
	/* in */
	const struct bundle_store *store; /* borrowed */
	const char *config_root;          /* borrowed */
	struct bundle_demand demand;
	int64_t clock_sec;
	int from; /* the source's folder, owned */
	/* out */
	const char *code; /* NULL: it is in its place; else what kind of refusal */
	struct diag diag; /* why */
	struct bundle bundle;
	bool unchanged;  /* it is the one in force already */
	bool state_lost; /* the ratchet had to be made anew */
};

/* Context: any thread; blocks on disk. Opens the source's files beneath its folder
 * only. */
void bundle_job_run(struct bundle_job *job);
void bundle_job_deinit(struct bundle_job *job);
