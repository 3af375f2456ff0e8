/* SPDX-License-Identifier: Apache-2.0 */
#include "custos/quantity.h"

#include <errno.h>

#include "unit.h"

START_TEST(size_parse_valid_gives_bytes)
{
	static const struct {
		const char *s;
		uint64_t v;
	} cases[] = {
		{"0", 0},
		{"1", 1},
		{"4K", 4096},
		{"100M", 104857600},
		{"2G", 2147483648},
		{"1T", 1099511627776},
		{"18446744073709551615", UINT64_MAX},
		{"16777215T", UINT64_C(16777215) << 40},
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(size_parse(cases[i].s, &v), 0);
		ck_assert_uint_eq(v, cases[i].v);
	}
}
END_TEST

START_TEST(size_parse_invalid_is_refused)
{
	static const char *const bad[] = {"",   "M",   "-1",   "+1",   " 1",  "1 ",
	                                  "1k", "1MB", "1.5M", "0x10", "1 M", "1KK"};
	uint64_t v = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(size_parse(bad[i], &v), -EINVAL);
	ck_assert_int_eq(size_parse("18446744073709551616", &v), -ERANGE);
	ck_assert_int_eq(size_parse("16777216T", &v), -ERANGE);
	ck_assert_uint_eq(v, 7);
}
END_TEST

START_TEST(duration_parse_valid_gives_nsec)
{
	static const struct {
		const char *s;
		nsec_t v;
	} cases[] = {
		{"0", 0},
		{"3", 3 * NSEC_PER_SEC},
		{"3s", 3 * NSEC_PER_SEC},
		{"5sec", 5 * NSEC_PER_SEC},
		{"300ms", 300 * NSEC_PER_MSEC},
		{"20us", 20 * NSEC_PER_USEC},
		{"2m", 120 * NSEC_PER_SEC},
		{"1h30min", 5400 * NSEC_PER_SEC},
		{"1h 30min", 5400 * NSEC_PER_SEC},
		{"45d", 45 * 86400 * NSEC_PER_SEC},
		{"2w", 14 * 86400 * NSEC_PER_SEC},
	};
	nsec_t v;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(duration_parse(cases[i].s, &v), 0);
		ck_assert_uint_eq(v, cases[i].v);
	}
}
END_TEST

START_TEST(duration_parse_invalid_is_refused)
{
	static const char *const bad[] = {"",    "s",    "-1s",       "3 s",
	                                  "1s ", "1h30", "1h  30min", "1.5h",
	                                  "3S",  "3y",   "3secs",     " 3s"};
	nsec_t v = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(duration_parse(bad[i], &v), -EINVAL);
	ck_assert_int_eq(duration_parse("99999999999999999999s", &v), -ERANGE);
	ck_assert_int_eq(duration_parse("18446744074s", &v), -ERANGE);
	ck_assert_int_eq(duration_parse("18446744073s 18446744073s", &v), -ERANGE);
	ck_assert_uint_eq(v, 7);
}
END_TEST

UNIT_MAIN("quantity", size_parse_valid_gives_bytes, size_parse_invalid_is_refused,
          duration_parse_valid_gives_nsec, duration_parse_invalid_is_refused)
