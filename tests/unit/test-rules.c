/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"
#include "lib/scan/rules-tell.h"
#include "lib/scan/rules-yara.h"
#include "unit.h"

#define SOURCE(name, text) {name, text, sizeof(text) - 1}
#define FAR (clock_now() + 30 * NSEC_PER_SEC)

/* libyara loses its lexer when a file includes itself; ours to know, not to mend. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libyara.so\n";
}

struct memory {
	uint8_t *p;
	size_t len;
};

static int to_memory(void *userdata, const void *data, size_t len)
{
	struct memory *m = userdata;

	m->p = realloc(m->p, m->len + len);
	memcpy(m->p + m->len, data, len);
	m->len += len;
	return 0;
}

static int compile(const struct rules_source *s, size_t n, struct diag *d)
{
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;

	ck_assert_int_eq(rules_global_init(), 0);
	return rules_compile(s, n, &c, d);
}

/* Compile one text, write and load it. */
static struct rules *load(const char *text)
{
	struct rules_source s = {"t.yar", text, strlen(text)};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct memory m = {0};
	struct rules *r;

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile(&s, 1, &c, &d), 0);
	ck_assert_int_eq(rules_compiled_write(c, to_memory, &m), 0);
	ck_assert_int_eq(rules_load(m.p, m.len, &r), 0);
	ck_assert_uint_eq(rules_count(r), rules_compiled_count(c));
	free(m.p);
	return r;
}

START_TEST(compile_errors_name_file_and_line_of_every_bad_file)
{
	static const struct rules_source s[] = {
		SOURCE("/r/a.yar", "rule ok { condition: true }"),
		SOURCE("/r/b.yar", "\n\nrule x { condition: nonsense }\n"),
		SOURCE("/r/c.yar", "rule y { oops }"),
	};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(compile(s, 3, &d), -EINVAL);
	ck_assert_uint_ge(d.n_total, 2);
	ck_assert_str_eq(d.items[0].file, "/r/b.yar");
	ck_assert_uint_eq(d.items[0].line, 3);
	ck_assert_ptr_nonnull(strstr(d.items[0].reason, "nonsense"));
	ck_assert_str_eq(d.items[1].file, "/r/c.yar");
	ck_assert_uint_eq(d.items[1].line, 1);
	ck_assert_int_eq(compile(s, 3, NULL), -EINVAL);
}
END_TEST

START_TEST(compile_same_rule_name_in_two_files_is_fine)
{
	static const struct rules_source s[] = {
		SOURCE("/r/a.yar", "rule x { condition: true }"),
		SOURCE("/r/b.yar", "rule x { condition: true }"),
		{"/r/empty.yar", "", 0},
	};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(compile(s, 3, &d), 0);
	ck_assert_int_eq(compile(NULL, 0, &d), 0);
}
END_TEST

START_TEST(compile_include_inside_the_set_is_found)
{
	static const struct rules_source s[] = {
		SOURCE("/r/main.yar", "include \"sub/a.yar\"\nrule m { condition: a }"),
		SOURCE("/r/sub/a.yar", "include \"./../b.yar\"\nrule a { condition: b }"),
		SOURCE("/r/b.yar", "rule b { condition: true }"),
	};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(compile(s, 3, &d), 0);
}
END_TEST

START_TEST(compile_include_outside_the_set_is_refused)
{
	static const struct rules_source s[] = {
		SOURCE("/r/main.yar", "include \"/etc/hostname\"\nrule m { condition: true }"),
	};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(compile(s, 1, &d), -EINVAL);
	ck_assert_str_eq(d.items[0].file, "/r/main.yar");
	ck_assert_uint_eq(d.items[0].line, 1);
}
END_TEST

START_TEST(compile_error_in_an_include_names_the_included_file)
{
	static const struct rules_source s[] = {
		SOURCE("/r/main.yar", "include \"bad.yar\"\n"),
		SOURCE("/r/bad.yar", "\nrule a { condition: nonsense }"),
	};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(compile(s, 1, &d), -EINVAL); /* not in the set */
	diag_deinit(&d);
	ck_assert_int_eq(compile(s, 2, &d), -EINVAL);
	ck_assert_str_eq(d.items[0].file, "/r/bad.yar");
	ck_assert_uint_eq(d.items[0].line, 2);
}
END_TEST

