/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/policy.h"
#include "unit.h"

#define NOW INT64_C(1800000000) /* 2027-01-15 08:00 UTC */

static char *slurp(const char *path, size_t *ret_len)
{
	_cleanup_(file_closep) FILE *f = fopen(path, "re");
	char *text = malloc(65536);

	ck_assert_msg(f != NULL, "%s", path);
	*ret_len = fread(text, 1, 65535, f);
	text[*ret_len] = '\0';
	return text;
}

/* What `custosctl policy check --lint` would say about one file. */
static char *check(const char *path)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *text = NULL, *copy = strdup(path);
	char *out = NULL;
	size_t len, size;
	FILE *f = open_memstream(&out, &size);
	int r;

	text = slurp(path, &len);
	r = policy_parse(basename(copy), text, len, &p, &d);
	ck_assert_int_eq(r, d.n_total ? -EINVAL : 0);
	if (r == 0)
		ck_assert_uint_eq(policy_lint(p, NOW, &d), d.n_total);
	diag_print(&d, f);
	ck_assert_int_eq(fclose(f), 0);
	return out;
}

/* x.rules gives x.out. UPDATE=1 writes the files anew, to be read before they are
 * committed. */
START_TEST(policy_parse_fixtures_give_their_output)
{
	glob_t found;

	ck_assert_int_eq(glob(POLICY_FIXTURES "/*.rules", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		_cleanup_(freep) char *out = NULL, *expected = NULL,
				      *got = check(found.gl_pathv[i]);
		size_t len;

		ck_assert_int_ge(asprintf(&out, "%.*s.out",
		                          (int)strlen(found.gl_pathv[i]) - 6,
		                          found.gl_pathv[i]),
		                 0);
		if (getenv("UPDATE")) {
			FILE *f = fopen(out, "we");

			(void)fputs(got, f);
			ck_assert_int_eq(fclose(f), 0);
		}
		expected = slurp(out, &len);
		ck_assert_msg(strcmp(got, expected) == 0, "%s:\n%s", out, got);
	}
	ck_assert_uint_ge(found.gl_pathc, 8);
	globfree(&found);
}
END_TEST

static int parse(const char *text, size_t len, struct policy **p, char **ret_errors)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int r = policy_parse("f", text, len, p, &d);

	*ret_errors = diag_text(&d);
	return r;
}

START_TEST(policy_parse_nothing_gives_the_builtin)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	const struct policy_line *line;

	ck_assert_int_eq(policy_parse("f", "# c\n", 4, &p, NULL), 0);
	ck_assert_uint_eq(policy_n_lines(p), 1);
	line = policy_line(p, 0);
	ck_assert_int_eq(line->action, POLICY_SCAN);
	ck_assert_int_eq(line->on_match, ON_MATCH_DENY);
	ck_assert_int_eq(line->on_error, ON_ERROR_ALLOW);
	ck_assert_uint_eq(line->timeout, 3 * NSEC_PER_SEC);
	ck_assert_uint_eq(line->events, POLICY_OPEN | POLICY_EXEC);
	ck_assert_str_eq(line->text,
	                 "scan any on-match=deny on-error=allow timeout=3s");
	ck_assert_ptr_null(policy_line(p, 1));
}
END_TEST

START_TEST(policy_parse_line_carries_all_it_says)
{
	static const char text[] =
		"\n scan dir=/a on-match=quarantine on-error=deny timeout=1s "
		"max-size=1M log=all archives=yes reason=\"a, \\\"b\\\" \\\\\" "
		"expires=2027-06-30 event=exec\t\nscan any";
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *errors = NULL;
	const struct policy_line *line;

	ck_assert_int_eq(parse(text, sizeof(text) - 1, &p, &errors), 0);
	line = policy_line(p, 0);
	ck_assert_int_eq(line->on_match, ON_MATCH_QUARANTINE);
	ck_assert_int_eq(line->on_error, ON_ERROR_DENY);
	ck_assert_uint_eq(line->timeout, NSEC_PER_SEC);
	ck_assert_uint_eq(line->max_size_bytes, 1048576);
	ck_assert_int_eq(line->log, LOG_ALL);
	ck_assert_int_eq(line->archives, ARCHIVES_YES);
	ck_assert_int_eq(policy_line(p, 1)->archives, ARCHIVES_BY_EVENT);
	ck_assert_str_eq(line->reason, "a, \"b\" \\");
	ck_assert_int_eq(line->expires, 1814313600);
	ck_assert_uint_eq(line->events, POLICY_EXEC);
	ck_assert_uint_eq(line->facts, POLICY_FACT_PATH);
	ck_assert_str_eq(line->file, "f");
	ck_assert_uint_eq(line->line, 2);
	ck_assert_uint_eq(strlen(line->text), strlen(text) - strlen("\n \t\nscan any"));
}
END_TEST

static bool opens_archives(const char *text)
{
	_cleanup_(policy_freep) struct policy *p = NULL;

	ck_assert_int_eq(policy_parse("f", text, strlen(text), &p, NULL), 0);
	return policy_opens_archives(p);
}

