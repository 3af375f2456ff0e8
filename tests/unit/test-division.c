/* SPDX-License-Identifier: Apache-2.0 */
/* Division of the least number by -1: noticed where it is looked for, and the end of the process elsewhere */
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/division.h"
#include "custos/types.h"
#include "unit.h"

/* Numbers that no compiler, and no sanitizer, knows. */
static int64_t divide(int64_t a, int64_t b)
{
#ifdef __x86_64__
	int64_t quotient, rest;

	__asm__ volatile("cqto\n\tidivq %[b]" : "=a"(quotient), "=&d"(rest) : "a"(a), [b] "r"(b) : "cc");
	return quotient;
#else
	return b == -1 ? (int64_t)-(uint64_t)a : a / b;
#endif
}

START_TEST(division_of_the_least_number_is_noticed_and_survived)
{
	ck_assert_int_eq(division_init(), 0);
	for (unsigned i = 0; i < 3; i++) {
		division_begin();
		(void)divide(INT64_MIN, -1);
#ifdef __x86_64__
		ck_assert(division_end());
#else
		ck_assert(!division_end());
#endif
		division_begin();
		ck_assert_int_eq(divide(INT64_MIN + 1, -1), INT64_MAX);
		ck_assert_int_eq(divide(INT64_MIN, -2), INT64_MAX / 2 + 1);
		ck_assert(!division_end());
	}
}
END_TEST

static void outside(void)
{
	division_begin();
	(void)division_end();
	(void)divide(INT64_MIN, -1);
}

static void by_zero(void)
{
	division_begin();
	(void)divide(INT64_MIN, 0);
}

static void without_a_handler(void)
{
	(void)signal(SIGFPE, SIG_DFL);
	division_begin();
	(void)divide(INT64_MIN, -1);
}

START_TEST(division_elsewhere_ends_the_process)
{
	static void (*const ways[])(void) = {outside, by_zero, without_a_handler};

#ifndef __x86_64__
	return;
#endif
	ck_assert_int_eq(division_init(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		const pid_t pid = fork();
		int status;

		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			ways[i]();
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGFPE, "%zu: %x", i, status);
	}
}
END_TEST

UNIT_MAIN("division", division_of_the_least_number_is_noticed_and_survived, division_elsewhere_ends_the_process)