START_TEST(compile_include_of_itself_ends)
{
	static const struct rules_source s[] = {
		SOURCE("/r/a.yar", "include \"a.yar\"\nrule x { condition: true }"),
	};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(compile(s, 1, &d), -EINVAL);
}
END_TEST

START_TEST(compile_modules_magic_and_cuckoo_are_refused)
{
	static const struct rules_source s[] = {
		SOURCE("/r/m.yar", "import \"magic\"\nrule x { condition: magic.type() contains "
		                   "\"ELF\" }"),
		SOURCE("/r/c.yar", "import \"cuckoo\"\nrule x { condition: "
		                   "cuckoo.network.http_request(/x/) }"),
		SOURCE("/r/p.yar", "import \"pe\"\nrule x { condition: pe.is_dll() }"),
	};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(compile(s, 3, &d), -EINVAL);
	ck_assert_uint_eq(d.n_total, 2);
	ck_assert_str_eq(d.items[0].file, "/r/m.yar");
	ck_assert_ptr_nonnull(strstr(d.items[0].reason, "magic"));
	ck_assert_ptr_nonnull(strstr(d.items[1].reason, "cuckoo"));
}
END_TEST

#define VARS RULESET_USES_VARS
#define NAME RULESET_USES_NAME

START_TEST(compile_tells_what_the_rules_look_at)
{
	static const struct {
		const char *text;
		unsigned uses;
	} cases[] = {
		{"rule x { condition: true }", 0},
		{"rule x { strings: $a = \"filename owner\" condition: $a }", 0},
		{"rule x { condition: filename == \"a\" }", VARS | NAME},
		{"rule x { condition: filepath matches /a/ }", VARS | NAME},
		{"rule x { condition: filesize < 9 and extension == \".x\" }", VARS | NAME},
		{"rule x { condition: filetype == \"ELF\" }", VARS},
		{"rule x { condition: owner == \"0\" }", VARS | RULESET_USES_OWNER},
		{"rule x { condition: filetype == \"a\" and filename == \"b\" }", VARS | NAME},
		{"rule x { condition: owner == \"0\" and filetype == filepath }",
	         VARS | NAME | RULESET_USES_OWNER},
		{"import \"time\" rule x { condition: time.now() > 5 }", RULESET_USES_TIME},
		{"import \"pe\" rule x { condition: pe.timestamp > 5 }", 0},
	};

	ck_assert_int_eq(rules_global_init(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct rules_source s = SOURCE("a", "");
		_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;

		s.text = cases[i].text;
		s.len = strlen(s.text);
		ck_assert_int_eq(rules_compile(&s, 1, &c, NULL), 0);
		ck_assert_msg(rules_compiled_uses(c) == cases[i].uses, "%s: %u", s.text,
		              rules_compiled_uses(c));
	}
}
END_TEST

START_TEST(compile_what_any_file_looks_at_counts)
{
	static const struct rules_source s[] = {
		SOURCE("/r/a.yar", "rule a { condition: true }"),
		SOURCE("/r/b.yar", "include \"c.inc\""),
		SOURCE("/r/c.inc", "rule c { condition: extension == \".x\" }"),
		SOURCE("/r/d.yar", "rule d { condition: filetype == \"ELF\" }"),
	};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile(s, ARRAY_SIZE(s), &c, NULL), 0);
	ck_assert_uint_eq(rules_compiled_uses(c), VARS | NAME);
}
END_TEST

static int fail_sink(void *userdata, const void *data, size_t len)
{
	return -ENOSPC;
}

START_TEST(write_failing_sink_is_handed_up)
{
	static const struct rules_source s = SOURCE("a", "rule x { condition: true }");
	struct rules_compiled *c;

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile(&s, 1, &c, NULL), 0);
	ck_assert_int_eq(rules_compiled_write(c, fail_sink, NULL), -ENOSPC);
	rules_compiled_free(c);
}
END_TEST

