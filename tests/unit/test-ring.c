/* SPDX-License-Identifier: Apache-2.0 */
/* Ring: order, limits, holes, and producers that lie */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "custos/ring.h"
#include "unit.h"

#define CELLS       8U
#define BYTES       16U
#define N_PRODUCERS 4U
#define PER_THREAD  20000U

struct item {
	uint64_t producer, number;
};
_Static_assert(sizeof(struct item) == BYTES, "an item fills a cell");

static struct ring *ring;
static struct ring_consumer consumer;

static void setup_ring(uint32_t n_cells)
{
	ring = aligned_alloc(CACHELINE_BYTES, ring_bytes(n_cells, BYTES) + CACHELINE_BYTES -
	                     ring_bytes(n_cells, BYTES) % CACHELINE_BYTES);
	ck_assert_ptr_nonnull(ring);
	memset(ring, 0, ring_bytes(n_cells, BYTES));
	ring_init(ring, n_cells, BYTES);
	ring_consumer_init(&consumer, ring, n_cells, BYTES);
}

static bool put(uint64_t producer, uint64_t number)
{
	uint64_t ticket;
	struct item *item = ring_claim(ring, &ticket);

	if (!item)
		return false;
	*item = (struct item){producer, number};
	ck_assert(ring_publish(ring, ticket));
	return true;
}

static void expect(uint64_t number, nsec_t now)
{
	const struct item *item = ring_peek(&consumer, now);

	ck_assert_ptr_nonnull(item);
	ck_assert_uint_eq(item->number, number);
	ring_pop(&consumer);
}

START_TEST(ring_peek_empty_null)
{
	setup_ring(CELLS);
	ck_assert_ptr_null(ring_peek(&consumer, 1));
	ck_assert_uint_eq(ring_used(ring), 0);
}
END_TEST

START_TEST(ring_claim_at_limit_works_past_it_is_dropped)
{
	setup_ring(CELLS);
	for (unsigned i = 0; i < CELLS; i++)
		ck_assert(put(0, i));
	ck_assert_uint_eq(ring_used(ring), CELLS);
	ck_assert_uint_eq(ring->n_dropped, 0);
	ck_assert(!put(0, CELLS));
	ck_assert_uint_eq(ring->n_dropped, 1);
	expect(0, 1);
	ck_assert(put(0, CELLS)); /* room for one again */
	ck_assert(!put(0, CELLS + 1));
	for (unsigned i = 1; i <= CELLS; i++)
		expect(i, 1);
	ck_assert_ptr_null(ring_peek(&consumer, 1));
	ck_assert_uint_eq(ring_used(ring), 0);
}
END_TEST

START_TEST(ring_two_cells_are_enough)
{
	setup_ring(2);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert(put(0, 2 * i) && put(0, 2 * i + 1));
		ck_assert(!put(0, 99));
		expect(2 * i, 1);
		expect(2 * i + 1, 1);
	}
}
END_TEST

START_TEST(ring_many_laps_order_is_kept)
{
	setup_ring(CELLS);
	for (unsigned i = 0; i < 100 * CELLS; i++) {
		ck_assert(put(0, 2 * i) && put(0, 2 * i + 1));
		expect(2 * i, 1);
		expect(2 * i + 1, 1);
	}
	ck_assert_uint_eq(ring->n_dropped + consumer.n_lost, 0);
}
END_TEST

START_TEST(ring_peek_twice_same_payload)
{
	setup_ring(CELLS);
	ck_assert(put(0, 1) && put(0, 2));
	ck_assert_ptr_eq(ring_peek(&consumer, 1), ring_peek(&consumer, 1));
	expect(1, 1);
	expect(2, 1);
}
END_TEST

START_TEST(ring_peek_hole_is_skipped_at_its_age_not_before)
{
	const nsec_t t = 5;
	uint64_t ticket;

	setup_ring(CELLS);
	ck_assert_ptr_nonnull(ring_claim(ring, &ticket));
	ck_assert(put(0, 7));
	ck_assert_ptr_null(ring_peek(&consumer, t));
	ck_assert_ptr_null(ring_peek(&consumer, t + RING_HOLE_NSEC - 1));
	ck_assert_uint_eq(consumer.n_lost, 0);
	expect(7, t + RING_HOLE_NSEC);
	ck_assert_uint_eq(consumer.n_lost, 1);
	ck_assert(!ring_publish(ring, ticket)); /* too late */
	ck_assert_ptr_null(ring_peek(&consumer, t + RING_HOLE_NSEC));
}
END_TEST

