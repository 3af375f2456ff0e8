/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/rules-report.h"
#include "unit.h"

struct bytes {
	uint8_t mem[4 << 20];
	size_t len;
};

static struct bytes written;

static int sink(void *userdata, const void *data, size_t len)
{
	struct bytes *b = userdata;

	ck_assert_uint_le(len, sizeof(b->mem) - b->len);
	memcpy(b->mem + b->len, data, len);
	b->len += len;
	return 0;
}

static int broken_sink(void *userdata, const void *data, size_t len)
{
	return -ENOSPC;
}

static void write_all(struct rules_report *r)
{
	written.len = 0;
	ck_assert_int_eq(rules_report_write(r, sink, &written), 0);
	rules_report_deinit(r);
}

static void write_two(void)
{
	struct rules_report r = RULES_REPORT_NULL;
	const struct rules_row file = {.file = "/r/a.yar", .rule = "", .why = "too dear",
	                               .state = RULES_OVER_BUDGET, .nsec = UINT64_MAX};
	const struct rules_row rule = {.file = "/r/a.yar", .rule = "slow", .why = "",
	                               .line = 7, .windows = true, .nsec = 1};

	r.tried.n_stock = 3;
	r.tried.spent_nsec = 5;
	rules_set_init(&r.sets[0].set, "site");
	r.sets[0].n_rules = 9;
	r.n_sets = 1;
	ck_assert_int_eq(rules_report_add(&r, &file), 0);
	ck_assert_int_eq(rules_report_add(&r, &rule), 0);
	write_all(&r);
}

START_TEST(report_open_gives_what_was_written)
{
	struct rules_report r;
	struct rules_row row;
	size_t at = 0;

	write_two();
	ck_assert_int_eq(rules_report_open(written.mem, written.len, &r), 0);
	ck_assert_uint_eq(r.tried.n_stock, 3);
	ck_assert_uint_eq(r.tried.spent_nsec, 5);
	ck_assert_uint_eq(r.n_rows, 2);
	ck_assert(rules_report_next(&r, &at, &row));
	ck_assert_str_eq(row.file, "/r/a.yar");
	ck_assert_str_eq(row.rule, "");
	ck_assert_str_eq(row.why, "too dear");
	ck_assert_uint_eq(row.state, RULES_OVER_BUDGET);
	ck_assert_uint_eq(row.nsec, UINT64_MAX);
	ck_assert(!row.windows);
	ck_assert(rules_report_next(&r, &at, &row));
	ck_assert_str_eq(row.rule, "slow");
	ck_assert_uint_eq(row.line, 7);
	ck_assert(row.windows);
	ck_assert(!rules_report_next(&r, &at, &row));
	ck_assert_uint_eq(r.n_sets, 1);
	ck_assert_str_eq(r.sets[0].set.name, "site");
	ck_assert_uint_eq(r.sets[0].n_rules, 9);
}
END_TEST

START_TEST(report_open_cut_or_longer_is_refused)
{
	_cleanup_(freep) uint8_t *copy = NULL;
	struct rules_report r;

	write_two();
	for (size_t len = 0; len < written.len; len++) {
		/* not a byte more, so that a sanitizer sees a step too far */
		copy = realloc(copy, len + 1);
		memcpy(copy + 1, written.mem, len);
		ck_assert_int_eq(rules_report_open(copy + 1, len, &r), -EBADMSG);
	}
	written.mem[written.len] = 0;
	ck_assert_int_eq(rules_report_open(written.mem, written.len + 1, &r), -EBADMSG);
}
END_TEST

/* Whatever byte is another one, texts end within the memory. */
START_TEST(report_open_changed_is_refused_or_whole)
{
	struct rules_report r;
	struct rules_row row;

	write_two();
	for (size_t i = 0; i < written.len * 8; i++) {
		_cleanup_(freep) uint8_t *copy = malloc(written.len);
		size_t at = 0, n = 0;

		memcpy(copy, written.mem, written.len);
		copy[i / 8] ^= (uint8_t)(1U << i % 8);
		if (rules_report_open(copy, written.len, &r) < 0)
			continue;
		for (uint32_t k = 0; k < r.n_sets; k++)
			ck_assert_uint_lt(strlen(r.sets[k].set.name), RULE_SET_BYTES);
		while (rules_report_next(&r, &at, &row))
			n += strlen(row.file) + strlen(row.rule) + strlen(row.why) > 0;
		ck_assert_uint_eq(n, r.n_rows);
	}
}
END_TEST

START_TEST(report_add_has_its_limits)
{
	static char text[RULES_REPORT_TEXT_MAX + 2];
	struct rules_report r = RULES_REPORT_NULL;
	struct rules_row row = {.file = text, .rule = "", .why = "", .state = RULES_UNFIT};
	size_t at = 0;

	memset(text, 'x', RULES_REPORT_TEXT_MAX);
	ck_assert_int_eq(rules_report_add(&r, &row), 0);
	text[RULES_REPORT_TEXT_MAX] = 'y';
	for (unsigned i = 1; i < RULES_REPORT_ROWS_MAX + 1; i++)
		ck_assert_int_eq(rules_report_add(&r, &row), 0);
	ck_assert_uint_eq(r.n_rows, RULES_REPORT_ROWS_MAX);
	write_all(&r);
	ck_assert_int_eq(rules_report_open(written.mem, written.len, &r), 0);
	for (unsigned i = 0; i < RULES_REPORT_ROWS_MAX; i++) {
		ck_assert(rules_report_next(&r, &at, &row));
		ck_assert_uint_eq(strlen(row.file), RULES_REPORT_TEXT_MAX);
	}
	ck_assert(!rules_report_next(&r, &at, &row));
}
END_TEST

START_TEST(report_write_tells_of_the_sink)
{
	struct rules_report r = RULES_REPORT_NULL;

	ck_assert_int_eq(rules_report_write(&r, broken_sink, NULL), -ENOSPC);
}
END_TEST

/* Rows of what is slow must not take the place of what is left out. */
START_TEST(report_has_room_for_what_is_left_out)
{
	struct rules_report r = RULES_REPORT_NULL;
	struct rules_row row = {.file = "/r/slow.yar", .rule = "", .why = "", .nsec = 1};
	unsigned n[RULES_UNFIT + 1] = {0};
	size_t at = 0;

	for (unsigned state = 0; state <= RULES_UNFIT; state++)
		for (unsigned i = 0; i < 2 * RULES_REPORT_ROWS_MAX; i++) {
			row.state = (enum rules_state)state;
			ck_assert_int_eq(rules_report_add(&r, &row), 0);
		}
	while (rules_report_next(&r, &at, &row))
		n[row.state]++;
	ck_assert_uint_eq(n[RULES_IN_FORCE], RULES_REPORT_ROWS_MAX / 2);
	ck_assert_uint_eq(n[RULES_OVER_BUDGET], RULES_REPORT_ROWS_MAX / 4);
	ck_assert_uint_eq(n[RULES_UNFIT], RULES_REPORT_ROWS_MAX / 4);
	rules_report_deinit(&r);
}
END_TEST

UNIT_MAIN("rules-report", report_open_gives_what_was_written,
          report_open_cut_or_longer_is_refused, report_open_changed_is_refused_or_whole,
          report_add_has_its_limits, report_write_tells_of_the_sink,
          report_has_room_for_what_is_left_out)