START_TEST(load_cut_off_rules_are_damaged)
{
	struct rules *r;

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_load("", 0, &r), -EBADMSG);
	ck_assert_int_eq(rules_load("YARA", 4, &r), -EBADMSG);
	ck_assert_int_eq(rules_load("not rules at all", 16, &r), -EBADMSG);
}
END_TEST

/* libyara keeps them for a save that never comes. */
START_TEST(load_keeps_no_list_of_pointers)
{
	struct rules *r = load("rule a { strings: $a = \"abc\" condition: $a } "
	                       "rule b { strings: $a = \"abc\" condition: uint16(0) == 0x5A4D and $a }");

	ck_assert_ptr_null(r->yr->arena->reloc_list_head);
	ck_assert_ptr_nonnull(r->pe);
	ck_assert_ptr_null(r->pe->arena->reloc_list_head);
	rules_free(r);
}
END_TEST

START_TEST(scan_first_matching_rule_is_named)
{
	struct rules *r = load("rule no { condition: false } rule one { strings: $a = \"abc\" "
	                       "condition: $a } rule two { condition: true }");
	struct rule_match name;
	struct rules_scanner *s;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	ck_assert_int_eq(rules_scan(s, "xabcx", 5, NULL, FAR, &name), RULES_MATCH);
	ck_assert_str_eq(name.rule, "one");
	ck_assert_int_eq(rules_scan(s, "xabx", 4, NULL, FAR, &name), RULES_MATCH);
	ck_assert_str_eq(name.rule, "two");
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

#define LOG_A  "rule log_a { meta: level = \"log\" strings: $a = \"aaaa\" condition: $a } "
#define LOG_B  "rule log_b { meta: level = \"log\" strings: $b = \"bbbb\" condition: $b } "
#define DENY_C "rule deny_c { meta: level = \"deny\" strings: $c = \"cccc\" condition: $c } "
/* Neither of these is "log": rules from elsewhere have not heard of levels. */
#define MORE_D "rule d { meta: level = \"LOG\" level = \"log\" strings: $d = \"dddd\" condition: $d } "
#define MORE_E "rule e { meta: level = 1 strings: $e = \"eeee\" condition: $e } "
#define MORE_F "rule f { meta: severity = \"log\" strings: $f = \"ffff\" condition: $f } "

struct level_case {
	const char *text;
	enum rules_result result;
	const char *rule;
};

static void check_levels(struct rules *r, const struct level_case *cases, size_t n)
{
	struct rules_scanner *s;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	for (size_t i = 0; i < n; i++) {
		const char *text = cases[i].text;
		struct rule_match name;

		ck_assert_msg(rules_scan(s, text, strlen(text), NULL, FAR, &name) ==
		                      cases[i].result, "%s", text);
		if (cases[i].rule)
			ck_assert_str_eq(name.rule, cases[i].rule);
	}
	rules_scanner_free(s);
	rules_free(r);
}

START_TEST(scan_level_log_yields_to_rules_that_deny)
{
	static const struct level_case cases[] = {
		{"xaaaax", RULES_MATCH_LOG, "log_a"},
		{"bbbb aaaa", RULES_MATCH_LOG, "log_a"}, /* the first rule, not the first place */
		{"bbbb", RULES_MATCH_LOG, "log_b"},
		{"aaaa bbbb cccc", RULES_MATCH, "deny_c"},
		{"cccc aaaa", RULES_MATCH, "deny_c"},
		{"none", RULES_CLEAN, NULL}, /* what the file before left is gone */
		{"aaaa dddd", RULES_MATCH, "d"},
		{"aaaa eeee", RULES_MATCH, "e"},
		{"aaaa ffff", RULES_MATCH, "f"},
	};
	struct rules *r = load(LOG_A LOG_B DENY_C MORE_D MORE_E MORE_F);

	check_levels(r, cases, ARRAY_SIZE(cases));
}
END_TEST

/* A rule that is for PE alone is in a part of its own, and asked second. */
START_TEST(scan_level_log_counts_in_both_parts)
{
	static const struct level_case cases[] = {
		{"MZ aaaa", RULES_MATCH_LOG, "log_a"},
		{"MZ aaaa pppp", RULES_MATCH_LOG, "log_a"},
		{"MZ pppp", RULES_MATCH_LOG, "log_p"},
		{"MZ aaaa qqqq", RULES_MATCH, "deny_q"},
		{"pppp qqqq", RULES_CLEAN, NULL},
	};
	struct rules *r = load(LOG_A "rule log_p { meta: level = \"log\" strings: $p = \"pppp\" "
	                       "condition: uint16(0) == 0x5A4D and $p } "
	                       "rule deny_q { strings: $q = \"qqqq\" "
	                       "condition: uint16(0) == 0x5A4D and $q }");

	check_levels(r, cases, ARRAY_SIZE(cases));
}
END_TEST

/* What was not evaluated may have denied: a match of level log must not hide that. */
START_TEST(scan_level_log_does_not_hide_a_time_out)
{
	struct rules *r = load(LOG_A "rule slow { condition: uint8(0) == 0x61 and for all i in "
	                       "(0..2000000000) : (uint8(i % 4) == 0x61) }");
	struct rule_match name;
	struct rules_scanner *s;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	ck_assert_int_eq(rules_scan(s, "aaaa", 4, NULL, clock_now() + 100 * NSEC_PER_MSEC, &name),
	                 RULES_TIMEOUT);
	ck_assert_int_eq(rules_scan(s, "baaaa", 5, NULL, FAR, &name), RULES_MATCH_LOG);
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

START_TEST(scan_entry_point_of_the_file_before_is_forgotten)
{
	/* 32-bit ELF header, entry point at file offset 0x54, one loadable segment */
	static const uint8_t elf[128] = {
		0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 4, 8, 0x34, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0x34, 0, 0x20, 0, 1, 0, 0x28, 0,
		0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 4, 8,
		0, 0x80, 4, 8, 0x80, 0, 0, 0, 0x80, 0, 0, 0, 5, 0, 0, 0,
		0, 0x10, 0, 0,
	};
	static const uint8_t text[128] = "no program, and so without an entry point";
	struct rules *r = load("rule e { condition: entrypoint == 0x54 }");
	struct rule_match name;
	struct rules_scanner *s;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	ck_assert_int_eq(rules_scan(s, text, sizeof(text), NULL, FAR, &name), RULES_CLEAN);
	ck_assert_int_eq(rules_scan(s, elf, sizeof(elf), NULL, FAR, &name), RULES_MATCH);
	ck_assert_int_eq(rules_scan(s, text, sizeof(text), NULL, FAR, &name), RULES_CLEAN);
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

START_TEST(scan_deadline_in_the_past_times_out)
{
	struct rules *r = load("rule x { condition: true }");
	struct rule_match name;
	struct rules_scanner *s;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	ck_assert_int_eq(rules_scan(s, "a", 1, NULL, clock_now(), &name), RULES_TIMEOUT);
	ck_assert_int_eq(rules_scan(s, "a", 1, NULL, FAR, &name), RULES_MATCH);
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

/* libyara counts to the number of processors that the file tells of, and no deadline stops it. */
START_TEST(scan_universal_binary_without_end_is_an_error)
{
	struct rules *r = load("import \"macho\" rule a { condition: macho.nfat_arch == 7 }"
	                       "rule b { strings: $m = \"mark\" condition: $m }");
	struct rules_scanner *s;
	uint8_t fat[64] = {0xca, 0xfe, 0xba, 0xbe, 0, 0, 4, 0};
	struct rule_match name;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	memcpy(fat + 40, "mark", 4);
	ck_assert_int_eq(rules_scan(s, fat, sizeof(fat), NULL, FAR, &name), RULES_MATCH);
	fat[7] = 1; /* one more than are looked at */
	ck_assert_int_eq(rules_scan(s, fat, sizeof(fat), NULL, FAR, &name), RULES_ERROR);
	memset(fat + 4, 0xff, 4);
	ck_assert_int_eq(rules_scan(s, fat, sizeof(fat), NULL, FAR, &name), RULES_ERROR);
	fat[3] = 0xbf;
	ck_assert_int_eq(rules_scan(s, fat, sizeof(fat), NULL, FAR, &name), RULES_ERROR);
	ck_assert_int_eq(rules_scan(s, fat, 7, NULL, FAR, &name), RULES_CLEAN);
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

/* What a class file of Java begins with where a universal binary has a number of processors: a minor version that is not
 * 0, as those of Java 1.1 (3) and of what is to come (65535) have it. */
static const uint8_t class_file[] = {0xca, 0xfe, 0xba, 0xbe, 0, 3, 0, 45, 0, 16, 10, 0, 3, 0, 13};

/* Of a class file that is too small to be a universal binary the module makes nothing, and the rest is as ever. */
START_TEST(scan_class_file_is_no_universal_binary)
{
	struct rules *r = load("import \"macho\" rule a { condition: macho.nfat_arch > 7 or macho.fat_magic == 0xcafebabe }"
	                       "rule b { strings: $m = \"mark\" condition: $m and not defined macho.nfat_arch and "
	                       "filesize == 64 and uint32be(0) == 0xcafebabe and uint8(40) == 0x6d }");
	uint8_t file[64] = {0};
	struct rules_scanner *s;
	struct rule_match name;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	for (unsigned preview = 0; preview < 2; preview++) {
		memcpy(file, class_file, sizeof(class_file));
		if (preview)
			memcpy(file + 4, "\xff\xff\0\x41", 4);
		memset(file + 40, 0, 4);
		ck_assert_int_eq(rules_scan(s, file, sizeof(file), NULL, FAR, &name), RULES_CLEAN);
		memcpy(file + 40, "mark", 4);
		ck_assert_int_eq(rules_scan(s, file, sizeof(file), NULL, FAR, &name), RULES_MATCH);
		ck_assert_str_eq(name.rule, "b");
	}
	/* the next is read as ever */
	memcpy(file, "\xca\xfe\xba\xbe\0\0\0\x8", 8);
	ck_assert_int_eq(rules_scan(s, file, sizeof(file), NULL, FAR, &name), RULES_MATCH);
	ck_assert_str_eq(name.rule, "a");
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

/* What is large enough for its table of processors may be either; what only begins like a class file is none. */
START_TEST(scan_what_may_be_a_universal_binary_without_end_is_an_error)
{
	static const struct {
		uint8_t at, value;
	} wrong[] = {{3, 0xbf}, {7, 44}, {6, 1}, {9, 1}, {10, 0}, {10, 2}, {10, 13}, {10, 14}, {10, 21}};
	struct rules *r = load("import \"macho\" rule a { condition: macho.nfat_arch == 7 }"
	                       "rule b { strings: $m = \"mark\" condition: $m }");
	const size_t table = 8 + (size_t)0x3002d * 20;
	uint8_t *file = calloc(table, 1);
	struct rules_scanner *s;
	struct rule_match name;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	memcpy(file, class_file, sizeof(class_file));
	ck_assert_int_eq(rules_scan(s, file, table - 1, NULL, FAR, &name), RULES_CLEAN);
	ck_assert_int_eq(rules_scan(s, file, table, NULL, FAR, &name), RULES_ERROR);
	ck_assert_int_eq(rules_scan(s, file, 11, NULL, FAR, &name), RULES_CLEAN);
	ck_assert_int_eq(rules_scan(s, file, 10, NULL, FAR, &name), RULES_ERROR);
	/* nor is the one after an error hidden from the rules */
	memcpy(file + 40, "mark", 4);
	ck_assert_int_eq(rules_scan(s, file, 64, NULL, FAR, &name), RULES_MATCH);
	ck_assert_str_eq(name.rule, "b");
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		memcpy(file, class_file, sizeof(class_file));
		file[wrong[i].at] = wrong[i].value;
		if (wrong[i].at == 9)
			file[8] = 0;
		ck_assert_msg(rules_scan(s, file, 64, NULL, FAR, &name) == RULES_ERROR, "%u", i);
	}
	rules_scanner_free(s);
	rules_free(r);
	free(file);
}
END_TEST

START_TEST(scan_slow_rule_times_out_within_a_second_and_recovers)
{
	struct rules *r = load("rule slow { condition: uint8(0) == 0x61 and for all i in (0..2000000000) : "
	                       "(uint8(i % 4) == 0x61) }"
	                       " rule quick { strings: $a = \"quick\" condition: $a }");
	struct rule_match name;
	struct rules_scanner *s;
	nsec_t start = clock_now();

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	ck_assert_int_eq(rules_scan(s, "aaaa", 4, NULL, start + 100 * NSEC_PER_MSEC, &name),
	                 RULES_TIMEOUT);
	ck_assert_uint_lt(clock_now() - start, 20 * NSEC_PER_SEC); /* libyara is not exact */
	ck_assert_int_eq(rules_scan(s, "quick", 5, NULL, FAR, &name), RULES_MATCH);
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

/* libyara drops a string after a million matches: the file was not judged in full. */
START_TEST(scan_too_many_matches_is_an_error_unless_a_rule_matched)
{
	size_t len = 2 << 20;
	_cleanup_(freep) char *buf = malloc(len);
	struct rules *r = load("rule many { strings: $a = \"aa\" condition: #a == 1 } "
	                       "rule end { strings: $b = \"END\" condition: $b }");
	struct rule_match name;
	struct rules_scanner *s;

	memset(buf, 'a', len);
	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	ck_assert_int_eq(rules_scan(s, buf, len, NULL, FAR, &name), RULES_ERROR);
	ck_assert_int_eq(rules_scan(s, "aa", 2, NULL, FAR, &name), RULES_MATCH);
	memcpy(buf + len - 3, "END", 3);
	ck_assert_int_eq(rules_scan(s, buf, len, NULL, FAR, &name), RULES_MATCH);
	ck_assert_str_eq(name.rule, "end");
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

static void note(void *userdata, const char *file, const char *rule)
{
	char *told = userdata;

	(void)snprintf(told + strlen(told), 64, "%s:%s ", file, rule);
}

/* Also behind one that would end the scan, in both parts, and each once: as yara(1) tells them. */
START_TEST(scan_that_tells_goes_on_behind_a_match)
{
	struct rules *r = load("import \"pe\" rule a { condition: true } "
	                       "rule b { condition: uint16(0) == 0x5a4d } "
	                       "rule c { condition: filesize > 1 or pe.number_of_sections > 0 } "
	                       "private rule d { condition: true } rule e { condition: filesize == 2 }");
	struct rule_match name;
	char told[1024] = "";
	struct rules_scanner *s;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	rules_scanner_tell(s, note, told);
	ck_assert_int_eq(rules_scan(s, "MZ", 2, NULL, FAR, &name), RULES_CLEAN);
	ck_assert_str_eq(told, "t.yar:a t.yar:e t.yar:b t.yar:c ");
	*told = '\0';
	ck_assert_int_eq(rules_scan(s, "xx", 2, NULL, FAR, &name), RULES_CLEAN);
	ck_assert_str_eq(told, "t.yar:a t.yar:c t.yar:e ");
	ck_assert_int_eq(rules_scan(s, "xx", 2, NULL, clock_now(), &name), RULES_TIMEOUT);
	rules_scanner_free(s);
	rules_free(r);
}
END_TEST

UNIT_MAIN("rules", compile_errors_name_file_and_line_of_every_bad_file,
          compile_same_rule_name_in_two_files_is_fine,
          compile_include_inside_the_set_is_found,
          compile_include_outside_the_set_is_refused,
          compile_error_in_an_include_names_the_included_file,
          compile_include_of_itself_ends, compile_modules_magic_and_cuckoo_are_refused,
          compile_tells_what_the_rules_look_at,
          compile_what_any_file_looks_at_counts, write_failing_sink_is_handed_up,
          load_cut_off_rules_are_damaged, load_keeps_no_list_of_pointers, scan_first_matching_rule_is_named,
          scan_level_log_yields_to_rules_that_deny, scan_level_log_counts_in_both_parts,
          scan_level_log_does_not_hide_a_time_out,
          scan_entry_point_of_the_file_before_is_forgotten,
          scan_deadline_in_the_past_times_out,
          scan_universal_binary_without_end_is_an_error,
          scan_class_file_is_no_universal_binary,
          scan_what_may_be_a_universal_binary_without_end_is_an_error,
          scan_slow_rule_times_out_within_a_second_and_recovers,
          scan_too_many_matches_is_an_error_unless_a_rule_matched,
          scan_that_tells_goes_on_behind_a_match)
