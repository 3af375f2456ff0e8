/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/diag.h"
#include "unit.h"

START_TEST(diag_add_with_file_and_line_prints_them)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL;

	ck_assert_int_eq(diag_add(&d, "a.conf", 3, "unknown key '%s'", "X"), -EINVAL);
	ck_assert_int_eq(diag_add(&d, "b.conf", 0, "not readable"), -EINVAL);
	ck_assert_int_eq(diag_add(&d, NULL, 0, "no file"), -EINVAL);
	text = diag_text(&d);
	ck_assert_str_eq(text, "a.conf:3: unknown key 'X'\nb.conf: not readable\nno file");
}
END_TEST

START_TEST(diag_add_at_limit_keeps_all)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	for (unsigned i = 0; i < DIAG_KEPT_MAX; i++)
		diag_add(&d, "f", i + 1, "e");
	ck_assert_uint_eq(d.n_items, DIAG_KEPT_MAX);
	ck_assert_uint_eq(d.n_total, DIAG_KEPT_MAX);
}
END_TEST

START_TEST(diag_add_past_limit_counts_and_says_so)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL;

	for (unsigned i = 0; i < DIAG_KEPT_MAX + 1; i++)
		diag_add(&d, "f", i + 1, "e");
	ck_assert_uint_eq(d.n_items, DIAG_KEPT_MAX);
	ck_assert_uint_eq(d.n_total, DIAG_KEPT_MAX + 1);
	text = diag_text(&d);
	ck_assert_ptr_nonnull(strstr(text, "... and 1 more"));
}
END_TEST

START_TEST(diag_move_empties_source)
{
	_cleanup_(diag_deinit) struct diag a = DIAG_NULL, b = DIAG_NULL;

	diag_add(&a, "a", 1, "x");
	diag_add(&b, "b", 2, "y");
	diag_move(&a, &b);
	ck_assert_uint_eq(a.n_total, 2);
	ck_assert_uint_eq(b.n_total, 0);
	ck_assert_str_eq(a.items[1].file, "b");
}
END_TEST

/* What is wrong is quoted, and may be anything; a terminal and a JSON reader get the same text. */
START_TEST(diag_add_hostile_bytes_are_escaped)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	(void)diag_add(&d, "f", 1, "only \\\" and %s", "\xc3\xa9");
	ck_assert_str_eq(d.items[0].reason, "only \\\" and \xc3\xa9");

	(void)diag_add(&d, "f", 1, "'%s' is no action", "\xff\xc2\x9b" "31m\\x\xc3\xa9");
	ck_assert_str_eq(d.items[1].reason, "'\\xff\\xc2\\x9b31m\\\\x\xc3\xa9' is no action");
}
END_TEST

UNIT_MAIN("diag", diag_add_with_file_and_line_prints_them, diag_add_at_limit_keeps_all,
          diag_add_past_limit_counts_and_says_so, diag_move_empties_source,
          diag_add_hostile_bytes_are_escaped)
