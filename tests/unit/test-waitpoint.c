/* SPDX-License-Identifier: Apache-2.0 */
/* Wait point: time-outs, keys, and no wake-up lost */
#include <errno.h>
#include <pthread.h>

#include "custos/clock.h"
#include "custos/waitpoint.h"
#include "unit.h"

#define ROUNDS       20000U
#define GIVE_UP_NSEC (10 * NSEC_PER_SEC) /* a wait this long means that a wake-up was lost */

static struct waitpoint w;

START_TEST(waitpoint_wait_nobody_wakes_times_out)
{
	const nsec_t due = clock_now() + 20 * NSEC_PER_MSEC;
	int r;

	do
		r = waitpoint_wait(&w, waitpoint_prepare(&w), due);
	while (r == 0); /* spurious */
	ck_assert_int_eq(r, -ETIMEDOUT);
	ck_assert_uint_ge(clock_now(), due);
	ck_assert_uint_eq(w.n_waiters, 0);
}
END_TEST

START_TEST(waitpoint_wait_deadline_past_returns_at_once)
{
	ck_assert_int_eq(waitpoint_wait(&w, waitpoint_prepare(&w), 1), -ETIMEDOUT);
}
END_TEST

START_TEST(waitpoint_wait_woken_since_prepare_does_not_sleep)
{
	uint32_t key = waitpoint_prepare(&w);

	waitpoint_wake(&w, 1);
	ck_assert_int_eq(waitpoint_wait(&w, key, 0), 0);
	ck_assert_uint_eq(w.n_waiters, 0);
}
END_TEST

START_TEST(waitpoint_wake_nobody_prepared_costs_nothing)
{
	uint32_t epoch = w.epoch;

	waitpoint_wake(&w, 1);
	ck_assert_uint_eq(w.epoch, epoch);
	(void)waitpoint_prepare(&w);
	waitpoint_cancel(&w);
	waitpoint_wake(&w, 1);
	ck_assert_uint_eq(w.epoch, epoch);
}
END_TEST

START_TEST(waitpoint_reset_forgets_the_dead)
{
	uint32_t epoch = w.epoch;

	(void)waitpoint_prepare(&w); /* and is killed */
	waitpoint_reset(&w);
	waitpoint_wake(&w, 1);
	ck_assert_uint_eq(w.epoch, epoch);
}
END_TEST

/* --- two threads hand a turn to and fro; a lost wake-up would end the game --------------- */

static _Atomic unsigned turn;

static bool await_turn(unsigned mine)
{
	const nsec_t give_up = clock_now() + GIVE_UP_NSEC;

	while (atomic_load_explicit(&turn, memory_order_relaxed) != mine) {
		uint32_t key = waitpoint_prepare(&w);

		if (atomic_load_explicit(&turn, memory_order_relaxed) == mine)
			waitpoint_cancel(&w);
		else if (waitpoint_wait(&w, key, give_up) == -ETIMEDOUT)
			return false;
	}
	return true;
}

static void *play(void *arg)
{
	const unsigned me = (unsigned)(uintptr_t)arg;

	for (unsigned i = me; i < ROUNDS; i += 2) {
		if (!await_turn(i))
			return arg ? arg : &w;
		atomic_store_explicit(&turn, i + 1, memory_order_relaxed);
		waitpoint_wake(&w, 1);
	}
	return NULL;
}

START_TEST(waitpoint_wake_to_and_fro_none_is_lost)
{
	pthread_t other;
	void *lost;

	ck_assert_int_eq(pthread_create(&other, NULL, play, (void *)1), 0);
	ck_assert_ptr_null(play((void *)0));
	ck_assert_int_eq(pthread_join(other, &lost), 0);
	ck_assert_ptr_null(lost);
	ck_assert_uint_eq(w.n_waiters, 0);
}
END_TEST

#define N_TAKERS 3U
static _Atomic unsigned tokens, n_taken;

static bool take_token(void)
{
	unsigned n = atomic_load(&tokens);

	while (n > 0)
		if (atomic_compare_exchange_weak(&tokens, &n, n - 1))
			return true;
	return false;
}

static void *taker(void *arg)
{
	const nsec_t give_up = clock_now() + GIVE_UP_NSEC;

	while (atomic_load(&n_taken) < ROUNDS) {
		uint32_t key;

		if (take_token()) {
			/* The last one lets the others go home. */
			if (atomic_fetch_add(&n_taken, 1) + 1 == ROUNDS)
				waitpoint_wake(&w, INT32_MAX);
			continue;
		}
		key = waitpoint_prepare(&w);
		if (atomic_load(&tokens) || atomic_load(&n_taken) >= ROUNDS)
			waitpoint_cancel(&w);
		else if (waitpoint_wait(&w, key, give_up) == -ETIMEDOUT)
			return &w;
	}
	(void)arg;
	return NULL;
}

START_TEST(waitpoint_wake_one_each_every_token_finds_a_taker)
{
	pthread_t thread[N_TAKERS];
	void *lost;

	for (unsigned i = 0; i < N_TAKERS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, taker, NULL), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		atomic_fetch_add(&tokens, 1);
		waitpoint_wake(&w, 1);
	}
	for (unsigned i = 0; i < N_TAKERS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &lost), 0);
		ck_assert_ptr_null(lost);
	}
	ck_assert_uint_eq(n_taken, ROUNDS);
	ck_assert_uint_eq(w.n_waiters, 0);
}
END_TEST

UNIT_MAIN("waitpoint", waitpoint_wait_nobody_wakes_times_out,
          waitpoint_wait_deadline_past_returns_at_once,
          waitpoint_wait_woken_since_prepare_does_not_sleep,
          waitpoint_wake_nobody_prepared_costs_nothing, waitpoint_reset_forgets_the_dead,
          waitpoint_wake_to_and_fro_none_is_lost,
          waitpoint_wake_one_each_every_token_finds_a_taker)
