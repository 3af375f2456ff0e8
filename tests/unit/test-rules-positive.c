/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"
#include "lib/scan/rules-pick.h"
#include "lib/scan/rules-positive.h"
#include "lib/scan/rules-trial.h"
#include "unit.h"

/* libyara's own; see test-rules.c */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libyara.so\n";
}

/* What was made last. */
static struct positive last;
static uint8_t last_bytes[POSITIVE_MAX_BYTES];
static unsigned n_made;

static int keep(void *userdata, const struct positive *p)
{
	ck_assert_uint_le(p->len, sizeof(last_bytes));
	ck_assert_uint_le(p->head_len, NEED_HEAD_BYTES);
	last = *p;
	memcpy(last_bytes, p->bytes, p->len);
	n_made++;
	return 0;
}

static unsigned make(const char *text)
{
	n_made = 0;
	ck_assert_int_eq(positives_make(text, strlen(text), keep, NULL), 0);
	return n_made;
}

/* One rule of these strings and this condition. */
static const char *rule(const char *strings, const char *condition)
{
	static char text[8192];

	(void)snprintf(text, sizeof(text), "rule x { %s%s condition: %s }",
	               *strings ? "strings: " : "", strings, condition);
	return text;
}

static int to_memory(void *userdata, const void *data, size_t len)
{
	return fwrite(data, 1, len, userdata) == len ? 0 : -ENOSPC;
}

/* Does libyara find the rule in what was made of it? */
static bool is_found(const char *text)
{
	const struct rules_source s = {"t.yar", text, strlen(text)};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(freep) char *mem = NULL;
	uint8_t file[NEED_HEAD_BYTES + POSITIVE_MAX_BYTES];
	struct rule_match name;
	struct rules_scanner *scanner;
	struct rules *r;
	enum rules_result result;
	size_t len;
	FILE *f = open_memstream(&mem, &len);

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile(&s, 1, &c, NULL), 0);
	ck_assert_int_eq(rules_compiled_write(c, to_memory, f), 0);
	(void)fclose(f);
	ck_assert_int_eq(rules_load(mem, len, &r), 0);
	ck_assert_int_eq(rules_scanner_new(r, &scanner), 0);
	memcpy(file, last.head, last.head_len);
	memcpy(file + last.head_len, last_bytes, last.len);
	result = rules_scan(scanner, file, last.head_len + last.len, NULL,
	                    UINT64_MAX / 2, &name);
	rules_scanner_free(scanner);
	rules_free(r);
	return result == RULES_MATCH;
}

