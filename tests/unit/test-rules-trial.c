/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/division.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"
#include "lib/scan/rules-compiled.h"
#include "lib/scan/rules-trial.h"
#include "unit.h"

/* libyara's own; see test-rules.c */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libyara.so\n";
}

/* A harmless file of so much text that a string can match a million times, and one behind MZ. */
#define STOCK_BYTES ((size_t)1150000)

static char text_file[STOCK_BYTES];
static const char mz_file[] = "MZ harmless";

static bool stock(void *userdata, size_t i, struct rules_sample *ret)
{
	static const char words[] = "all in order here, config.exe and some text; ";

	for (size_t k = 0; k < sizeof(text_file); k++)
		text_file[k] = words[k % (sizeof(words) - 1)];
	*ret = i == 0 ? (struct rules_sample){"/usr/share/text", text_file, sizeof(text_file), 0} :
	                (struct rules_sample){"/usr/share/mz.exe", mz_file, sizeof(mz_file), 0};
	return i < 2;
}

/* A little text from each of many files: what is measured on a few KiB is noise. */
#define N_PIECES 64

static bool pieces(void *userdata, size_t i, struct rules_sample *ret)
{
	if (!stock(userdata, 0, ret))
		return false;
	ret->len = 4096;
	return i < N_PIECES;
}

struct result {
	int r;
	uint64_t n_rules;
	char *diag; /* owned */
	struct rules_report report;
};

#define MAX_FILES 4

/* As custos-compile: a compiler is made for each file and each part of it that is tried. */
static void keep_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

static void nothing(void)
{
}

/* Files "0.yar", "1.yar" and so on. */
static struct result try_with(bool (*of)(void *, size_t, struct rules_sample *), size_t n_stock,
                              const char *const texts[], bool leave_out, nsec_t budget)
{
	static const char *const names[MAX_FILES] = {"0.yar", "1.yar", "2.yar", "3.yar"};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct rules_source sources[MAX_FILES];
	struct rules_trial trial = {.stock = of, .n_stock = n_stock, .leave_out = leave_out,
	                            .budget = budget};
	struct result ret = {0};
	size_t n = 0;

	for (; n < MAX_FILES && texts[n]; n++)
		sources[n] = (struct rules_source){names[n], texts[n], strlen(texts[n])};
	ck_assert_int_eq(rules_global_init(), 0);
	ret.r = rules_compile_tried(sources, n, &trial, &c, &d);
	ret.n_rules = c ? rules_compiled_count(c) : 0;
	ret.diag = diag_text(&d);
	ret.report = trial.report;
	return ret;
}

static struct result try(const char *const texts[], bool leave_out, nsec_t budget)
{
	return try_with(stock, 3, texts, leave_out, budget);
}

static struct result measure(const char *const texts[], nsec_t budget)
{
	return try_with(pieces, N_PIECES, texts, false, budget);
}

static void done(struct result *r)
{
	free(r->diag);
	rules_report_deinit(&r->report);
}

/* The row of this file and rule; file NULL: there is none. */
static struct rules_row row_of(const struct result *r, const char *file, const char *rule)
{
	/* a report that was written is read from its memory as well */
	const struct rules_report *report = &r->report;
	struct rules_row row;
	size_t at = 0;

	while (rules_report_next(report, &at, &row))
		if (strcmp(row.file, file) == 0 && strcmp(row.rule, rule) == 0)
			return row;
	return (struct rules_row){0};
}

static const char *const good[] = {
	"rule fine { strings: $a = \"no such text\" condition: $a }",
	"rule windows { strings: $a = \"no such text\" condition: uint16(0) == 0x5A4D and $a }",
	NULL,
};

