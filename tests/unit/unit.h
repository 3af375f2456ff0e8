/* SPDX-License-Identifier: Apache-2.0 */
/* One main() for every unit test program */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* UNIT_MAIN("name", test_a, test_b, ...): run the cases, exit code 1 if one failed. */
#define UNIT_MAIN(suite_name, ...) UNIT_MAIN_IF(true, "", suite_name, __VA_ARGS__)

/* The same, but skipped (exit code 77) with @why where @able is false. */
#define UNIT_MAIN_IF(able, why, suite_name, ...)                                         \
	int main(void)                                                                   \
	{                                                                                \
		if (!(able)) {                                                           \
			(void)puts("skip: " why);                                        \
			return 77;                                                       \
		}                                                                        \
		const TTest *const cases[] = {__VA_ARGS__};                              \
		Suite *s = suite_create(suite_name);                                     \
		TCase *tc = tcase_create(suite_name);                                    \
		SRunner *sr;                                                             \
		int failed;                                                              \
                                                                                         \
		tcase_set_timeout(tc, 60);                                               \
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)            \
			tcase_add_test(tc, cases[i]);                                    \
		suite_add_tcase(s, tc);                                                  \
		sr = srunner_create(s);                                                  \
		srunner_run_all(sr, CK_ENV);                                             \
		failed = srunner_ntests_failed(sr);                                      \
		srunner_free(sr);                                                        \
		return failed != 0;                                                      \
	}
