/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "custos/cleanup.h"
#include "custos/text.h"
#include "custos/types.h"
#include "unit.h"

static void expect_escape(const char *in, size_t len, const char *out)
{
	_cleanup_(freep) char *text = text_escape(in, len);

	ck_assert_str_eq(text, out);
	ck_assert(text_utf8_valid(text, strlen(text)));
}

#define EXPECT_ESCAPE(in, out) expect_escape(in, sizeof(in) - 1, out)

START_TEST(text_escape_plain_and_utf8_unchanged)
{
	EXPECT_ESCAPE("/srv/a b.txt", "/srv/a b.txt");
	EXPECT_ESCAPE("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
	              "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	EXPECT_ESCAPE("", "");
}
END_TEST

START_TEST(text_escape_control_bytes_become_hex)
{
	EXPECT_ESCAPE("a\n\x1b[31m\x7f", "a\\x0a\\x1b[31m\\x7f");
	EXPECT_ESCAPE("\xc2\x9b"
	              "31m",
	              "\\xc2\\x9b"
	              "31m"); /* C1 CSI */
	EXPECT_ESCAPE("\0", "\\x00");
	EXPECT_ESCAPE("a\\x0a", "a\\\\x0a");
}
END_TEST

START_TEST(text_escape_direction_overrides_become_hex)
{
	EXPECT_ESCAPE("\xe2\x80\xae"
	              "fdp.exe",
	              "\\xe2\\x80\\xae"
	              "fdp.exe");
	EXPECT_ESCAPE("\xe2\x81\xa6", "\\xe2\\x81\\xa6");
	EXPECT_ESCAPE("\xe2\x80\xa8", "\\xe2\\x80\\xa8");
}
END_TEST

START_TEST(text_escape_invalid_utf8_becomes_hex)
{
	EXPECT_ESCAPE("\xff"
	              "a",
	              "\\xffa");
	EXPECT_ESCAPE("\xc0\xaf", "\\xc0\\xaf");          /* overlong */
	EXPECT_ESCAPE("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* surrogate */
	EXPECT_ESCAPE("\xe2\x82", "\\xe2\\x82");          /* cut off */
	EXPECT_ESCAPE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
}
END_TEST

START_TEST(text_utf8_valid_refuses_what_json_refuses)
{
	static const char *const bad[] = {
		"\x80",         "\xc1\x81",         "\xe0\x80\x80", "\xf0\x80\x80\x80",
		"\xed\xbf\xbf", "\xf5\x80\x80\x80", "a\xc3"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!text_utf8_valid(bad[i], strlen(bad[i])), "case %zu", i);
	ck_assert(!text_utf8_valid("a\0b", 3));
	ck_assert(text_utf8_valid("\xf4\x8f\xbf\xbf", 4));
}
END_TEST

START_TEST(text_copy_reads_no_further)
{
	static const char bytes[3] = {'a', '\0', 'b'};
	_cleanup_(freep) char *copy = text_copy(bytes, sizeof(bytes));
	_cleanup_(freep) char *none = text_copy(bytes, 0);

	ck_assert_mem_eq(copy, "a\0b", 4);
	ck_assert_str_eq(none, "");
	ck_assert_ptr_null(text_copy(bytes, SIZE_MAX));
}
END_TEST

START_TEST(text_base64_rfc_vectors)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xff\xfe\xfd", "//79"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_(freep) char *text =
			text_base64(pairs[i][0], strlen(pairs[i][0]));

		ck_assert_str_eq(text, pairs[i][1]);
	}
}
END_TEST

START_TEST(text_hex_writes_lower_case)
{
	char hex[7];

	text_hex("\x00\xaf\x10", 3, hex);
	ck_assert_str_eq(hex, "00af10");
}
END_TEST

START_TEST(text_width_counts_characters)
{
	ck_assert_uint_eq(text_width("a\xc3\xa9\xe2\x82\xac"), 3);
}
END_TEST

START_TEST(text_unbase64_inverts_or_refuses)
{
	static const char *const bad[] = {"A", "AA", "AAA", "A===", "AA=A", "A=AA", "AA A",
	                                  "AAA\n", "AAAA=", "====", "A-__"};
	static const uint8_t bytes[] = {0, 0xff, 0x10, '=', 0};
	size_t len = 99;

	for (size_t n = 0; n <= sizeof(bytes); n++) {
		_cleanup_(freep) char *text = text_base64(bytes, n);
		_cleanup_(freep) char *back = text_unbase64(text, &len);

		ck_assert_uint_eq(len, n);
		ck_assert_mem_eq(back, bytes, n);
		ck_assert_int_eq(back[n], 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!text_unbase64(bad[i], &len), "case %zu", i);
}
END_TEST

UNIT_MAIN("text", text_copy_reads_no_further, text_unbase64_inverts_or_refuses, text_escape_plain_and_utf8_unchanged,
          text_escape_control_bytes_become_hex,
          text_escape_direction_overrides_become_hex,
          text_escape_invalid_utf8_becomes_hex,
          text_utf8_valid_refuses_what_json_refuses, text_base64_rfc_vectors,
          text_hex_writes_lower_case, text_width_counts_characters)
