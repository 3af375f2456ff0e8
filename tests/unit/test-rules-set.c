/* SPDX-License-Identifier: Apache-2.0 */
/* Rule sets: their names and settings, and what they mean for rules */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"
#include "lib/scan/rules-ns.h"
#include "lib/scan/rules-order.h"
#include "unit.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libyara.so\n";
}

#define FAR (UINT64_MAX / 2)

/* --- names and forms --- */

START_TEST(set_name_limits)
{
	ck_assert(rules_set_name_valid("a"));
	ck_assert(rules_set_name_valid("abcdefghijklmnopqrstuvwxyz-01234"));
	ck_assert(!rules_set_name_valid("abcdefghijklmnopqrstuvwxyz-012345"));
	ck_assert(!rules_set_name_valid(""));
	ck_assert(!rules_set_name_valid("-a"));
	ck_assert(!rules_set_name_valid("A"));
	ck_assert(!rules_set_name_valid("a:b"));
}
END_TEST

START_TEST(set_masks_are_read_and_written)
{
	char text[RULES_MASK_TEXT_BYTES];
	unsigned mask = 7;

	ck_assert_int_eq(rules_modules_parse("", &mask), -EINVAL);
	ck_assert_int_eq(rules_modules_parse("pe magic", &mask), -EINVAL);
	ck_assert_int_eq(rules_modules_parse("all pe", &mask), -EINVAL);
	ck_assert_uint_eq(mask, 7);
	ck_assert_int_eq(rules_modules_parse("  elf  pe", &mask), 0);
	ck_assert_uint_eq(mask, 1U << RULES_ELF | 1U << RULES_PE);
	rules_modules_text(mask, text);
	ck_assert_str_eq(text, "pe elf");
	ck_assert_int_eq(rules_modules_parse("none", &mask), 0);
	ck_assert_uint_eq(mask, 0);
	rules_modules_text(mask, text);
	ck_assert_str_eq(text, "none");
	for (unsigned i = 0; i < N_RULES_VARS; i++)
		mask |= 1U << i;
	rules_set_vars_text(mask, text);
	ck_assert_str_eq(text, "all");
	rules_set_vars_text(mask & ~1U, text); /* the longest there is */
	ck_assert_int_eq(rules_set_vars_parse(text, &mask), 0);
	ck_assert_uint_eq(mask, RULES_SET_VARS_ALL & ~1U);
	ck_assert_int_eq(rules_set_vars_parse("filename owner", &mask), 0);
	ck_assert_uint_eq(mask, 1U << RULES_FILENAME | 1U << RULES_OWNER);
	ck_assert_ptr_null(rules_module_name(N_RULES_MODULES));
}
END_TEST

