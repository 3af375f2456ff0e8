/* SPDX-License-Identifier: Apache-2.0 */
/* Lane: hands work from readers to workers
 *
 * liburcu's wait-free queue (wfcqueue): pushing never waits, never allocates (the node is the
 * caller's), never takes a lock. Taking is serialised among the takers by the queue's own lock: only
 * workers meet there, after the hand-over (I4; docs/adr/0006).
 *
 *       | push | take | wake
 * push  |  -   |  -   |  -
 * take  |  -   |  -   |  -
 */
#pragma once

#include <stdbool.h>
#include <urcu/wfcqueue.h>

#include "custos/types.h"

struct lane {
	_cacheline_ struct cds_wfcq_tail tail; /* pushers */
	_cacheline_ struct cds_wfcq_head head; /* takers */
};

void lane_init(struct lane *l);
void lane_deinit(struct lane *l);

/* Any thread. @node must stay valid until taken. */
static inline void lane_push(struct lane *l, struct cds_wfcq_node *node)
{
	cds_wfcq_node_init(node);
	cds_wfcq_enqueue(&l->head, &l->tail, node);
}

/* Any thread. NULL when empty. */
static inline struct cds_wfcq_node *lane_take(struct lane *l)
{
	if (cds_wfcq_empty(&l->head, &l->tail))
		return NULL;
	return cds_wfcq_dequeue_blocking(&l->head, &l->tail);
}

static inline bool lane_empty(struct lane *l)
{
	return cds_wfcq_empty(&l->head, &l->tail);
}
