/* SPDX-License-Identifier: Apache-2.0 */
/* Lane: order, and every item exactly once whoever takes it */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "custos/lane.h"
#include "unit.h"

#define N_PUSHERS  3U
#define N_TAKERS   3U
#define PER_PUSHER 20000U
#define N_ITEMS    (N_PUSHERS * PER_PUSHER)

struct item {
	struct cds_wfcq_node node;
	_Atomic unsigned n_taken;
};

static struct lane lane;
static struct item items[N_ITEMS];
static _Atomic unsigned n_taken;

static struct item *take(void)
{
	struct cds_wfcq_node *node = lane_take(&lane);

	return node ? caa_container_of(node, struct item, node) : NULL;
}

START_TEST(lane_take_empty_null)
{
	lane_init(&lane);
	ck_assert(lane_empty(&lane));
	ck_assert_ptr_null(lane_take(&lane));
	lane_deinit(&lane);
}
END_TEST

START_TEST(lane_take_first_in_first_out)
{
	lane_init(&lane);
	for (unsigned i = 0; i < 3; i++)
		lane_push(&lane, &items[i].node);
	ck_assert(!lane_empty(&lane));
	for (unsigned i = 0; i < 3; i++)
		ck_assert_ptr_eq(take(), &items[i]);
	ck_assert(lane_empty(&lane));
	lane_deinit(&lane);
}
END_TEST

START_TEST(lane_push_node_again_after_taken)
{
	lane_init(&lane);
	for (unsigned i = 0; i < 100; i++) {
		lane_push(&lane, &items[0].node);
		ck_assert_ptr_eq(take(), &items[0]);
		ck_assert_ptr_null(take());
	}
	lane_deinit(&lane);
}
END_TEST

static void *pusher(void *arg)
{
	struct item *first = arg;

	for (unsigned i = 0; i < PER_PUSHER; i++)
		lane_push(&lane, &first[i].node);
	return NULL;
}

static void *taker(void *arg)
{
	while (atomic_load(&n_taken) < N_ITEMS) {
		struct item *item = take();

		if (!item) {
			(void)sched_yield();
			continue;
		}
		atomic_fetch_add(&item->n_taken, 1);
		atomic_fetch_add(&n_taken, 1);
	}
	(void)arg;
	return NULL;
}

START_TEST(lane_many_pushers_many_takers_every_item_once)
{
	pthread_t thread[N_PUSHERS + N_TAKERS];

	lane_init(&lane);
	for (unsigned i = 0; i < N_PUSHERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, pusher, &items[i * PER_PUSHER]), 0);
	for (unsigned i = 0; i < N_TAKERS; i++)
		ck_assert_int_eq(pthread_create(&thread[N_PUSHERS + i], NULL, taker, NULL), 0);
	for (unsigned i = 0; i < N_PUSHERS + N_TAKERS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	for (unsigned i = 0; i < N_ITEMS; i++)
		ck_assert_uint_eq(items[i].n_taken, 1);
	ck_assert(lane_empty(&lane));
	lane_deinit(&lane);
}
END_TEST

UNIT_MAIN("lane", lane_take_empty_null, lane_take_first_in_first_out,
          lane_push_node_again_after_taken, lane_many_pushers_many_takers_every_item_once)