START_TEST(set_text_comes_back)
{
	static const char *const bad[] = {
		"", "a", "a:1:deny:0", "a:1:deny:0:0:", "a:1:deny:0:0 ", "-:1:deny:0:0",
		"a:1001:deny:0:0", "a:1:denies:0:0", "a:1:logs:0:0", "a:1:deny:400:0", "a:1:deny:0:1000",
		":1:deny:0:0", "abcdefghijklmnopqrstuvwxyz-012345:1:deny:0:0"};
	char text[RULES_SET_TEXT_BYTES], again[RULES_SET_TEXT_BYTES];
	struct rules_set s, back;

	rules_set_init(&s, "abcdefghijklmnopqrstuvwxyz-01234");
	ck_assert_uint_eq(s.priority, RULES_PRIORITY_DEFAULT);
	s.priority = RULES_PRIORITY_MAX;
	s.log_only = true;
	rules_set_text(&s, text);
	ck_assert_int_eq(rules_set_parse(text, &back), 0);
	rules_set_text(&back, again);
	ck_assert_str_eq(text, again);
	ck_assert(back.log_only && back.modules == RULES_MODULES_ALL && back.vars == RULES_SET_VARS_ALL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(rules_set_parse(bad[i], &back) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(namespace_holds_set_and_file)
{
	static const char *const others[] = {"", "00d:", "00d:file", "default"};
	struct rules_set s;
	char set[RULE_SET_BYTES];
	char *ns;

	rules_set_init(&s, "abcdefghijklmnopqrstuvwxyz-01234");
	s.log_only = true;
	ns = rules_ns_make(&s, 255, "/a:b/c:d.yar");
	ck_assert(rules_ns_valid(ns) && rules_ns_logs(ns));
	ck_assert_uint_eq(rules_ns_order(ns), 255);
	ck_assert_str_eq(rules_ns_file(ns), "/a:b/c:d.yar");
	rules_ns_set(ns, set);
	ck_assert_str_eq(set, s.name);
	free(ns);
	ns = rules_ns_make(NULL, 0, "x:y");
	ck_assert(rules_ns_valid(ns) && !rules_ns_logs(ns));
	ck_assert_str_eq(rules_ns_file(ns), "x:y");
	rules_ns_set(ns, set);
	ck_assert_str_eq(set, "");
	free(ns);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(!rules_ns_valid(others[i]), "%s", others[i]);
}
END_TEST

/* --- order --- */

static struct rules_set named(const char *name, unsigned priority)
{
	struct rules_set s;

	rules_set_init(&s, name);
	s.priority = priority;
	return s;
}

START_TEST(order_is_by_priority_then_as_given)
{
	const struct rules_set low = named("low", 5), high = named("high", 900), mid = named("mid", 100);
	const struct rules_source in[] = {
		{"1", "", 0, &low, 0}, {"2", "", 0, &mid, 0}, {"3", "", 0, NULL, 0},
		{"4", "", 0, &high, 0}, {"5", "", 0, &mid, 0}, {"6", "", 0, &low, 0}};
	static const char want[] = "425316"; /* none is like the default */
	static const unsigned orders[] = {0, 1, 1, 2, 3, 3};
	struct rules_source *out = rules_order(in, 6);

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_int_eq(out[i].file[0], want[i]);
		ck_assert_uint_eq(out[i].order, orders[i]);
	}
	free(out);
}
END_TEST

START_TEST(order_sets_at_limit_and_past)
{
	static struct rules_set sets[RULES_SETS_MAX + 2];
	struct rules_source in[RULES_SETS_MAX + 2];
	struct rules_source *out;

	for (size_t i = 0; i < RULES_SETS_MAX + 2; i++) {
		sets[i] = named("x", (unsigned)i);
		in[i] = (struct rules_source){"f", "", 0, i == 0 ? NULL : &sets[i], 0};
	}
	out = rules_order(in, RULES_SETS_MAX + 1);
	ck_assert_ptr_nonnull(out);
	ck_assert_ptr_eq(out[0].set, NULL); /* default priority: above 48 */
	free(out);
	ck_assert_ptr_null(rules_order(in, RULES_SETS_MAX + 2));
}
END_TEST

/* --- what rules of a set may do --- */

static int to_file(void *f, const void *data, size_t len)
{
	return fwrite(data, len, 1, f) == 1 ? 0 : -EIO;
}

static struct rules *load(const struct rules_source *sources, size_t n, struct rules_trial *trial)
{
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *mem = NULL;
	struct rules *r;
	size_t len;
	FILE *f = open_memstream(&mem, &len);

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile_tried(sources, n, trial, &c, &d), 0);
	ck_assert_int_eq(rules_compiled_write(c, to_file, f), 0);
	(void)fclose(f);
	ck_assert_int_eq(rules_load(mem, len, &r), 0);
	return r;
}

static struct rule_match judged(const struct rules *r, const char *bytes, enum rules_result want)
{
	struct rules_scanner *s;
	struct rule_match m;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	ck_assert_int_eq(rules_scan(s, bytes, strlen(bytes), NULL, FAR, &m), want);
	rules_scanner_free(s);
	return m;
}

#define FINDS(name, string) "rule " name " { strings: $a = \"" string "\" condition: $a }"
#define FINDS_PE(name, string) \
	"rule " name " { strings: $a = \"" string "\" condition: uint16(0) == 0x5A4D and $a }"
#define TEXT(s) s, sizeof(s) - 1

START_TEST(match_of_the_higher_priority_is_named)
{
	const struct rules_set low = named("low", 1), high = named("high", 2);
	const struct rules_source in[] = {{"l", TEXT(FINDS("l", "abc") FINDS("only", "xyz")), &low, 0},
	                                  {"h", TEXT(FINDS("h", "abc")), &high, 0},
	                                  {"n", TEXT(FINDS("n", "none")), NULL, 0}};
	struct rules *r = load(in, 3, NULL);
	struct rule_match m = judged(r, "1abc2xyz", RULES_MATCH);

	ck_assert_str_eq(m.rule, "h");
	ck_assert_str_eq(m.set, "high");
	m = judged(r, "xyz", RULES_MATCH);
	ck_assert_str_eq(m.rule, "only");
	ck_assert_str_eq(m.set, "low");
	m = judged(r, "none", RULES_MATCH);
	ck_assert_str_eq(m.set, "");
	(void)judged(r, "clean", RULES_CLEAN);
	rules_free(r);
}
END_TEST

/* The part for Windows programs is run after the other one. */
START_TEST(match_of_the_higher_priority_is_named_across_parts)
{
	const struct rules_set low = named("low", 1), high = named("high", 2);
	const struct rules_source in[] = {
		{"l", TEXT(FINDS("l", "abc") FINDS_PE("lp", "def")), &low, 0},
		{"h", TEXT(FINDS("h", "abc") FINDS_PE("hp", "abc")), &high, 0}};
	const struct rules_source turned[] = {
		{"l", TEXT(FINDS_PE("lp", "abc") FINDS("x", "none")), &low, 0},
		{"h", TEXT(FINDS("h", "abc")), &high, 0}};
	struct rules *r = load(in, 1, NULL);

	ck_assert_str_eq(judged(r, "MZ abc def", RULES_MATCH).rule, "l");
	rules_free(r);
	r = load(in, 2, NULL);
	ck_assert_str_eq(judged(r, "MZ abc def", RULES_MATCH).rule, "h");
	ck_assert_str_eq(judged(r, "MZ def", RULES_MATCH).rule, "lp");
	rules_free(r);
	r = load(turned, 2, NULL);
	ck_assert_str_eq(judged(r, "MZ abc", RULES_MATCH).rule, "h");
	rules_free(r);
}
END_TEST

/* A rule of the part for PE, of a set that comes before that of the match of the other part. */
START_TEST(match_of_the_part_for_pe_counts_by_its_priority)
{
	const struct rules_set low = named("low", 1), high = named("high", 2);
	const struct rules_source in[] = {
		{"l", TEXT(FINDS("l", "abc")), &low, 0},
		{"h", TEXT(FINDS_PE("hp", "abc") FINDS("x", "none")), &high, 0}};
	struct rules *r = load(in, 2, NULL);
	struct rule_match m = judged(r, "MZ abc", RULES_MATCH);

	ck_assert_str_eq(m.rule, "hp");
	ck_assert_str_eq(m.set, "high");
	ck_assert_str_eq(judged(r, "ab abc", RULES_MATCH).rule, "l");
	rules_free(r);
}
END_TEST

START_TEST(set_of_level_log_refuses_nothing)
{
	struct rules_set trial = named("trial", 500), old = named("old", 1);
	const struct rules_source in[] = {{"t", TEXT(FINDS("t", "abc")), &trial, 0},
	                                  {"o", TEXT(FINDS("o", "xyz")), &old, 0}};
	struct rules *r;
	struct rule_match m;

	trial.log_only = true;
	r = load(in, 2, NULL);
	m = judged(r, "abc", RULES_MATCH_LOG);
	ck_assert_str_eq(m.rule, "t");
	ck_assert_str_eq(m.set, "trial");
	m = judged(r, "abc xyz", RULES_MATCH); /* one that denies counts, whatever its priority */
	ck_assert_str_eq(m.rule, "o");
	rules_free(r);
}
END_TEST

/* All that is said of one file of this set; freed by the caller. */
static char *refused(const char *text, const struct rules_set *set, int want)
{
	const struct rules_source in = {"/r/x.yar", text, strlen(text), set, 0};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile(&in, 1, &c, &d), want);
	return diag_text(&d);
}