START_TEST(trial_good_rules_pass)
{
	struct result r = try(good, false, 0);

	ck_assert_int_eq(r.r, 0);
	ck_assert_str_eq(r.diag, "");
	ck_assert_uint_eq(r.n_rules, 2);
	ck_assert_uint_eq(r.report.tried.n_rules, 2);
	ck_assert_uint_eq(r.report.tried.n_files, 2);
	ck_assert_uint_eq(r.report.tried.n_measured, 2);
	ck_assert_uint_eq(r.report.tried.n_stock, 2);
	ck_assert_uint_eq(r.report.tried.n_stock_all, 3); /* one could not be read: told */
	ck_assert_uint_eq(r.report.tried.stock_bytes, sizeof(text_file) + sizeof(mz_file));
	ck_assert_uint_eq(r.report.tried.n_positives, 2);
	ck_assert_uint_eq(r.report.tried.n_left_out, 0);
	ck_assert_uint_gt(r.report.tried.spent_nsec, 0);
	done(&r);
}
END_TEST

static const char *const bad[] = {
	"rule fine { strings: $a = \"no such text\" condition: $a }",
	"\n\nrule one { condition: false }\nrule two { strings: $a = \"in order\" condition: $a }",
	"rule pe { strings: $a = \"harm\" condition: uint16(0) == 0x5A4D and $a }",
	NULL,
};

START_TEST(trial_match_of_a_harmless_file_is_told_with_its_line)
{
	struct result r = try(bad, false, 0);

	ck_assert_int_eq(r.r, -EINVAL);
	ck_assert_str_eq(r.diag,
	                 "1.yar:4: rule two matches /usr/share/text, a harmless file of this host\n"
	                 "2.yar:1: rule pe matches /usr/share/mz.exe, a harmless file of this host");
	done(&r);
}
END_TEST

START_TEST(trial_leave_out_keeps_the_others)
{
	struct result r = try(bad, true, 0);
	struct rules_row row = row_of(&r, "1.yar", "two");

	ck_assert_int_eq(r.r, 0);
	ck_assert_str_eq(r.diag, "");
	ck_assert_uint_eq(r.n_rules, 1);
	ck_assert_uint_eq(r.report.tried.n_left_out, 2);
	ck_assert_uint_eq(r.report.tried.n_unfit, 2);
	ck_assert_uint_eq(row.state, RULES_UNFIT);
	ck_assert_uint_eq(row.line, 4);
	ck_assert_str_eq(row.why, "rule two matches /usr/share/text, a harmless file of this host");
	done(&r);
}
END_TEST

/* libyara gives up on a string with a million matches: no file is judged in full then. */
/* The least number divided by -1: SIGFPE, on some processors. "undefined" where there is no file. */
#define LEAST "(filesize - filesize - 9223372036854775807 - 1)"
#define MINUS "(filesize - filesize - 1)"

static const char *const dividing[] = {
	"rule fine { strings: $a = \"no such text\" condition: $a }",
	"\nrule before { condition: false }\nrule quotient { condition: " LEAST " \\ " MINUS " == 7 }",
	"rule rest { condition: uint16(0) == 0x5A4D and " LEAST " % " MINUS " == 7 }",
	NULL,
};

/* arm64 has a result for it, and nothing to tell. */
START_TEST(trial_rule_that_would_end_the_scanner_is_told_with_its_line)
{
	struct result r;

	ck_assert_int_eq(division_init(), 0);
	r = try(dividing, false, 0);
#ifdef __x86_64__
	ck_assert_int_eq(r.r, -EINVAL);
	ck_assert_str_eq(r.diag, "1.yar:3: rule quotient would end the scanner (it divides the least number by -1) on "
	                         "/usr/share/text, a harmless file of this host\n"
	                         "2.yar:1: rule rest would end the scanner (it divides the least number by -1) on "
	                         "/usr/share/mz.exe, a harmless file of this host");
#else
	ck_assert_int_eq(r.r, 0);
#endif
	done(&r);
}
END_TEST

START_TEST(trial_rule_that_would_end_the_scanner_is_left_out)
{
	struct result r;

	ck_assert_int_eq(division_init(), 0);
	r = try(dividing, true, 0);
	ck_assert_int_eq(r.r, 0);
	ck_assert_str_eq(r.diag, "");
#ifdef __x86_64__
	ck_assert_uint_eq(r.n_rules, 1);
	ck_assert_uint_eq(r.report.tried.n_unfit, 2);
	ck_assert_int_eq(row_of(&r, "1.yar", "quotient").state, RULES_UNFIT);
	ck_assert_int_eq(row_of(&r, "2.yar", "rest").state, RULES_UNFIT);
#else
	ck_assert_uint_eq(r.n_rules, 4);
#endif
	done(&r);
}
END_TEST

