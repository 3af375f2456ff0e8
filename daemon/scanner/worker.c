/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker: takes jobs from the lanes
 *
 * Owns: the order of lanes, and sleeping while they are empty. Must not own: judging.
 * Hands off to: worker_judge(), in this thread.
 */
#include "daemon/scanner/scanner.h"

/* Next job, or NULL. What is large or in no hurry never occupies every worker. */
static struct job *take_job(struct scanner *sc, bool *ret_large)
{
	struct cds_wfcq_node *node = lane_take(&sc->lanes[LANE_SMALL]);

	*ret_large = false;
	if (!node) {
		if (atomic_fetch_add(&sc->n_large, 1) < sc->n_large_max) {
			node = lane_take(&sc->lanes[LANE_LARGE]);
			if (!node)
				node = lane_take(&sc->lanes[LANE_BACKGROUND]);
		}
		*ret_large = node != NULL;
		if (!node)
			atomic_fetch_sub(&sc->n_large, 1);
	}
	return node ? caa_container_of(node, struct job, node) : NULL;
}

static struct job *await_job(struct scanner *sc, bool *ret_large)
{
	for (;;) {
		struct job *job = take_job(sc, ret_large);
		uint32_t key;

		if (job)
			return job;
		key = waitpoint_prepare(&sc->work);
		job = take_job(sc, ret_large);
		if (job) {
			waitpoint_cancel(&sc->work);
			return job;
		}
		(void)waitpoint_wait(&sc->work, key, 0);
	}
}

void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct scanner *sc = w->sc;
	bool large;

	scanner_await_start(sc);
	for (;;) {
		struct job *job = await_job(sc, &large);

		worker_judge(w, job);
		if (large) {
			atomic_fetch_sub(&sc->n_large, 1);
			waitpoint_wake(&sc->work, 1); /* somebody may have passed it over */
		}
	}
	return NULL;
}
