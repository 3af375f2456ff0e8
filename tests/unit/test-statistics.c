/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "custos/cleanup.h"
#include "statistics.h"
#include "unit.h"

static void add(struct statistics *s, const char *path, const char *unit, usec_t usec)
{
	struct record r = {.spent_nsec = usec * NSEC_PER_USEC};

	snprintf(r.path, sizeof(r.path), "%s", path);
	snprintf(r.unit, sizeof(r.unit), "%s", unit);
	statistics_add(s, &r);
}

START_TEST(statistics_top_sorts_by_total_time)
{
	_cleanup_(statistics_freep) struct statistics *s = NULL;
	struct statistics_row rows[STATISTICS_KEYS_MAX];

	ck_assert_int_eq(statistics_new(&s), 0);
	add(s, "/a", "x.service", 10);
	add(s, "/b", "x.service", 30);
	add(s, "/a", "", 25);
	ck_assert_uint_eq(statistics_top(s, STATISTICS_PATH, rows, ARRAY_SIZE(rows)),
	                  2);
	ck_assert_str_eq(rows[0].key, "/a");
	ck_assert_uint_eq(rows[0].total_usec, 35);
	ck_assert_uint_eq(rows[0].max_usec, 25);
	ck_assert_uint_eq(rows[0].n_events, 2);
	ck_assert_uint_eq(statistics_top(s, STATISTICS_UNIT, rows, ARRAY_SIZE(rows)),
	                  1);
	ck_assert_uint_eq(rows[0].total_usec, 40);
	ck_assert_uint_eq(statistics_top(s, STATISTICS_EXE, rows, ARRAY_SIZE(rows)), 0);
	ck_assert_uint_eq(statistics_top(s, STATISTICS_PATH, rows, 1), 1);
}
END_TEST

/* A flood of light keys fills the table many times over and must not push the heavy
 * ones out. */
START_TEST(statistics_add_flood_keeps_heavy_keys)
{
	_cleanup_(statistics_freep) struct statistics *s = NULL;
	struct statistics_row rows[STATISTICS_KEYS_MAX];
	char path[32];
	size_t n;

	ck_assert_int_eq(statistics_new(&s), 0);
	for (unsigned i = 0; i < 40 * STATISTICS_KEYS_MAX; i++) {
		snprintf(path, sizeof(path), "/light/%u", i);
		add(s, path, "", 1);
		if (i % 50 == 0)
			add(s, "/heavy", "", 100);
		if (i % 50 == 1)
			add(s, "/second", "", 50);
	}
	n = statistics_top(s, STATISTICS_PATH, rows, ARRAY_SIZE(rows));
	ck_assert_uint_eq(n, STATISTICS_KEYS_MAX);
	ck_assert_str_eq(rows[0].key, "/heavy");
	ck_assert_uint_eq(rows[0].total_usec,
	                  100 * ((40 * STATISTICS_KEYS_MAX + 49) / 50));
	ck_assert_str_eq(rows[1].key, "/second");
	ck_assert_uint_le(rows[2].total_usec, 1);
}
END_TEST

START_TEST(statistics_add_at_limit_and_past_it)
{
	_cleanup_(statistics_freep) struct statistics *s = NULL;
	struct statistics_row rows[STATISTICS_KEYS_MAX];
	char path[32];

	ck_assert_int_eq(statistics_new(&s), 0);
	for (unsigned i = 0; i < STATISTICS_KEYS_MAX; i++) {
		snprintf(path, sizeof(path), "/%u", i);
		add(s, path, "", i + 1);
	}
	ck_assert_uint_eq(statistics_top(s, STATISTICS_PATH, rows, ARRAY_SIZE(rows)),
	                  STATISTICS_KEYS_MAX);
	ck_assert_str_eq(rows[STATISTICS_KEYS_MAX - 1].key, "/0");
	add(s, "/new", "", 7);
	ck_assert_uint_eq(statistics_top(s, STATISTICS_PATH, rows, ARRAY_SIZE(rows)),
	                  STATISTICS_KEYS_MAX);
	for (unsigned i = 0; i < STATISTICS_KEYS_MAX; i++) {
		ck_assert_str_ne(rows[i].key, "/0");
		if (strcmp(rows[i].key, "/new") == 0)
			ck_assert_uint_eq(rows[i].total_usec, 7);
	}
}
END_TEST

START_TEST(statistics_by_from_name_knows_all_and_no_more)
{
	enum statistics_by by;

	for (unsigned i = 0; i < N_STATISTICS; i++) {
		ck_assert(statistics_by_from_name(
			statistics_by_name((enum statistics_by)i), &by));
		ck_assert_uint_eq(by, i);
	}
	ck_assert(!statistics_by_from_name("uid", &by));
}
END_TEST

UNIT_MAIN("statistics", statistics_top_sorts_by_total_time,
          statistics_add_flood_keeps_heavy_keys, statistics_add_at_limit_and_past_it,
          statistics_by_from_name_knows_all_and_no_more)