START_TEST(policy_opens_archives_where_a_line_says_so_of_an_open)
{
	ck_assert(!opens_archives("scan any\n"));
	ck_assert(!opens_archives("scan dir=/a archives=no\nscan any\n"));
	ck_assert(!opens_archives("scan event=write-close archives=yes\nscan any\n"));
	ck_assert(opens_archives("scan event=exec archives=yes\nscan any\n"));
	ck_assert(opens_archives("scan event=write-close\nscan any archives=yes\n"));
}
END_TEST

START_TEST(policy_parse_lines_at_limit_pass_and_past_it_fail)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *text = NULL, *errors = NULL, *more = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (unsigned i = 1; i < POLICY_LINES_MAX; i++)
		(void)fputs("scan uid=1\n", f);
	(void)fputs("scan any\n", f);
	(void)fflush(f);
	ck_assert_int_eq(parse(text, size, &p, &errors), 0);
	ck_assert_uint_eq(policy_n_lines(p), POLICY_LINES_MAX);
	(void)fputs("scan any\nscan any\n", f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(parse(text, size, &p, &more), -EINVAL);
	ck_assert_str_eq(more, "f:10001: more than 10000 lines");
}
END_TEST

START_TEST(policy_parse_line_length_at_limit_passes_and_past_it_fails)
{
	static char text[POLICY_LINE_BYTES_MAX + 16];
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *errors = NULL, *more = NULL;

	memset(text, 'x', sizeof(text));
	memcpy(text, "scan any reason=", 16);
	ck_assert_int_eq(parse(text, POLICY_LINE_BYTES_MAX, &p, &errors), 0);
	ck_assert_int_eq(parse(text, POLICY_LINE_BYTES_MAX + 1, &p, &more), -EINVAL);
	ck_assert_str_eq(more, "f:1: line is longer than 16384 bytes");
}
END_TEST

/* "PREFIX v,v,...,v": @n values. */
static char *list(const char *prefix, unsigned n, const char *suffix)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)fputs(prefix, f);
	for (unsigned i = 0; i < n; i++)
		(void)fprintf(f, "%s%u", i ? "," : "", i % 10);
	(void)fputs(suffix, f);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

START_TEST(policy_parse_values_at_limit_pass_and_past_it_fail)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *ok = NULL, *bad = NULL, *errors = NULL, *more = NULL;

	ok = list("scan uid=", 4096, "\nscan any\n");
	bad = list("scan uid=", 4097, "\nscan any\n");
	ck_assert_int_eq(parse(ok, strlen(ok), &p, &errors), 0);
	ck_assert_int_eq(parse(bad, strlen(bad), &p, &more), -EINVAL);
	ck_assert_str_eq(more, "f:1: more than 4096 values");
}
END_TEST

START_TEST(policy_parse_set_members_at_limit_pass_and_past_it_fail)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *ok = NULL, *bad = NULL, *errors = NULL, *more = NULL;

	ok = list("set @a = ", 4095, "\nset @b = 1, @a\nscan uid=@b\nscan any\n");
	bad = list("set @a = ", 4095, "\nset @b = 1, 2, @a\nscan any\n");
	ck_assert_int_eq(parse(ok, strlen(ok), &p, &errors), 0);
	ck_assert_int_eq(parse(bad, strlen(bad), &p, &more), -EINVAL);
	ck_assert_str_eq(more, "f:2: more than 4096 members in '@b'");
}
END_TEST

/* 24 uses of 4096 members fit into 100,000 values; one more does not. */
START_TEST(policy_parse_total_past_limit_fails_once)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *set = list("set @a = ", 4096, "\n"), *text = NULL;
	_cleanup_(freep) char *errors = NULL, *more = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)fputs("scan any\n", f);
	(void)fputs(set, f);
	for (unsigned i = 0; i < 24; i++)
		(void)fputs("scan uid=@a\n", f);
	(void)fflush(f);
	ck_assert_int_eq(parse(text, size, &p, &errors), 0);
	(void)fputs("scan uid=@a\nscan uid=@a\n", f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(parse(text, size, &p, &more), -EINVAL);
	ck_assert_str_eq(
		more,
		"f:27: the policy is too large: more than 100000 values or 16 MiB");
}
END_TEST

START_TEST(policy_parse_image_past_limit_fails)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *text = NULL, *errors = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (unsigned i = 0; i < 300; i++)
		(void)fprintf(f, "scan uid=1 reason=%08000u\n", i);
	(void)fputs("scan any\n", f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(parse(text, size, &p, &errors), -EINVAL);
	ck_assert_str_eq(
		errors,
		"the policy is too large: its image has more than 4194304 bytes");
}
END_TEST

UNIT_MAIN("policy-parse", policy_parse_fixtures_give_their_output,
          policy_parse_nothing_gives_the_builtin, policy_parse_line_carries_all_it_says,
          policy_opens_archives_where_a_line_says_so_of_an_open,
          policy_parse_lines_at_limit_pass_and_past_it_fail,
          policy_parse_line_length_at_limit_passes_and_past_it_fails,
          policy_parse_values_at_limit_pass_and_past_it_fail,
          policy_parse_set_members_at_limit_pass_and_past_it_fail,
          policy_parse_total_past_limit_fails_once, policy_parse_image_past_limit_fails)
