/* SPDX-License-Identifier: Apache-2.0 */
/* Canary plan: where a bait is due, and where not, and why */
#pragma once

#include "daemon/supervisor/canary-probe.h"
#include "daemon/supervisor/manager.h"

#define CANARY_TEXT_BYTES 512

struct canary_target {
	struct canary_place place; /* owned */
	unsigned n_failed;         /* in a row */
	nsec_t timeout;            /* of an open */
	bool tried;
	char text[CANARY_TEXT_BYTES]; /* what came of it; "": nothing yet */
};

struct canary_plan {
	struct canary_target *targets; /* one for each watched file system */
	size_t n;
	struct canary_place *places; /* those that are tried; borrowed from targets */
	size_t *which;               /* their indices among targets */
	size_t n_places;
};

/* Make it anew; what was known of file systems that are still there stays. 0, -ENOMEM:
 * as it was. */
int canary_plan(const struct manager *m, struct canary_plan *p);
void canary_plan_deinit(struct canary_plan *p);
struct canary_target *canary_plan_find(const struct canary_plan *p, dev_t dev);