/* Without a trial each file alone is all that is tried. */
START_TEST(check_of_a_rule_that_would_end_the_scanner_refuses_its_file)
{
	const struct rules_source s = {"1.yar", dividing[1], strlen(dividing[1])};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL;
	int r;

	ck_assert_int_eq(division_init(), 0);
	ck_assert_int_eq(rules_global_init(), 0);
	r = rules_compile(&s, 1, &c, &d);
	text = diag_text(&d);
#ifdef __x86_64__
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_str_eq(text, "1.yar: a rule would end the scanner (it divides the least number by -1) on a harmless file");
#else
	ck_assert_int_eq(r, 0);
#endif
}
END_TEST

START_TEST(trial_string_that_matches_too_often_is_told)
{
	static const char *const texts[] = {
		"rule often { strings: $a = /[ -z]/ condition: $a at 2000000 }", NULL};
	struct result r = try(texts, false, 0);

	ck_assert_int_eq(r.r, -EINVAL);
	ck_assert_str_eq(r.diag, "0.yar:1: rule often has a string that matches too often in "
	                         "/usr/share/text, a harmless file of this host");
	done(&r);
}
END_TEST

/* The texts say one thing, the compiled rules another, as if something had lost a match. */
static unsigned try_other_text(const char *text, const char *compiled, char **ret_diag)
{
	const struct rules_source real = {"t.yar", compiled, strlen(compiled)};
	const struct rules_source told = {"t.yar", text, strlen(text)};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct rules_trial ask = {0};
	bool left_out = false;
	struct trial t = {.ask = &ask, .sources = &told, .n = 1, .left_out = &left_out,
	                  .d = &d};

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile(&real, 1, &c, &d), 0);
	t.rules = &c->rules;
	trial_positives(&t);
	ck_assert_int_eq(t.error, 0);
	*ret_diag = diag_text(&d);
	return t.n_failures;
}

START_TEST(trial_positive_that_does_not_match_is_told)
{
	const char *text = "rule a { strings: $s = \"abcd\" condition: $s }\n"
	                   "rule b { strings: $s = \"abcd\" condition: $s }";
	const char *other = "rule a { strings: $s = \"abcd\" condition: $s }\n"
			    "rule b { strings: $s = \"abce\" condition: $s }";
	_cleanup_(freep) char *same = NULL, *differs = NULL;

	ck_assert_uint_eq(try_other_text(text, text, &same), 0);
	ck_assert_uint_eq(try_other_text(text, other, &differs), 1);
	ck_assert_str_eq(differs, "t.yar:2: rule b does not match a file made of its own strings");
}
END_TEST

/* Both parts of divided rules are asked, and what is in both counts where it is whole. */
START_TEST(trial_positives_find_rules_in_their_part)
{
	const char *text = "import \"pe\" "
			   "rule pe { strings: $s = \"abcd\" condition: uint16(0) == 0x5A4D and $s } "
			   "rule both { strings: $s = \"efgh\" condition: pe.imphash() == \"x\" or $s } "
			   "rule small { strings: $s = \"ijkl\" condition: $s and filesize < 40 } "
			   "rule elf { strings: $s = \"mnop\" condition: uint32be(0) == 0x7f454c46 and $s }";
	_cleanup_(freep) char *diag = NULL;

	ck_assert_uint_eq(try_other_text(text, text, &diag), 0);
	ck_assert_str_eq(diag, "");
}
END_TEST

/* With a sanitizer cheap and dear differ by its own work, more or less on each machine. */
static bool times_say_nothing(void)
{
#ifdef CUSTOS_SANITIZED
	(void)puts("skip: what a rule costs: times say nothing with sanitizers");
	return true;
#else
	return false;
#endif
}

