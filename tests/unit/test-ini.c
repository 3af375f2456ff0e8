/* SPDX-License-Identifier: Apache-2.0 */
#include "custos/ini.h"

#include <errno.h>
#include <string.h>

#include "custos/cleanup.h"
#include "unit.h"

/* The callback writes what it was told, so that a case is one string comparison. */
struct trace {
	char text[4 * INI_LINE_MAX];
	int result; /* to be returned for the key "Fail" */
};

static int trace_fn(void *userdata, const char *section, const char *key,
                    const char *value, unsigned line)
{
	struct trace *t = userdata;
	size_t at = strlen(t->text);

	if (!key)
		(void)snprintf(t->text + at, sizeof(t->text) - at, "%u[%s]\n", line,
		               section);
	else
		(void)snprintf(t->text + at, sizeof(t->text) - at, "%u %s.%s=<%s>\n",
		               line, section, key, value);
	return key && strcmp(key, "Fail") == 0 ? t->result : 0;
}

static int parse(const char *text, size_t len, struct trace *t, char **ret_errors)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int r = ini_parse("f", text, len, trace_fn, t, &d);

	*ret_errors = diag_text(&d);
	return r;
}

static void expect(const char *text, size_t len, const char *trace, const char *errors)
{
	_cleanup_(freep) char *got = NULL;
	struct trace t = {.text = ""};
	int r = parse(text, len, &t, &got);

	ck_assert_str_eq(t.text, trace);
	ck_assert_str_eq(got, errors);
	ck_assert_int_eq(r, *errors ? -EINVAL : 0);
}

#define EXPECT(text, trace, errors) expect(text, sizeof(text) - 1, trace, errors)

START_TEST(ini_parse_valid_calls_back_in_order)
{
	EXPECT("", "", "");
	EXPECT("\n# c\n ; c\n[A]\nK = v v \n\tL=\n[B-2_]\nK=1",
	       "4[A]\n5 A.K=<v v>\n6 A.L=<>\n"
	       "7[B-2_]\n8 B-2_.K=<1>\n",
	       "");
}
END_TEST

START_TEST(ini_parse_value_keeps_comment_and_equal_signs)
{
	EXPECT("[A]\nK=a #b ;c = \"d\\e\" \xc3\xa4\n",
	       "1[A]\n2 A.K=<a #b ;c = \"d\\e\" \xc3\xa4>\n", "");
}
END_TEST

START_TEST(ini_parse_repeated_keys_are_all_passed_on)
{
	EXPECT("[A]\nK=1\nK=\nK=2\n[A]\nK=3\n",
	       "1[A]\n2 A.K=<1>\n3 A.K=<>\n4 A.K=<2>\n5[A]\n6 A.K=<3>\n", "");
}
END_TEST

START_TEST(ini_parse_broken_lines_are_all_reported)
{
	EXPECT("K=1\n[A\nL=1\n[]\n[A]b\nfoo\n=x\na b=c\n[Ok]\nM=x\\\n\r\n", "9[Ok]\n",
	       "f:1: 'K=' before any section\n"
	       "f:2: section header without ']'\n"
	       "f:4: bad section name ''\n"
	       "f:5: section header without ']'\n"
	       "f:6: neither a section, a comment nor 'Key=value'\n"
	       "f:7: bad key name ''\n"
	       "f:8: bad key name 'a b'\n"
	       "f:10: a line cannot be continued with '\\'\n"
	       "f:11: control byte 0x0d");
}
END_TEST

START_TEST(ini_parse_binary_is_refused)
{
	EXPECT("[A]\nK=a\0b\n", "1[A]\n", "f:2: control byte 0x00");
	EXPECT("\x7f"
	       "ELF",
	       "", "f:1: control byte 0x7f");
	EXPECT("# \x1b[31m", "", "f:1: control byte 0x1b");
	EXPECT("\xef\xbb\xbf[A]\n", "",
	       "f:1: neither a section, a comment nor 'Key=value'");
}
END_TEST

START_TEST(ini_parse_line_at_limit_passes_and_past_it_fails)
{
	static char text[INI_LINE_MAX + 8];
	struct trace t = {.text = ""};
	char *errors;

	memset(text, 'v', sizeof(text));
	memcpy(text, "[A]\nK=", 6);
	ck_assert_int_eq(parse(text, INI_LINE_MAX + 4, &t, &errors), 0);
	ck_assert_uint_eq(strlen(t.text),
	                  strlen("1[A]\n2 A.K=<>\n") + INI_LINE_MAX - 2);
	free(errors);
	t.text[0] = '\0';
	ck_assert_int_eq(parse(text, INI_LINE_MAX + 5, &t, &errors), -EINVAL);
	ck_assert_str_eq(t.text, "1[A]\n");
	ck_assert_str_eq(errors, "f:2: line is longer than 8192 bytes");
	free(errors);
}
END_TEST

START_TEST(ini_parse_section_with_a_name)
{
	struct trace t = {.text = ""};
	char *errors;

	ck_assert_int_eq(parse("[Kind of-1]\nK=v\n", 16, &t, &errors), 0);
	ck_assert_str_eq(t.text, "1[Kind of-1]\n2 Kind of-1.K=<v>\n");
	free(errors);
	ck_assert_int_eq(parse("[Kind  of]\n[Kind ]\n[ Kind]\n[Kind of it]\n", 40, &t, &errors), -EINVAL);
	ck_assert_str_eq(errors, "f:1: bad section name 'Kind  of'\nf:2: bad section name 'Kind '\n"
	                         "f:3: bad section name ' Kind'\nf:4: bad section name 'Kind of it'");
	free(errors);
}
END_TEST

START_TEST(ini_parse_file_at_limit_passes_and_past_it_fails)
{
	_cleanup_(freep) char *text = malloc(INI_BYTES_MAX + 1);
	struct trace t = {.text = ""};
	char *errors;

	ck_assert_ptr_nonnull(text);
	memset(text, '\n', INI_BYTES_MAX + 1);
	ck_assert_int_eq(parse(text, INI_BYTES_MAX, &t, &errors), 0);
	free(errors);
	ck_assert_int_eq(parse(text, INI_BYTES_MAX + 1, &t, &errors), -EINVAL);
	ck_assert_str_eq(errors, "f: file is larger than 1048576 bytes");
	free(errors);
}
END_TEST

START_TEST(ini_parse_callback_einval_goes_on_other_errors_stop)
{
	static const char text[] = "[A]\nFail=1\nK=2\n";
	struct trace t = {.text = "", .result = -EINVAL};
	char *errors;

	ck_assert_int_eq(parse(text, sizeof(text) - 1, &t, &errors), -EINVAL);
	ck_assert_str_eq(t.text, "1[A]\n2 A.Fail=<1>\n3 A.K=<2>\n");
	free(errors);
	t = (struct trace){.text = "", .result = -ENOMEM};
	ck_assert_int_eq(parse(text, sizeof(text) - 1, &t, &errors), -ENOMEM);
	ck_assert_str_eq(t.text, "1[A]\n2 A.Fail=<1>\n");
	free(errors);
}
END_TEST

UNIT_MAIN("ini", ini_parse_section_with_a_name, ini_parse_valid_calls_back_in_order,
          ini_parse_value_keeps_comment_and_equal_signs,
          ini_parse_repeated_keys_are_all_passed_on,
          ini_parse_broken_lines_are_all_reported, ini_parse_binary_is_refused,
          ini_parse_line_at_limit_passes_and_past_it_fails,
          ini_parse_file_at_limit_passes_and_past_it_fails,
          ini_parse_callback_einval_goes_on_other_errors_stop)
