/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "entry.h"
#include "fields.h"
#include "unit.h"

static struct fields f;

static void assert_field(size_t i, const char *want)
{
	ck_assert_uint_lt(i, f.n);
	ck_assert_uint_eq(f.iov[i].iov_len, strlen(want));
	ck_assert_mem_eq(f.iov[i].iov_base, want, strlen(want));
}

START_TEST(fields_add_with_newline_and_nul_keeps_every_byte)
{
	fields_init(&f);
	fields_add(&f, "A", "x\nPRIORITY=0\0y", 14);
	fields_add_u64(&f, "B", UINT64_MAX);
	ck_assert_uint_eq(f.n, 2);
	ck_assert_uint_eq(f.iov[0].iov_len, 16);
	ck_assert_mem_eq(f.iov[0].iov_base, "A=x\nPRIORITY=0\0y", 16);
	assert_field(1, "B=18446744073709551615");
	ck_assert(!f.truncated);
}
END_TEST

START_TEST(fields_append_pair_quotes_what_is_not_plain)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"/usr/bin/cat", "M= k=/usr/bin/cat"},
		{"", "M= k=\"\""},
		{"a b", "M= k=\"a b\""},
		{"a=b", "M= k=\"a=b\""},
		{"say \"x\"", "M= k=\"say \\\"x\\\"\""},
		{"back\\slash", "M= k=\"back\\\\slash\""},
		{"x\nPRIORITY=0", "M= k=\"x\\nPRIORITY=0\""},
		{"\x1b[31m", "M= k=\"\\x1b[31m\""},
		{"\xff\xfe\x7f", "M= k=\"\\xff\\xfe\\x7f\""},
		{"tab\t", "M= k=\"tab\\t\""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fields_init(&f);
		fields_begin(&f, "M");
		fields_append_pair(&f, "k", cases[i].in, strlen(cases[i].in));
		fields_end(&f);
		assert_field(0, cases[i].want);
	}
}
END_TEST

START_TEST(fields_add_at_buffer_limit_keeps_all)
{
	static char big[FIELDS_BYTES_MAX];

	fields_init(&f);
	fields_add(&f, "A", big, sizeof(big) - 2);
	ck_assert(!f.truncated);
	ck_assert_uint_eq(f.iov[0].iov_len, FIELDS_BYTES_MAX);
}
END_TEST

START_TEST(fields_add_past_buffer_limit_cuts_and_says_so)
{
	static char big[FIELDS_BYTES_MAX];

	fields_init(&f);
	fields_add(&f, "A", big, sizeof(big) - 1);
	ck_assert(f.truncated);
	ck_assert_uint_eq(f.iov[0].iov_len, FIELDS_BYTES_MAX);
	/* A name that does not fit leaves no half field behind: journald refuses those. */
	fields_add_str(&f, "B", "b");
	ck_assert_uint_eq(f.n, 1);
}
END_TEST

START_TEST(fields_add_past_count_limit_leaves_out)
{
	fields_init(&f);
	for (unsigned i = 0; i < FIELDS_MAX; i++)
		fields_add_u64(&f, "N", i);
	ck_assert(!f.truncated);
	fields_add_u64(&f, "N", FIELDS_MAX);
	ck_assert(f.truncated);
	ck_assert_uint_eq(f.n, FIELDS_MAX);
	assert_field(FIELDS_MAX - 1, "N=47");
}
END_TEST

/* The largest record there can be, every optional field set, every byte escaped. */
START_TEST(entry_fields_of_largest_record_fit)
{
	static struct record r = {
		.verdict = VERDICT_MALICIOUS,
		.action = RECORD_DENY,
		.flags = RECORD_PARTIAL | RECORD_CACHED | RECORD_MONITOR | RECORD_SUBJECT |
		         RECORD_SHA256 | RECORD_LOGGED | RECORD_LATE | RECORD_LOG_ONLY,
		.container = 1,
		.seq = UINT64_MAX,
		.wall_usec = UINT64_MAX,
		.spent_nsec = UINT64_MAX,
		.dev = UINT64_MAX,
		.ino = UINT64_MAX,
		.size_bytes = UINT64_MAX,
		.pid = UINT32_MAX,
		.uid = UINT32_MAX,
		.generation = UINT32_MAX,
		.path_len = UINT32_MAX,
	};
	static char file[4096];
	struct policy_line line = {.file = file, .line = UINT32_MAX};
	static struct entry e;

	memset(file, 1, sizeof(file) - 1);
	memset(r.path, 1, sizeof(r.path));
	memset(r.exe, 1, sizeof(r.exe));
	memset(r.unit, 1, sizeof(r.unit));
	memset(r.cgroup, 1, sizeof(r.cgroup));
	memset(r.match.rule, 1, sizeof(r.match.rule));
	entry_from_record(&e, &r, &line);
	memset(e.bundles, 1, sizeof(e.bundles) - 1);
	entry_fields(&e, &f);
	ck_assert(!f.truncated);
	ck_assert_uint_le(f.n, FIELDS_MAX);
}
END_TEST

START_TEST(entry_fields_name_the_bundles)
{
	static struct record r = {.verdict = VERDICT_CLEAN};
	static struct entry e;
	bool found = false;

	entry_from_record(&e, &r, NULL);
	ck_assert_str_eq(e.bundles, "");
	strcpy(e.bundles, "base=2026112301 site=7");
	entry_fields(&e, &f);
	for (size_t i = 0; i < f.n; i++)
		found |= f.iov[i].iov_len == strlen("CUSTOS_BUNDLES=base=2026112301 site=7") &&
		         memcmp(f.iov[i].iov_base, "CUSTOS_BUNDLES=base=2026112301 site=7",
		                f.iov[i].iov_len) == 0;
	ck_assert(found);
}
END_TEST

START_TEST(entry_from_record_with_hostile_enums_is_sane)
{
	static struct record r = {.verdict = 99, .action = 99, .reason = 99, .event = 99};
	static struct entry e;

	memset(r.exe, 'x', sizeof(r.exe));
	entry_from_record(&e, &r, NULL);
	ck_assert_int_eq(e.event, JOURNAL_ACCESS);
	ck_assert_str_eq(e.policy, "");
	ck_assert_uint_eq(strlen(e.record.exe), sizeof(r.exe) - 1);
	entry_fields(&e, &f);
	assert_field(0, "MESSAGE=log path=\"\" pid=0 verdict=unknown reason=none");
}
END_TEST

UNIT_MAIN("fields", fields_add_with_newline_and_nul_keeps_every_byte,
          fields_append_pair_quotes_what_is_not_plain, fields_add_at_buffer_limit_keeps_all,
          fields_add_past_buffer_limit_cuts_and_says_so,
          fields_add_past_count_limit_leaves_out, entry_fields_of_largest_record_fit,
          entry_fields_name_the_bundles, entry_from_record_with_hostile_enums_is_sane)