/* Every letter is looked at by the regular expression. */
#define DEAR "rule dear { strings: $a = /[a-z ]{2,8}[0-9]/ condition: $a }\n"
#define CHEAP "rule cheap { strings: $a = \"no such text\" condition: $a }\n"

START_TEST(trial_dear_rule_is_named_with_its_file_and_line)
{
	if (times_say_nothing())
		return;
	static const char *const texts[] = {CHEAP, CHEAP "\n" DEAR "rule other { condition: false }",
	                                    NULL};
	struct result r = measure(texts, 0);
	struct rules_row file = row_of(&r, "1.yar", ""), rule = row_of(&r, "1.yar", "dear");

	ck_assert_int_eq(r.r, 0);
	ck_assert_ptr_nonnull(file.file);
	ck_assert_ptr_nonnull(rule.file);
	ck_assert_uint_eq(rule.line, 3);
	ck_assert_uint_gt(rule.nsec, NSEC_PER_MSEC);
	ck_assert_uint_gt(file.nsec, NSEC_PER_MSEC);
	ck_assert_uint_gt(r.report.tried.nsec, NSEC_PER_MSEC);
	ck_assert_ptr_null(row_of(&r, "1.yar", "cheap").file);
	ck_assert_ptr_null(row_of(&r, "1.yar", "other").file);
	done(&r);
}
END_TEST

/* One rule of many, and so dear that there is no time to look for it over all of the blend. */
START_TEST(trial_very_dear_rule_among_many_is_named)
{
	if (times_say_nothing())
		return;
	static char text[64 * 128];
	const char *const texts[] = {text, NULL};
	struct result r;
	struct rules_row rule;
	size_t len = 0;

	for (int i = 0; i < 64; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		                        i == 21 ? "rule dear { strings: $a = /[a-z ]{2,60}[0-9]/ condition: $a } // %d\n" :
		                                  "rule r%d { strings: $a = \"no such text\" condition: $a }\n", i);
	r = measure(texts, 0);
	rule = row_of(&r, "0.yar", "dear");
	ck_assert_int_eq(r.r, 0);
	ck_assert_ptr_nonnull(rule.file);
	ck_assert_uint_eq(rule.line, 22);
	ck_assert_uint_gt(rule.nsec, row_of(&r, "0.yar", "").nsec / 4); /* measured apart */
	done(&r);
}
END_TEST

/* There is no such run in the stock. */
START_TEST(trial_rule_that_is_slow_on_a_run_of_one_letter_is_named)
{
	static const char *const texts[] = {
		CHEAP, "rule slow { strings: $a = /aaaa([ab]|aa)+z0/ condition: $a }\n" CHEAP, NULL};
	struct result r = try(texts, false, 0);
	struct rules_row rule = row_of(&r, "1.yar", "slow");

	ck_assert_int_eq(r.r, 0);
	ck_assert_ptr_nonnull(rule.file);
	ck_assert_uint_eq(rule.line, 1);
	ck_assert_uint_gt(rule.nsec, 10 * NSEC_PER_MSEC);
	done(&r);
}
END_TEST

START_TEST(trial_budget_leaves_dear_files_out)
{
	if (times_say_nothing())
		return;
	static const char *const texts[] = {CHEAP, DEAR, NULL};
	struct result r = measure(texts, 4 * NSEC_PER_MSEC);
	struct rules_row file = row_of(&r, "1.yar", "");

	ck_assert_int_eq(r.r, 0);
	ck_assert_uint_eq(r.n_rules, 1);
	ck_assert_uint_eq(r.report.tried.n_left_out, 1);
	ck_assert_uint_eq(r.report.tried.n_unfit, 0);
	ck_assert_uint_eq(file.state, RULES_OVER_BUDGET);
	ck_assert_ptr_nonnull(strstr(file.why, "RuleBudget= allows 4.0 ms"));
	done(&r);
	r = measure(texts, 100 * NSEC_PER_SEC);
	ck_assert_uint_eq(r.n_rules, 2);
	ck_assert_uint_eq(r.report.tried.n_left_out, 0);
	done(&r);
}
END_TEST

