/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "custos/cleanup.h"
#include "history.h"
#include "unit.h"

static uint64_t append(struct history *h, const char *path, enum verdict verdict)
{
	struct record r = {
		.verdict = verdict, .action = RECORD_DENY, .spent_nsec = 5000, .member = {1, {7}}};

	snprintf(r.path, sizeof(r.path), "%s", path);
	return history_append(h, &r, "60-site.rules:3");
}

START_TEST(history_append_then_read_gives_it_back)
{
	_cleanup_(history_freep) struct history *h = NULL;
	struct history_cursor c;
	const struct history_event *e;

	ck_assert_int_eq(history_new(&h), 0);
	history_seek_oldest(h, &c);
	ck_assert_ptr_null(history_read(h, &c));
	ck_assert_uint_eq(append(h, "/a", VERDICT_MALICIOUS), 1);
	e = history_read(h, &c);
	ck_assert_uint_eq(e->seq, 1);
	ck_assert_str_eq(e->path, "/a");
	ck_assert_str_eq(e->exe, "");
	ck_assert_str_eq(e->member, "7");
	ck_assert_str_eq(e->policy_line, "60-site.rules:3");
	ck_assert_uint_eq(e->spent_usec, 5);
	ck_assert_ptr_null(history_read(h, &c));
}
END_TEST

START_TEST(history_read_at_limit_and_past_it_counts_dropped)
{
	_cleanup_(history_freep) struct history *h = NULL;
	struct history_cursor c;

	ck_assert_int_eq(history_new(&h), 0);
	history_seek_oldest(h, &c);
	for (unsigned i = 0; i < HISTORY_EVENTS_MAX; i++)
		append(h, "/a", VERDICT_CLEAN);
	ck_assert_uint_eq(history_read(h, &c)->seq, 1);
	ck_assert_uint_eq(c.dropped, 0);
	append(h, "/a", VERDICT_CLEAN);
	append(h, "/a", VERDICT_CLEAN);
	ck_assert_uint_eq(history_read(h, &c)->seq, 3);
	ck_assert_uint_eq(c.dropped, 1);
}
END_TEST

START_TEST(history_append_long_names_stay_in_byte_budget)
{
	_cleanup_(history_freep) struct history *h = NULL;
	struct record r = {0};
	struct history_cursor c;
	size_t bytes = 0;
	const struct history_event *e;

	ck_assert_int_eq(history_new(&h), 0);
	memset(r.path, 'a', sizeof(r.path) - 1);
	for (unsigned i = 0; i < HISTORY_EVENTS_MAX; i++)
		history_append(h, &r, NULL);
	history_seek_after(h, 0, &c);
	while ((e = history_read(h, &c)))
		bytes += e->size;
	ck_assert_uint_le(bytes, HISTORY_BYTES_MAX);
	ck_assert_uint_gt(bytes, HISTORY_BYTES_MAX - 2 * sizeof(r));
	ck_assert_uint_gt(c.dropped, 0);
}
END_TEST

START_TEST(history_seek_after_future_number_starts_at_oldest)
{
	_cleanup_(history_freep) struct history *h = NULL;
	struct history_cursor c;

	ck_assert_int_eq(history_new(&h), 0);
	append(h, "/a", VERDICT_CLEAN);
	append(h, "/b", VERDICT_CLEAN);
	history_seek_after(h, 1, &c);
	ck_assert_str_eq(history_read(h, &c)->path, "/b");
	history_seek_after(h, 2, &c);
	ck_assert_ptr_null(history_read(h, &c));
	history_seek_after(h, 3, &c);
	ck_assert_str_eq(history_read(h, &c)->path, "/a");
	history_seek_after(h, UINT64_MAX, &c);
	ck_assert_str_eq(history_read(h, &c)->path, "/a");
}
END_TEST

START_TEST(history_seek_last_counts_matching_only)
{
	_cleanup_(history_freep) struct history *h = NULL;
	struct history_cursor c;

	ck_assert_int_eq(history_new(&h), 0);
	append(h, "/1", VERDICT_MALICIOUS);
	append(h, "/2", VERDICT_CLEAN);
	append(h, "/3", VERDICT_MALICIOUS);
	append(h, "/4", VERDICT_CLEAN);
	history_seek_last(h, 1, 1U << VERDICT_MALICIOUS, &c);
	ck_assert_str_eq(history_read(h, &c)->path, "/3");
	history_seek_last(h, 9, 1U << VERDICT_MALICIOUS, &c);
	ck_assert_str_eq(history_read(h, &c)->path, "/1");
	history_seek_last(h, 0, ~0U, &c);
	ck_assert_ptr_null(history_read(h, &c));
}
END_TEST

static void count_call(void *userdata)
{
	++*(unsigned *)userdata;
}

START_TEST(history_set_notify_called_per_append)
{
	_cleanup_(history_freep) struct history *h = NULL;
	unsigned n = 0;

	ck_assert_int_eq(history_new(&h), 0);
	history_set_notify(h, count_call, &n);
	append(h, "/a", VERDICT_CLEAN);
	ck_assert_uint_eq(n, 1);
	history_set_notify(h, NULL, NULL);
	append(h, "/a", VERDICT_CLEAN);
	ck_assert_uint_eq(n, 1);
}
END_TEST

UNIT_MAIN("history", history_append_then_read_gives_it_back,
          history_read_at_limit_and_past_it_counts_dropped,
          history_append_long_names_stay_in_byte_budget,
          history_seek_after_future_number_starts_at_oldest,
          history_seek_last_counts_matching_only, history_set_notify_called_per_append)
