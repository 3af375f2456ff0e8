/* SPDX-License-Identifier: Apache-2.0 */
/* One main() for every unit test program */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* @before, @after: around each case, in the process that runs it; NULL: none. Return: exit code. */
static inline int unit_run(const char *name, SFun before, SFun after, const TTest *const *cases,
                           size_t n)
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *sr;
	int failed;

	if (before)
		tcase_add_checked_fixture(tc, before, after);
	tcase_set_timeout(tc, 60);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tc, cases[i]);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}

/* UNIT_MAIN("name", test_a, test_b, ...): run the cases, exit code 1 if one failed. */
#define UNIT_MAIN(suite_name, ...) UNIT_MAIN_IF(true, "", suite_name, __VA_ARGS__)

/* The same, with something made before each case and cleared away after it. */
#define UNIT_MAIN_WITH(setup, teardown, suite_name, ...)                                 \
	int main(void)                                                                   \
	{                                                                                \
		const TTest *const cases[] = {__VA_ARGS__};                              \
                                                                                         \
		return unit_run(suite_name, setup, teardown, cases,                      \
		                sizeof(cases) / sizeof(cases[0]));                       \
	}

/* The same, but skipped (exit code 77) with @why where @able is false. */
#define UNIT_MAIN_IF(able, why, suite_name, ...)                                         \
	int main(void)                                                                   \
	{                                                                                \
		const TTest *const cases[] = {__VA_ARGS__};                              \
                                                                                         \
		if (!(able)) {                                                           \
			(void)puts("skip: " why);                                        \
			return 77;                                                       \
		}                                                                        \
		return unit_run(suite_name, NULL, NULL, cases,                           \
		                sizeof(cases) / sizeof(cases[0]));                       \
	}