/* What it costs was told first. */
START_TEST(trial_dear_file_that_fails_is_told_once)
{
	static const char *const texts[] = {
		CHEAP, "rule both { strings: $a = /[a-z ]{2,40}[0-9]/ $b = \"harmless\" condition: $a or $b }",
		NULL};
	struct result r = try(texts, true, 0);
	struct rules_row row;
	size_t at = 0, n = 0;

	ck_assert_int_eq(r.r, 0);
	ck_assert_uint_eq(r.n_rules, 1);
	while (rules_report_next(&r.report, &at, &row)) {
		if (strcmp(row.file, "1.yar") != 0)
			continue;
		ck_assert_int_eq(row.state, RULES_UNFIT);
		n++;
	}
	ck_assert_uint_eq(n, 1);
	done(&r);
}
END_TEST

START_TEST(trial_all_left_out_is_no_error)
{
	static const char *const texts[] = {DEAR, NULL};
	struct result r = measure(texts, NSEC_PER_MSEC);

	ck_assert_int_eq(r.r, 0);
	ck_assert_uint_eq(r.n_rules, 0);
	done(&r);
}
END_TEST

/* More than are ever named; each would refuse harmless files if it stayed. */
#define MANY ((size_t)(TRIAL_FAILURES_MAX + 10))

START_TEST(trial_leave_out_leaves_out_however_many_files)
{
	static char names[MANY + 1][16], texts[MANY + 1][128];
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	struct rules_source sources[MANY + 1];
	struct rules_trial trial = {.stock = stock, .n_stock = 2, .leave_out = true};

	for (size_t i = 0; i <= MANY; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%zu.yar", i);
		(void)snprintf(texts[i], sizeof(texts[i]),
		               "rule r%zu { strings: $a = \"%s\" condition: $a }", i,
		               i < MANY ? "harmless" : "no such text");
		sources[i] = (struct rules_source){names[i], texts[i], strlen(texts[i])};
	}
	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile_tried(sources, MANY + 1, &trial, &c, NULL), 0);
	ck_assert_uint_eq(rules_compiled_count(c), 1);
	ck_assert_uint_eq(trial.report.tried.n_left_out, MANY);
	ck_assert_uint_eq(trial.report.tried.n_unfit, MANY);
	rules_report_deinit(&trial.report);
}
END_TEST

START_TEST(trial_many_rules_of_one_file_do_not_hide_another)
{
	static char text[MANY * 128];
	const char *const texts[] = {
		text, "rule z { strings: $a = \"harmless\" condition: $a }", good[0], NULL};
	struct result r;
	size_t len = 0;

	for (size_t i = 0; i < MANY; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		                        "rule r%zu { strings: $a = \"harmless\" condition: $a }\n", i);
	r = try(texts, true, 0);
	ck_assert_int_eq(r.r, 0);
	ck_assert_uint_eq(r.n_rules, 1);
	ck_assert_uint_eq(r.report.tried.n_left_out, 2);
	ck_assert_ptr_nonnull(row_of(&r, "1.yar", "z").file);
	done(&r);
}
END_TEST

UNIT_MAIN_WITH(keep_memory, nothing, "rules-trial", trial_good_rules_pass,
          trial_match_of_a_harmless_file_is_told_with_its_line,
          trial_leave_out_keeps_the_others,
          trial_rule_that_would_end_the_scanner_is_told_with_its_line,
          trial_rule_that_would_end_the_scanner_is_left_out,
          check_of_a_rule_that_would_end_the_scanner_refuses_its_file, trial_string_that_matches_too_often_is_told,
          trial_positive_that_does_not_match_is_told,
          trial_positives_find_rules_in_their_part,
          trial_dear_rule_is_named_with_its_file_and_line,
          trial_very_dear_rule_among_many_is_named,
          trial_rule_that_is_slow_on_a_run_of_one_letter_is_named,
          trial_budget_leaves_dear_files_out, trial_all_left_out_is_no_error, trial_dear_file_that_fails_is_told_once,
          trial_leave_out_leaves_out_however_many_files,
          trial_many_rules_of_one_file_do_not_hide_another)
