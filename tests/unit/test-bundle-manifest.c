/* SPDX-License-Identifier: Apache-2.0 */
#include "custos/bundle-manifest.h"

#include <errno.h>
#include <string.h>

#include "custos/cleanup.h"
#include "unit.h"

#define HASH "7bc865dba783f4b2046d88fdea0ef3adc72f1f90c24cae0dd5a22107d6d8829c"
#define HEAD                                                                           \
	"custos-bundle 1\nchannel: base\nserial: 2026112301\n"                         \
	"created: 2026-11-23T04:00:00Z\n"
#define REST   "expires: 2026-12-23T04:00:00Z\nmin-engine: 0.1\n"
#define FILE_1 HASH "  rules.yar\n"

static int parse(const char *text, size_t len, struct bundle_manifest *m,
                 char **ret_error)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int r = bundle_manifest_parse("MANIFEST", text, len, m, &d);

	*ret_error = diag_text(&d);
	ck_assert_int_eq(r == -EINVAL, d.n_total > 0);
	return r;
}

static void expect(const char *text, const char *error)
{
	_cleanup_(freep) char *got = NULL;
	struct bundle_manifest m = BUNDLE_MANIFEST_NULL;
	int r = parse(text, strlen(text), &m, &got);

	if (!error) {
		ck_assert_msg(r == 0, "%s: %s", text, got);
		bundle_manifest_deinit(&m);
		return;
	}
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_msg(strstr(got, error) != NULL, "got '%s', wanted '%s'", got, error);
}

START_TEST(parse_whole_is_taken)
{
	const char *text =
		HEAD REST FILE_1 HASH "  allow.sha256\n" HASH "  x.allow.sha256\n" HASH
				      "  deny.sha256\n" HASH "  README.txt\n";
	_cleanup_(freep) char *error = NULL;
	struct bundle_manifest m;

	ck_assert_int_eq(parse(text, strlen(text), &m, &error), 0);
	ck_assert_str_eq(m.channel, "base");
	ck_assert_int_eq(m.serial, 2026112301);
	ck_assert_int_eq(m.created_sec, 1795406400);
	ck_assert_int_eq(m.expires_sec, 1797998400);
	ck_assert_str_eq(m.min_engine, "0.1");
	ck_assert_uint_eq(m.n_files, 5);
	ck_assert_uint_eq(m.files[0].sha256[0], 0x7b);
	ck_assert_uint_eq(m.files[0].sha256[31], 0x9c);
	ck_assert_int_eq(m.files[0].kind, BUNDLE_YARA);
	ck_assert_int_eq(m.files[1].kind, BUNDLE_ALLOW);
	ck_assert_int_eq(m.files[2].kind, BUNDLE_ALLOW);
	ck_assert_int_eq(m.files[3].kind, BUNDLE_BLOCK);
	ck_assert_int_eq(m.files[4].kind, BUNDLE_TEXT);
	bundle_manifest_deinit(&m);
}
END_TEST

START_TEST(parse_head_is_strict)
{
	expect(HEAD FILE_1, NULL);
	expect(HEAD "expires: 2026-12-23T04:00:00Z\n" FILE_1, NULL);
	expect("", "expected 'custos-bundle 1'");
	expect("custos-bundle 2\n", "expected 'custos-bundle 1'");
	expect("custos-bundle 1", "expected 'custos-bundle 1'");
	expect("custos-bundle 1\r\n", "expected 'custos-bundle 1'");
	expect("custos-bundle 1\nserial: 1\n", "MANIFEST:2: expected 'channel: ...'");
	expect("custos-bundle 1\nchannel: Base\n", "MANIFEST:2: a channel has");
	expect("custos-bundle 1\nchannel: ../x\n", "MANIFEST:2: a channel has");
	expect("custos-bundle 1\nchannel: -x\n", "MANIFEST:2: a channel has");
	expect("custos-bundle 1\nchannel: \n", "MANIFEST:2: 'channel:' has no value");
	expect("custos-bundle 1\nchannel: a\nserial: 0\n", "MANIFEST:3: a serial");
	expect("custos-bundle 1\nchannel: a\nserial: 01\n", "MANIFEST:3: a serial");
	expect("custos-bundle 1\nchannel: a\nserial: -1\n", "MANIFEST:3: a serial");
	expect("custos-bundle 1\nchannel: a\nserial: 1 \n", "MANIFEST:3: a serial");
	expect(HEAD, "lists no file");
	expect(HEAD REST, "lists no file");
	expect(HEAD "expires: 2026-11-23T04:00:00Z\n" FILE_1, "MANIFEST:5: 'expires:'");
	expect(HEAD "min-engine: x\n" FILE_1, "MANIFEST:5: 'min-engine:'");
	expect(HEAD "min-engine: 0.1\nexpires: 2027-01-01T00:00:00Z\n" FILE_1,
	       "MANIFEST:6: expected a SHA-256");
	expect(HEAD "serial: 3\n" FILE_1, "MANIFEST:5: expected a SHA-256");
}
END_TEST

START_TEST(parse_serial_and_channel_at_limit_and_past)
{
#define START "custos-bundle 1\nchannel: "
#define END   "\ncreated: 2026-11-23T04:00:00Z\n" FILE_1
	expect(START "a\nserial: 999999999999999999" END, NULL);
	expect(START "a\nserial: 1000000000000000000" END, "a serial is");
	expect(START "abcdefghijklmnopqrstuvwxyz012345\nserial: 1" END, NULL);
	expect(START "abcdefghijklmnopqrstuvwxyz0123456\nserial: 1" END,
	       "a channel has");
}
END_TEST

