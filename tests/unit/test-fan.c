/* SPDX-License-Identifier: Apache-2.0 */
/* fan_parse() alone: what the kernel may send, and what it never should */
#include <errno.h>
#include <string.h>

#include "custos/fan.h"
#include "unit.h"

static const struct fanotify_event_metadata good = {
	.event_len = sizeof(struct fanotify_event_metadata),
	.vers = FANOTIFY_METADATA_VERSION,
	.metadata_len = sizeof(struct fanotify_event_metadata),
	.mask = FAN_OPEN_PERM,
	.fd = 7,
	.pid = 42,
};

static int parse(const struct fanotify_event_metadata *raw, struct fan_event *ret)
{
	return fan_parse(raw, sizeof(*raw), ret);
}

START_TEST(fan_parse_permission_event_is_held)
{
	struct fan_event event;

	ck_assert_int_eq(parse(&good, &event), 0);
	ck_assert_int_eq(event.fd, 7);
	ck_assert_int_eq(event.pid, 42);
	ck_assert_uint_eq(event.mask, FAN_OPEN_PERM);
	ck_assert(fan_event_is_held(&event));
	ck_assert(!fan_event_is_overflow(&event));
}
END_TEST

START_TEST(fan_parse_close_write_is_not_held)
{
	struct fanotify_event_metadata raw = good;
	struct fan_event event;

	raw.mask = FAN_CLOSE_WRITE;
	ck_assert_int_eq(parse(&raw, &event), 0);
	ck_assert(!fan_event_is_held(&event));
}
END_TEST

START_TEST(fan_parse_file_not_opened_gives_errno)
{
	struct fanotify_event_metadata raw = good;
	struct fan_event event;

	raw.fd = -EMFILE;
	ck_assert_int_eq(parse(&raw, &event), 0);
	ck_assert_int_eq(event.fd, -EMFILE);
	ck_assert(!fan_event_is_held(&event));
}
END_TEST

START_TEST(fan_parse_overflow_says_so)
{
	struct fanotify_event_metadata raw = good;
	struct fan_event event;

	raw.mask = FAN_Q_OVERFLOW;
	raw.fd = FAN_NOFD;
	ck_assert_int_eq(parse(&raw, &event), 0);
	ck_assert(fan_event_is_overflow(&event));
	ck_assert(!fan_event_is_held(&event));
}
END_TEST

START_TEST(fan_parse_unaligned_buffer_works)
{
	char buf[sizeof(good) + 1];
	struct fan_event event;

	memcpy(buf + 1, &good, sizeof(good));
	ck_assert_int_eq(fan_parse(buf + 1, sizeof(good), &event), 0);
	ck_assert_int_eq(event.fd, 7);
}
END_TEST

START_TEST(fan_parse_info_record_is_skipped)
{
	char buf[sizeof(good) + 8] = {0};
	struct fanotify_event_metadata raw = good;
	struct fan_event event;

	raw.event_len = sizeof(buf);
	memcpy(buf, &raw, sizeof(raw));
	ck_assert_int_eq(fan_parse(buf, sizeof(buf), &event), 0);
	ck_assert_int_eq(fan_parse(buf, sizeof(buf) - 1, &event), -EBADMSG);
}
END_TEST

START_TEST(fan_parse_short_buffer_refused)
{
	struct fan_event event;

	for (size_t len = 0; len < sizeof(good); len++)
		ck_assert_int_eq(fan_parse(&good, len, &event), -EBADMSG);
}
END_TEST

START_TEST(fan_parse_other_version_refused)
{
	struct fanotify_event_metadata raw = good;
	struct fan_event event;

	raw.vers++;
	ck_assert_int_eq(parse(&raw, &event), -EPROTO);
}
END_TEST

START_TEST(fan_parse_wrong_lengths_refused)
{
	struct fanotify_event_metadata raw = good;
	struct fan_event event;

	raw.event_len = sizeof(raw) - 1;
	ck_assert_int_eq(parse(&raw, &event), -EBADMSG);
	raw.event_len = sizeof(raw) + 1;
	ck_assert_int_eq(parse(&raw, &event), -EBADMSG);
	raw.event_len = UINT32_MAX;
	ck_assert_int_eq(parse(&raw, &event), -EBADMSG);
	raw = good;
	raw.metadata_len = sizeof(raw) - 1;
	ck_assert_int_eq(parse(&raw, &event), -EBADMSG);
	raw.metadata_len = sizeof(raw) + 1;
	ck_assert_int_eq(parse(&raw, &event), -EBADMSG);
}
END_TEST

START_TEST(fan_parse_two_events_refused)
{
	const struct fanotify_event_metadata two[] = {good, good};
	struct fan_event event;

	ck_assert_int_eq(fan_parse(two, sizeof(two), &event), -EBADMSG);
}
END_TEST

START_TEST(fan_parse_errno_at_limit_and_past_it)
{
	struct fanotify_event_metadata raw = good;
	struct fan_event event = {.pid = -1};

	raw.fd = -FAN_ERRNO_MAX - 1;
	ck_assert_int_eq(parse(&raw, &event), -EBADMSG);
	ck_assert_int_eq(event.pid, -1); /* untouched on failure */
	raw.fd = -FAN_ERRNO_MAX;
	ck_assert_int_eq(parse(&raw, &event), 0);
}
END_TEST

START_TEST(fan_parse_no_event_bit_refused)
{
	struct fanotify_event_metadata raw = good;
	struct fan_event event;

	raw.mask = 0;
	ck_assert_int_eq(parse(&raw, &event), -EBADMSG);
}
END_TEST

UNIT_MAIN("fan", fan_parse_permission_event_is_held, fan_parse_close_write_is_not_held,
          fan_parse_file_not_opened_gives_errno, fan_parse_overflow_says_so,
          fan_parse_unaligned_buffer_works, fan_parse_info_record_is_skipped,
          fan_parse_short_buffer_refused, fan_parse_other_version_refused,
          fan_parse_wrong_lengths_refused, fan_parse_two_events_refused,
          fan_parse_errno_at_limit_and_past_it, fan_parse_no_event_bit_refused)