START_TEST(module_that_the_set_may_not_use_is_refused_with_its_line)
{
	static const char text[] = "// x\nimport \"elf\"\nimport \"pe\"\n"
				   "rule r { condition: pe.is_pe or elf.type == 1 }";
	struct rules_set set = named("vendor", 1);
	_cleanup_(freep) char *none = NULL, *some = NULL, *all = NULL;

	set.modules = 0;
	none = refused("import \"elf\" rule r { condition: elf.type == 1 }", &set, -EINVAL);
	ck_assert_str_eq(none, "/r/x.yar:1: imports the module elf, which Modules= of the rule set "
	                       "vendor does not allow");
	set.modules = 1U << RULES_ELF;
	some = refused(text, &set, -EINVAL);
	ck_assert_str_eq(some, "/r/x.yar:3: imports the module pe, which Modules= of the rule set "
	                       "vendor does not allow");
	set.modules |= 1U << RULES_PE;
	all = refused(text, &set, 0);
	ck_assert_str_eq(all, "");
}
END_TEST

START_TEST(variable_that_the_set_may_not_look_at_is_refused_with_its_line)
{
	static const char text[] = "rule r {\n condition:\n filetype == \"ELF\" and\n owner == \"root\" }";
	struct rules_set set = named("vendor", 1);
	_cleanup_(freep) char *some = NULL, *all = NULL, *other = NULL;

	set.vars = 1U << RULES_FILETYPE;
	some = refused(text, &set, -EINVAL);
	ck_assert_str_eq(some, "/r/x.yar:4: looks at owner, which Variables= of the rule set vendor "
	                       "does not allow");
	set.vars |= 1U << RULES_OWNER;
	all = refused(text, &set, 0);
	ck_assert_str_eq(all, "");
	set.vars = 0;
	other = refused("rule r { condition: nosuch == 1 }", &set, -EINVAL);
	ck_assert_str_eq(other, "/r/x.yar:1: undefined identifier \"nosuch\"");
}
END_TEST

