/* SPDX-License-Identifier: Apache-2.0 */
/* A child that waits is told from one that works, itself or by children of its own */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/clock.h"
#include "daemon/supervisor/stall.h"
#include "unit.h"

static void spin(void)
{
	(void)alarm(60);
	for (volatile unsigned i = 0;; i++)
		;
}

static void wait_for_ever(void)
{
	(void)alarm(60);
	for (;;)
		(void)pause();
}

static pid_t start(void (*fn)(void))
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		fn();
	return pid;
}

static void end(pid_t pid)
{
	ck_assert_int_gt(pid, 1);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void child_spins(void)
{
	if (fork() == 0)
		spin();
	wait_for_ever();
}

START_TEST(stall_look_waiting_counts_from_the_first_look)
{
	struct stall s = {0};
	pid_t pid = start(wait_for_ever);

	(void)usleep(300 * 1000); /* to its pause(2) */
	ck_assert_uint_eq(stall_look(&s, pid, 10 * NSEC_PER_SEC), 0);
	ck_assert_uint_eq(stall_look(&s, pid, 11 * NSEC_PER_SEC), NSEC_PER_SEC);
	ck_assert_uint_eq(stall_look(&s, pid, 25 * NSEC_PER_SEC), 15 * NSEC_PER_SEC);
	end(pid);
}
END_TEST

START_TEST(stall_look_working_is_none)
{
	struct stall s = {0};
	pid_t pid = start(spin);

	for (nsec_t now = 1; now < 20; now++)
		ck_assert_uint_eq(stall_look(&s, pid, now * NSEC_PER_SEC), 0);
	end(pid);
}
END_TEST

START_TEST(stall_look_child_of_its_own_works)
{
	struct stall s = {0};
	pid_t pid = start(child_spins);

	(void)usleep(300 * 1000);
	for (nsec_t now = 1; now < 20; now++)
		ck_assert_uint_eq(stall_look(&s, pid, now * NSEC_PER_SEC), 0);
	end(pid);
}
END_TEST

START_TEST(stall_look_gone_gets_on_no_more)
{
	struct stall s = {0};
	pid_t pid = start(wait_for_ever);

	end(pid);
	ck_assert_uint_eq(stall_look(&s, pid, 1 * NSEC_PER_SEC), 0);
	ck_assert_uint_eq(stall_look(&s, pid, 3 * NSEC_PER_SEC), 2 * NSEC_PER_SEC);
}
END_TEST

UNIT_MAIN("stall", stall_look_waiting_counts_from_the_first_look, stall_look_working_is_none,
          stall_look_child_of_its_own_works, stall_look_gone_gets_on_no_more)