START_TEST(positives_make_libyara_finds_what_is_made)
{
	static const struct {
		const char *strings, *condition;
	} cases[] = {
		{"$a = \"plain\"", "$a"},
		{"$a = \"q\\\"b\\\\t\\tn\\nr\\rx\\x00\\xfe\"", "$a"},
		{"$a = \"wide\" wide", "$a"},
		{"$a = \"both\" wide ascii", "$a"},
		{"$a = \"word\" fullword wide nocase", "$a"},
		{"$a = \"word\" fullword", "$a"},
		{"$a = \"keyed\" xor", "$a"},
		{"$a = \"keyed\" xor(0-9)", "$a"},
		{"$a = { 01 2? ?3 ?? 0A }", "$a"},
		{"$a = { 01 02 [3] 04 [5-9] 06 [-] 07 }", "$a"},
		{"$a = { 01 ( 02 | 03 04 ) 05 ( 06 ( 07 | 08 ) | 09 ) 0A }", "$a"},
		{"$a = \"aaaa\" $b = \"bbbb\"", "$a and $b"},
		{"$a = \"aaaa\" $b = /re+gex/", "$a or $b"},
		{"$a = \"aaaa\" $b = /re+gex/", "any of them"},
		{"$a1 = \"aaaa\" $a2 = \"bbbb\" $b = /re+/", "all of ($a*) or $b"},
		{"$a1 = \"aaaa\" $a2 = \"bbbb\" $b = \"cccc\"", "2 of ($a1, $b*) or $a2 at 9"},
		{"$ = \"aaaa\" $ = \"bbbb\"", "all of them"},
		{"$a = \"aaaa\"", "uint16(0) == 0x5A4D and $a"},
		{"$a = \"aaaa\"", "0x7f454c46 == uint32be(0) and (filesize < 2KB or $a) and $a"},
		{"$a = \"aaaa\"", "uint8(0) == 0x7f and uint32(0) == 0x464c457f and $a"},
		{"$a = \"<?php\" $b = \"bbbb\"", "$a at 0 and $b and filesize <= 1MB"},
		{"$a = \"aaaa\"", "($a and 100KB > filesize)"},
		{"$a = \"aaaa\"", "(not $a and $a) or ($a)"},
		{"$a = \"aaaa\"", "filesize > 20 and $a or $a and true"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = rule(cases[i].strings, cases[i].condition);

		ck_assert_msg(make(text) == 1, "not made: %s", text);
		ck_assert_msg(is_found(text), "not found: %s", text);
	}
}
END_TEST

START_TEST(positives_make_what_need_not_match_is_not_made)
{
	static const struct {
		const char *strings, *condition;
	} cases[] = {
		{"$a = /reg+ex/", "$a"},
		{"$a = \"aaaa\" base64", "$a"},
		{"$a = \"aaaa\" xor(1-255)", "$a"},
		{"$a = \"aaaa\" $b = /b+/", "all of them"},
		{"$a = \"aaaa\" $b = /b+/", "2 of them"},
		{"$a = \"aaaa\"", "not $a"},
		{"$a = \"aaaa\"", "#a > 1"},
		{"$a = \"aaaa\"", "$a at 5"},
		{"$a = \"aaaa\"", "$a in (0..5)"},
		{"$a = \"aaaa\"", "0 of them"},
		{"$a = \"aaaa\"", "none of them"},
		{"$a = \"aaaa\"", "for any of them : ( $ at 9 )"},
		{"$a = \"aaaa\"", "filesize > 100KB and $a"},
		{"$a = \"aaaa\"", "uint16(0) == 0x5A4D and uint16(0) == 0x4D5A and $a"},
		{"$a = \"aaaa\"", "uint16(0) == 0x15A4D and $a"},
		{"$a = \"aaaa\"", "uint16(2) == 0x5A4D and $a"},
		{"$a = \"a sentence of more than sixteen bytes\"", "$a at 0"},
		{"$a = \"aaaa\"", "$a and unknown.thing > 3"},
		{"$a = { 01 ~02 }", "$a"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = rule(cases[i].strings, cases[i].condition);

		ck_assert_msg(make(text) == 0, "made: %s", text);
	}
	ck_assert_uint_eq(make("private rule x { condition: true }"), 0);
	ck_assert_uint_eq(make("global rule g { condition: true } rule x { condition: true }"), 0);
	ck_assert_uint_eq(make("include \"g.yar\" rule x { condition: true }"), 0);
	ck_assert_uint_eq(make("rule x { condition: true"), 0);
}
END_TEST

START_TEST(positives_make_head_size_and_line_are_told)
{
	const char *text = "/* one */\nrule a { condition: false }\n"
	                   "rule b : tag {\n strings: $a = \"aaaa\" condition: $a and "
	                   "filesize < 3KB and uint16be(0) == 0x4D5A }\n";

	ck_assert_uint_eq(make(text), 1);
	ck_assert_uint_eq(last.line, 3);
	ck_assert_uint_eq(last.name_len, 1);
	ck_assert_int_eq(*last.name, 'b');
	ck_assert_uint_eq(last.head_len, 2);
	ck_assert_mem_eq(last.head, "MZ", 2);
	ck_assert_uint_eq(last.below_bytes, 3072);
	ck_assert_uint_eq(positive_line(text, strlen(text), "b"), 3);
	ck_assert_uint_eq(positive_line(text, strlen(text), "c"), 0);
}
END_TEST

/* A string of just the limit is made, one past it is not. */
START_TEST(positives_make_literal_has_its_limit)
{
	_cleanup_(freep) char *text = malloc(2 * LITERAL_MAX_BYTES);
	int n = sprintf(text, "rule x { strings: $a = \"");

	memset(text + n, 'a', LITERAL_MAX_BYTES);
	strcpy(text + n + LITERAL_MAX_BYTES, "\" condition: $a }");
	ck_assert_uint_eq(make(text), 1);
	strcpy(text + n + LITERAL_MAX_BYTES, "a\" condition: $a }");
	ck_assert_uint_eq(make(text), 0);
}
END_TEST

START_TEST(positives_make_strings_have_their_limit)
{
	_cleanup_(freep) char *text = NULL;
	size_t len;

	for (unsigned n = NEED_STRINGS_MAX; n <= NEED_STRINGS_MAX + 1; n++) {
		FILE *f = open_memstream(&text, &len);

		(void)fprintf(f, "rule x { strings: ");
		for (unsigned i = 0; i < n; i++)
			(void)fprintf(f, "$s%u = \"%04u\" ", i, i);
		(void)fprintf(f, "condition: $s1 }");
		(void)fclose(f);
		ck_assert_uint_eq(make(text), n == NEED_STRINGS_MAX);
		free(ptr_take(&text));
	}
}
END_TEST

START_TEST(pick_text_has_the_chosen_rules_on_their_lines)
{
	const char *text = "import \"pe\"\nrule a { condition: true }\nprivate rule p { "
	                   "condition: true }\nrule b {\n condition: p }\nrule c { condition: a }";
	struct pick p;

	ck_assert_int_eq(pick_init(&p, text, strlen(text)), 0);
	ck_assert_uint_eq(p.n, 3);
	ck_assert_uint_eq(p.rules[1].line, 4);
	ck_assert_uint_eq(p.rules[2].line, 6);
	for (unsigned i = 0; i < 3; i++) {
		_cleanup_(freep) char *some = pick_text(&p, i, i + 1);

		ck_assert_uint_eq(strlen(some), strlen(text));
		ck_assert_ptr_nonnull(strstr(some, "import \"pe\"\n"));
		ck_assert_ptr_nonnull(strstr(some, "private rule p"));
		ck_assert_int_eq(strstr(some, "\nrule a {") != NULL, i == 0);
		ck_assert_int_eq(strstr(some, "\nrule b {") != NULL, i == 1);
		ck_assert_int_eq(strstr(some, "\nrule c {") != NULL, i == 2);
	}
	pick_deinit(&p);
	ck_assert_int_eq(pick_init(&p, "rule x {", 8), -EINVAL);
	ck_assert_uint_eq(p.n, 0);
}
END_TEST

/* Collections come as one file of ten thousand rules and more. */
START_TEST(positives_make_of_a_large_file_takes_no_square_of_its_size)
{
	enum { N = 6000, LINES = 1000 };
	static const char one[] = "rule x { strings: $a = \"text\" condition: $a }";
	const size_t each = LINES + sizeof(one) - 1;
	_cleanup_(freep) char *text = malloc(N * each + 1);
	nsec_t began;

	for (size_t i = 0; i < N; i++) {
		memset(text + i * each, '\n', LINES);
		memcpy(text + i * each + LINES, one, sizeof(one));
	}
	began = clock_thread();
	ck_assert_uint_eq(make(text), N);
	ck_assert_uint_eq(last.line, N * LINES + 1);
	/* 0.1 s; 7 s when lines were counted anew for each rule */
	ck_assert_uint_lt(clock_thread() - began, 2 * NSEC_PER_SEC);
}
END_TEST

UNIT_MAIN("rules-positive", positives_make_libyara_finds_what_is_made,
          positives_make_what_need_not_match_is_not_made,
          positives_make_head_size_and_line_are_told, positives_make_literal_has_its_limit,
          positives_make_strings_have_their_limit,
          pick_text_has_the_chosen_rules_on_their_lines,
          positives_make_of_a_large_file_takes_no_square_of_its_size)