/* An include brings text into the set of who includes it. */
START_TEST(included_text_is_held_to_the_set_that_includes_it)
{
	struct rules_set strict = named("strict", 1), free_set = named("free", 1);
	const struct rules_source in[] = {
		{"/r/a.yar", TEXT("include \"b.yar\"\nrule a { condition: false }"), &strict, 0},
		{"/r/b.yar", TEXT("import \"elf\" rule b { condition: elf.type == 99 }"), &free_set, 0}};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL;

	strict.modules = 0;
	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile(in, 2, &c, &d), -EINVAL);
	text = diag_text(&d);
	ck_assert_str_eq(text, "/r/a.yar: imports the module elf, which Modules= of the rule set strict "
	                       "does not allow");
}
END_TEST

/* --- what is told --- */

START_TEST(report_counts_each_set_and_names_what_is_left_out)
{
	struct rules_set a = named("a", 1), b = named("b", 2);
	const struct rules_source in[] = {
		{"/a/1", TEXT(FINDS("a1", "abc") FINDS_PE("a2", "abc")), &a, 0},
		{"/a/2", TEXT("rule broken {\n condition: oops }"), &a, 0},
		{"/b/1", TEXT(FINDS("b1", "xyz")), &b, 0}};
	struct rules_trial trial = {.leave_out = true, .untried = true};
	struct rules *r = load(in, 3, &trial);
	const struct rules_report *report = &trial.report;
	struct rules_row row;
	uint8_t id[RULES_SET_ID_BYTES];
	size_t at = 0;

	ck_assert_uint_eq(report->n_sets, 2);
	ck_assert_str_eq(report->sets[0].set.name, "b");
	ck_assert_uint_eq(report->sets[0].n_rules, 1);
	ck_assert_str_eq(report->sets[1].set.name, "a");
	ck_assert_uint_eq(report->sets[1].n_rules, 2);
	ck_assert_uint_eq(report->sets[1].n_files, 1);
	ck_assert_uint_eq(report->sets[1].n_left_out, 1);
	ck_assert_uint_eq(report->tried.n_left_out, 1);
	ck_assert(rules_report_next(report, &at, &row));
	ck_assert_int_eq(row.state, RULES_BROKEN);
	ck_assert_str_eq(row.file, "/a/2");
	ck_assert_uint_eq(row.line, 2);
	ck_assert_str_eq(row.why, "undefined identifier \"oops\"");
	ck_assert(!rules_report_next(report, &at, &row));
	ck_assert_str_eq(judged(r, "abc", RULES_MATCH).set, "a");
	memcpy(id, report->sets[0].id, sizeof(id));
	rules_report_deinit(&trial.report);
	rules_free(r);

	b.priority = 3; /* another policy is another set */
	trial = (struct rules_trial){.leave_out = true, .untried = true};
	r = load(in, 3, &trial);
	ck_assert(memcmp(id, trial.report.sets[0].id, sizeof(id)) != 0);
	rules_report_deinit(&trial.report);
	rules_free(r);
}
END_TEST

UNIT_MAIN("rules-set", set_name_limits, set_masks_are_read_and_written, set_text_comes_back,
          namespace_holds_set_and_file, order_is_by_priority_then_as_given, order_sets_at_limit_and_past,
          match_of_the_higher_priority_is_named, match_of_the_higher_priority_is_named_across_parts,
          match_of_the_part_for_pe_counts_by_its_priority, set_of_level_log_refuses_nothing,
          module_that_the_set_may_not_use_is_refused_with_its_line,
          variable_that_the_set_may_not_look_at_is_refused_with_its_line,
          included_text_is_held_to_the_set_that_includes_it,
          report_counts_each_set_and_names_what_is_left_out)