START_TEST(parse_times_are_strict)
{
	static const char *const bad[] = {
		"2026-11-23 04:00:00Z", "2026-11-23T04:00:00",  "2026-11-31T04:00:00Z",
		"2026-13-01T04:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T04:00:60Z",
		"+026-11-23T04:00:00Z", "2026-11-23T04:00: 0Z", "1999-11-23T04:00:00Z",
		"2026-11-23T04:00:00z", "2026-1-023T04:00:00Z",
	};
	char text[512];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text),
		         "custos-bundle 1\nchannel: a\nserial: 1\ncreated: %s\n" FILE_1,
		         bad[i]);
		expect(text, "MANIFEST:4: 'created:'");
	}
}
END_TEST

START_TEST(parse_files_are_strict)
{
	expect(HEAD HASH " rules.yar\n", "MANIFEST:5: expected a SHA-256");
	expect(HEAD HASH " *rules.yar\n", "MANIFEST:5: expected a SHA-256");
	expect(HEAD "7BC865DBA783F4B2046D88FDEA0EF3ADC72F1F90C24CAE0DD5A22107D6D8829C  "
	            "r.yar\n",
	       "MANIFEST:5: expected a SHA-256");
	expect(HEAD HASH "  rules.yar", "MANIFEST:5: the last line has no end");
	expect(HEAD HASH "  a/b.yar\n", "MANIFEST:5: a file name");
	expect(HEAD HASH "  ..yar\n", "MANIFEST:5: a file name");
	expect(HEAD HASH "  .x.yar\n", "MANIFEST:5: a file name");
	expect(HEAD HASH "  -x.yar\n", "MANIFEST:5: a file name");
	expect(HEAD HASH "  MANIFEST.txt\n", "MANIFEST:5: a file name");
	expect(HEAD HASH "  a b.yar\n", "MANIFEST:5: a file name");
	expect(HEAD HASH "  a\xff.yar\n", "MANIFEST:5: a file name");
	expect(HEAD HASH "  rules\n", "MANIFEST:5: 'rules': no known kind");
	expect(HEAD HASH "  rules.yarc\n", "no known kind");
	expect(HEAD FILE_1 "\n", "MANIFEST:6: expected a SHA-256");
	expect(HEAD FILE_1 FILE_1, "MANIFEST:6: 'rules.yar' is listed twice");
}
END_TEST

START_TEST(parse_nul_refused)
{
	static const char text[] = HEAD HASH "  rules\0.yar\n";
	_cleanup_(freep) char *error = NULL;
	struct bundle_manifest m;

	ck_assert_int_eq(parse(text, sizeof(text) - 1, &m, &error), -EINVAL);
}
END_TEST

static char *with_files(unsigned n)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fputs(HEAD, f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, HASH "  r%u.yar\n", i);
	fclose(f);
	return text;
}

START_TEST(parse_files_at_limit_and_past)
{
	_cleanup_(freep) char *fits = with_files(BUNDLE_FILES_MAX);
	_cleanup_(freep) char *past = with_files(BUNDLE_FILES_MAX + 1);

	expect(fits, NULL);
	expect(past, "more than 1024 files");
}
END_TEST

START_TEST(parse_name_at_limit_and_past)
{
	char text[1024], name[BUNDLE_NAME_MAX + 2];

	for (size_t len = BUNDLE_NAME_MAX; len <= BUNDLE_NAME_MAX + 1; len++) {
		memset(name, 'a', sizeof(name));
		memcpy(name + len - 4, ".yar", 5);
		snprintf(text, sizeof(text), HEAD HASH "  %s\n", name);
		expect(text, len > BUNDLE_NAME_MAX ? "at most 100 bytes" : NULL);
	}
}
END_TEST

START_TEST(parse_size_past_limit_refused)
{
	_cleanup_(freep) char *text = calloc(1, BUNDLE_MANIFEST_MAX + 1);
	_cleanup_(freep) char *error = NULL;
	struct bundle_manifest m;

	ck_assert_int_eq(parse(text, BUNDLE_MANIFEST_MAX + 1, &m, &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error, "larger than"));
}
END_TEST

START_TEST(version_compares_numbers)
{
	ck_assert(bundle_version_at_least("0.1.0", "0.1"));
	ck_assert(bundle_version_at_least("0.10", "0.9.9"));
	ck_assert(bundle_version_at_least("1", "0.9"));
	ck_assert(!bundle_version_at_least("0.1.0", "0.1.1"));
	ck_assert(!bundle_version_at_least("0.1.0", "x"));
	ck_assert(!bundle_version_at_least("0.1.0", "0.1."));
	ck_assert(!bundle_version_at_least("0.1.0", "0.1.0.0"));
	ck_assert(!bundle_version_at_least("0.1.0", "100000"));
}
END_TEST

UNIT_MAIN("bundle-manifest", parse_whole_is_taken, parse_head_is_strict,
          parse_serial_and_channel_at_limit_and_past, parse_times_are_strict,
          parse_files_are_strict, parse_nul_refused, parse_files_at_limit_and_past,
          parse_name_at_limit_and_past, parse_size_past_limit_refused,
          version_compares_numbers)