START_TEST(ring_publish_slow_but_in_time_is_not_lost)
{
	struct item *item;
	uint64_t ticket;

	setup_ring(CELLS);
	item = ring_claim(ring, &ticket);
	ck_assert_ptr_null(ring_peek(&consumer, 5));
	*item = (struct item){0, 3};
	ck_assert(ring_publish(ring, ticket));
	expect(3, 5 + 10 * RING_HOLE_NSEC);
	ck_assert_uint_eq(consumer.n_lost, 0);
}
END_TEST

/* Each hole has its own clock: one that was waited out does not shorten the next. */
START_TEST(ring_peek_second_hole_waits_as_long)
{
	uint64_t a, b;

	setup_ring(CELLS);
	ck_assert_ptr_nonnull(ring_claim(ring, &a));
	ck_assert_ptr_nonnull(ring_claim(ring, &b));
	ck_assert_ptr_null(ring_peek(&consumer, 5));
	ck_assert_ptr_null(ring_peek(&consumer, 5 + RING_HOLE_NSEC));
	ck_assert_uint_eq(consumer.n_lost, 1);
	ck_assert_ptr_null(ring_peek(&consumer, 5 + 2 * RING_HOLE_NSEC - 1));
	ck_assert_uint_eq(consumer.n_lost, 1);
	ck_assert_ptr_null(ring_peek(&consumer, 5 + 2 * RING_HOLE_NSEC));
	ck_assert_uint_eq(consumer.n_lost, 2);
	ck_assert(put(0, 1));
	expect(1, 5 + 2 * RING_HOLE_NSEC);
}
END_TEST

START_TEST(ring_publish_after_cell_was_reused_leaves_the_new_one_alone)
{
	uint64_t ticket;

	setup_ring(2);
	ck_assert_ptr_nonnull(ring_claim(ring, &ticket));
	ck_assert_ptr_null(ring_peek(&consumer, 5));
	ck_assert_ptr_null(ring_peek(&consumer, 5 + RING_HOLE_NSEC));
	ck_assert(put(0, 10) && put(0, 11));
	ck_assert(!ring_publish(ring, ticket));
	expect(10, 6 + RING_HOLE_NSEC);
	expect(11, 6 + RING_HOLE_NSEC);
}
END_TEST

/* A producer may write all of the ring: the consumer neither leaves its cells nor spins. */
START_TEST(ring_peek_hostile_header_changes_nothing)
{
	setup_ring(CELLS);
	ck_assert(put(0, 1) && put(0, 2));
	ring->n_cells = 1U << 31;
	ring->cell_bytes = UINT32_MAX - 7;
	atomic_store(&ring->head, UINT64_MAX / 2);
	atomic_store(&ring->tail, UINT64_MAX);
	expect(1, 1);
	expect(2, 1);
	ck_assert_ptr_null(ring_peek(&consumer, 2));
	ck_assert_ptr_null(ring_peek(&consumer, 3));
}
END_TEST

static void *produce(void *arg)
{
	const uint64_t me = (uintptr_t)arg;

	for (uint64_t i = 0; i < PER_THREAD; i++)
		while (!put(me, i))
			(void)sched_yield();
	return NULL;
}

START_TEST(ring_many_producers_every_item_once_each_in_order)
{
	pthread_t thread[N_PRODUCERS];
	uint64_t next[N_PRODUCERS] = {0};
	unsigned n = 0;

	setup_ring(64);
	for (uintptr_t i = 0; i < N_PRODUCERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, produce, (void *)i), 0);
	while (n < N_PRODUCERS * PER_THREAD) {
		const struct item *item = ring_peek(&consumer, 1);

		if (!item) {
			(void)sched_yield();
			continue;
		}
		ck_assert_uint_lt(item->producer, N_PRODUCERS);
		ck_assert_uint_eq(item->number, next[item->producer]);
		next[item->producer]++;
		ring_pop(&consumer);
		n++;
	}
	for (unsigned i = 0; i < N_PRODUCERS; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_ptr_null(ring_peek(&consumer, 1));
	ck_assert_uint_eq(consumer.n_lost, 0);
}
END_TEST

UNIT_MAIN("ring", ring_peek_empty_null, ring_claim_at_limit_works_past_it_is_dropped,
          ring_two_cells_are_enough, ring_many_laps_order_is_kept, ring_peek_twice_same_payload,
          ring_peek_hole_is_skipped_at_its_age_not_before,
          ring_publish_slow_but_in_time_is_not_lost, ring_peek_second_hole_waits_as_long,
          ring_publish_after_cell_was_reused_leaves_the_new_one_alone,
          ring_peek_hostile_header_changes_nothing,
          ring_many_producers_every_item_once_each_in_order)
