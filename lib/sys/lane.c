/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lane
 *
 * Owns: the queue. Must not own: what is queued, or who sleeps for it (waitpoint).
 */
#include "custos/lane.h"

void lane_init(struct lane *l)
{
	cds_wfcq_init(&l->head, &l->tail);
}

void lane_deinit(struct lane *l)
{
	cds_wfcq_destroy(&l->head, &l->tail);
}
