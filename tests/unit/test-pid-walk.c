/* SPDX-License-Identifier: Apache-2.0 */
/* All processes, a few at a time: none is missed, and no turn takes longer than it may */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "custos/clock.h"
#include "daemon/supervisor/pid-walk.h"
#include "unit.h"

#define CHILDREN 40

static pid_t child[CHILDREN];
static unsigned seen[CHILDREN], n_calls;
static nsec_t cost; /* of each look */

static void look(void *userdata, pid_t pid)
{
	const struct timespec ts = {.tv_nsec = (long)cost};

	(void)userdata;
	n_calls++;
	for (unsigned i = 0; i < CHILDREN; i++)
		seen[i] += child[i] == pid;
	if (cost)
		(void)nanosleep(&ts, NULL);
}

static void start_children(void)
{
	memset(seen, 0, sizeof(seen));
	n_calls = 0;
	for (unsigned i = 0; i < CHILDREN; i++) {
		child[i] = fork();
		ck_assert_int_ge(child[i], 0);
		if (child[i] == 0) {
			(void)alarm(60);
			for (;;)
				(void)pause();
		}
	}
}

static void end_children(void)
{
	for (unsigned i = 0; i < CHILDREN; i++)
		(void)kill(child[i], SIGKILL);
}

START_TEST(pid_walk_turn_unhurried_sees_each_once)
{
	struct pid_walk w = {0};

	cost = 0;
	start_children();
	ck_assert(pid_walk_turn(&w, 60 * NSEC_PER_SEC, look, NULL));
	ck_assert_ptr_null(w.proc);
	for (unsigned i = 0; i < CHILDREN; i++)
		ck_assert_uint_eq(seen[i], 1);
	end_children();
}
END_TEST

/* A look takes 2 ms or more: five of them fill 10 ms, and the sixth is for the next turn. */
START_TEST(pid_walk_turn_past_its_time_goes_on_next_time)
{
	struct pid_walk w = {0};
	unsigned n_turns = 1;

	cost = 2 * NSEC_PER_MSEC;
	start_children();
	for (unsigned before = 0; !pid_walk_turn(&w, 10 * NSEC_PER_MSEC, look, NULL); n_turns++) {
		ck_assert_uint_ge(n_calls, before + 1); /* it comes to an end */
		ck_assert_uint_le(n_calls, before + 5);
		before = n_calls;
	}
	ck_assert_uint_ge(n_turns, CHILDREN / 5);
	for (unsigned i = 0; i < CHILDREN; i++)
		ck_assert_uint_eq(seen[i], 1);
	end_children();
}
END_TEST

START_TEST(pid_walk_turn_no_time_looks_at_one)
{
	struct pid_walk w = {0};

	cost = 0;
	start_children();
	ck_assert(!pid_walk_turn(&w, 0, look, NULL));
	ck_assert_uint_le(n_calls, 1);
	pid_walk_end(&w);
	pid_walk_end(&w); /* twice is fine */
	ck_assert_ptr_null(w.proc);
	end_children();
}
END_TEST

UNIT_MAIN("pid-walk", pid_walk_turn_unhurried_sees_each_once,
          pid_walk_turn_past_its_time_goes_on_next_time, pid_walk_turn_no_time_looks_at_one)
