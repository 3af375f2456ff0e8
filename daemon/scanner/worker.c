/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Worker: takes jobs from the lanes
 *
 * Owns: the order of lanes, and sleeping while they are empty. Must not own: judging.
 * Hands off to: worker_judge(), in this thread.
 */
#include "daemon/scanner/scanner.h"

#define LARGE_EVERY 32

/* Next job, or NULL. What is large or in no hurry never occupies every worker. */
static struct cds_wfcq_node *take_patient(struct scanner *sc)
{
	struct cds_wfcq_node *node = NULL;

	if (atomic_fetch_add(&sc->n_large, 1) < sc->n_large_max) {
		node = lane_take(&sc->lanes[LANE_LARGE]);
		if (!node)
			node = lane_take(&sc->lanes[LANE_BACKGROUND]);
	}
	if (!node)
		atomic_fetch_sub(&sc->n_large, 1);
	return node;
}

/* Now and then a large file comes first, or a stream of small ones would starve it. */
static struct job *take_job(struct worker *w, bool *ret_large)
{
	struct scanner *sc = w->sc;
	struct cds_wfcq_node *node = NULL;

	*ret_large = false;
	if (++w->turn % LARGE_EVERY != 0)
		node = lane_take(&sc->lanes[LANE_SMALL]);
	if (!node) {
		node = take_patient(sc);
		*ret_large = node != NULL;
	}
	if (!node)
		node = lane_take(&sc->lanes[LANE_SMALL]);
	return node ? caa_container_of(node, struct job, node) : NULL;
}

static struct job *await_job(struct worker *w, bool *ret_large)
{
	struct scanner *sc = w->sc;

	for (;;) {
		struct job *job = take_job(w, ret_large);
		uint32_t key;

		if (job)
			return job;
		key = waitpoint_prepare(&sc->work);
		job = take_job(w, ret_large);
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
		struct job *job = await_job(w, &large);

		worker_judge(w, job, true);
		if (large) {
			atomic_fetch_sub(&sc->n_large, 1);
			waitpoint_wake(&sc->work, 1); /* somebody may have passed it over */
		}
	}
	return NULL;
}
