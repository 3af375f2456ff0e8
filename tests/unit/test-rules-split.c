/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"
#include "lib/scan/rules-split.h"
#include "unit.h"

#define FAR (clock_now() + 30 * NSEC_PER_SEC)

/* libyara's own; see test-rules.c */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libyara.so\n";
}

static int split(const char *text, struct rules_parts *ret)
{
	return rules_split(text, strlen(text), ret);
}

static int to_memory(void *userdata, const void *data, size_t len)
{
	return fwrite(data, 1, len, userdata) == len ? 0 : -ENOSPC;
}

static struct rules *load(const char *text, uint64_t n_rules)
{
	const struct rules_source s = {"t.yar", text, strlen(text)};
	_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;
	_cleanup_(freep) char *mem = NULL;
	struct rules *r, *r_cut;
	uint64_t first;
	size_t len;
	FILE *f = open_memstream(&mem, &len);

	ck_assert_int_eq(rules_global_init(), 0);
	ck_assert_int_eq(rules_compile(&s, 1, &c, NULL), 0);
	ck_assert_int_eq(rules_compiled_write(c, to_memory, f), 0);
	(void)fclose(f);
	ck_assert_int_eq(rules_load(mem, len, &r), 0);
	ck_assert_uint_eq(rules_count(r), n_rules);
	/* cut off in the first part: libyara does not get to see it */
	memcpy(&first, mem + 8, sizeof(first));
	for (size_t cut = 0; cut < 16 + first; cut++)
		ck_assert_int_eq(rules_load(mem, cut, &r_cut), -EBADMSG);
	return r;
}

static const char *judged(struct rules *r, const char *bytes)
{
	static struct rule_match match;
	struct rules_scanner *s;
	enum rules_result result;

	ck_assert_int_eq(rules_scanner_new(r, &s), 0);
	result = rules_scan(s, bytes, strlen(bytes), NULL, FAR, &match);
	rules_scanner_free(s);
	ck_assert(result == RULES_MATCH || result == RULES_CLEAN);
	return result == RULES_MATCH ? match.rule : "";
}

/* Is a rule with this condition one for PE? */
static bool is_pe(const char *condition)
{
	struct rules_parts parts;
	char text[4096];
	int r;

	(void)snprintf(text, sizeof(text),
	               "import \"pe\"\n"
	               "rule before { condition: uint16(0) == 0x5A4D }\n"
	               "rule other { condition: true }\n"
	               "rule tested {\n"
	               "  meta: a = \"condition: }\" b = 1\n"
	               "  strings:\n"
	               "    $mz = \"MZ\" ascii $hex = { 4d 5A 90 } $hexc = { 4d /* } */ 5A } $text = \"MZx\" fullword\n"
	               "    $soft = \"MZ\" nocase $wide = \"MZ\" wide $zm = \"ZM\" $hexzm = { 5a 4d }\n"
	               "    $re = /MZ}[\\/]/ $esc = \"\\x4d\\x5a\"\n"
	               "  condition: %s and any of them }\n",
	               condition);
	r = split(text, &parts);
	ck_assert_int_eq(r, 1); /* "before" is one for sure */
	ck_assert_uint_eq(strlen(parts.pe), strlen(text));
	ck_assert_uint_eq(strlen(parts.other), strlen(text));
	ck_assert_ptr_nonnull(strstr(parts.pe, "rule before"));
	ck_assert_ptr_nonnull(strstr(parts.other, "rule other"));
	ck_assert_ptr_null(strstr(parts.pe, "rule other"));
	ck_assert(strstr(parts.pe, "rule tested") || strstr(parts.other, "rule tested"));
	r = strstr(parts.other, "rule tested") == NULL;
	rules_parts_deinit(&parts);
	return r;
}

START_TEST(rules_split_tests_for_pe_are_seen)
{
	static const char *const conditions[] = {
		"uint16(0) == 0x5A4D",
		"uint16(0)==23117",
		"0x5a4d == uint16 ( 0x0 )",
		"uint16be(0) == 0x4D5A",
		"uint32(0) == 0x00905a4d",
		"uint32be(0) == 0x4d5a9000",
		"( ( uint16(0) == 0x5a4d ) )",
		"filesize < 1MB and uint16(0) == 0x5a4d and (filesize > 5 or filesize < 3)",
		"(uint16(0) == 0x5a4d or $mz at 0)",
		"(uint16(0) == 0x5a4d and filesize < 2 or pe.is_pe and filesize > 9)",
		"$mz at 0",
		"$hex at 0",
		"$text at 0x00",
		"pe.is_pe",
		"pe.number_of_sections == 3",
		"pe.sections[0].name == \".text\"",
		"pe.version_info[\"a\"] contains \"or\"",
		"pe.imphash() == \"00\"",
		"pe.imports(\"a.dll\", \"and\")",
		"pe.exports(\"x\")",
		"(pe.is_dll() or pe.is_32bit() or pe.is_64bit())",
		"not pe.number_of_sections == 3",
		"not pe.imphash() == \"00\"",
		"uint32be(pe.overlay.offset + 4) == 5",
		"uint8(pe.entry_point) > 0",
		"$mz at pe.entry_point",
		"pe.characteristics & pe.DLL",
		"pe.timestamp > 5 // or true\n",
		"for any i in (0..pe.number_of_sections - 1) : ( pe.sections[i].name == \"a\" or true )",
		"for any i in (0x0 .. pe.number_of_signatures):(true)",
		"for any s in pe.sections : ( s.name == \"a\" )",
		"/* or */ pe.machine == pe.MACHINE_I386",
		"dotnet.is_dotnet",
		"dotnet.guids[0] == \"\"",
		"(dotnet.version == \"\" or pe.machine == 3)",
		"for any i in (0..dotnet.number_of_streams - 1) : ( true )",
		"before",
	};

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
		ck_assert_msg(is_pe(conditions[i]), "%s", conditions[i]);
}
END_TEST

START_TEST(rules_split_anything_else_is_not_for_pe)
{
	static const char *const conditions[] = {
		"true",
		"uint16(0) == 0x5A4C",
		"uint16(0) == 0x5A4D == false",
		"uint16(0) != 0x5A4D",
		"uint16(1) == 0x5A4D",
		"uint16(0) == 0x5A4DKB",
		"uint16(0) == 05A4D",
		"uint32(0) == 0x905a4d00",
		"not uint16(0) == 0x5A4D",
		"not (uint16(0) == 0x5A4D)",
		"uint16(0) == 0x5A4D or filesize < 5",
		"(uint16(0) == 0x5A4D or uint32(0) == 0x464c457f)",
		"(filesize < 5 or (uint16(0) == 0x5a4d))",
		"for any i in (1..3) : ( uint16(0) == 0x5A4D and i > 0 )",
		"for all i in (1..0) : ( pe.is_pe and i > 0 )",
		"for all i in (0..pe.number_of_sections - 1) : ( true )",
		"for none i in (0..pe.number_of_sections - 1) : ( true )",
		"for 0 i in (0..pe.number_of_sections - 1) : ( true )",
		"for any i in (0..5) : ( pe.number_of_sections == i )",
		"for any i in (0..pe.number_of_sections - filesize) : ( true )",
		"for any i in (0..pe.number_of_sections, 9) : ( true )",
		"$soft at 0",
		"$wide at 0",
		"$zm at 0",
		"$hexzm at 0",
		"$re at 0",
		"$hexc at 0",
		"$mz at 1",
		"$mz",
		"not pe.is_pe",
		"pe.is_pe == 0",
		"not dotnet.is_dotnet",
		"dotnet.is_dotnet == 0",
		"dotnet.version != \"\"",
		"not pe.is_dll()",
		"not pe.imports(\"a\")",
		"not (pe.number_of_sections == 3)",
		"not for any i in (0..pe.number_of_sections) : ( true )",
		"pe.DLL & pe.characteristics",
		"filesize + pe.number_of_sections == 3",
		"uint8(0 + pe.entry_point) == 0",
		"not defined pe.number_of_sections",
		"defined pe.number_of_sections == false",
		"pe.number_of_sections != 3",
		"pe.MACHINE_I386 == 0x14c",
		"pe.number_of_sections == 1 == false",
		"pe.imports(\"a.dll\", \"b\") or filesize > 0",
		"other",
		"not before",
		"elf.type == 2",
	};

	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
		ck_assert_msg(!is_pe(conditions[i]), "%s", conditions[i]);
}
END_TEST

START_TEST(rules_split_not_understood_stays_whole)
{
	static const char *const texts[] = {
		"",
		"rule a { condition: true }",
		"global rule a { condition: uint16(0) == 0x5A4D }",
		"global rule g { condition: true } rule a { condition: uint16(0) == 0x5A4D }",
		"private global rule a { condition: uint16(0) == 0x5A4D }",
		"include \"x.yar\" rule a { condition: uint16(0) == 0x5A4D }",
		"rule a { condition: uint16(0) == 0x5A4D",
		"rule a { condition: uint16(0) == 0x5A4D } /* no end",
		"rule a { strings: $a = \"no end\n condition: uint16(0) == 0x5A4D }",
		"rule a { strings: $a = { 4D condition: uint16(0) == 0x5A4D ",
		"rule a { uint16(0) == 0x5A4D }",
		"rule a { condition: }",
		"import pe rule a { condition: uint16(0) == 0x5A4D }",
		"rule a { condition: uint16(0) == 0x5A4D } rule b { condition: any of (a*) }",
		"rule a { condition: uint16(0) == 0x5A4D } rule b { condition: any of (a*, b) }",
	};
	struct rules_parts parts;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		ck_assert_msg(split(texts[i], &parts) == 0, "%s", texts[i]);
		ck_assert(!parts.pe && !parts.other);
	}
}
END_TEST

START_TEST(rules_split_imports_go_where_they_are_used)
{
	const char *text = "import \"pe\"\nimport \"math\"\nimport \"hash\"\n"
			   "private rule a { condition: pe.is_pe and math.entropy(0, 9) > 3 }\n"
			   "rule b : t1 t2 { condition: hash.md5(0, 9) == \"pe\" }\n";
	struct rules_parts parts;

	ck_assert_int_eq(split(text, &parts), 1);
	ck_assert_str_eq(parts.pe,
	                 "import \"pe\"\nimport \"math\"\n             \n"
	                 "private rule a { condition: pe.is_pe and math.entropy(0, 9) > 3 }\n"
	                 "                                                    \n");
	ck_assert_ptr_null(strstr(parts.other, "\"pe\"\n"));
	ck_assert_ptr_null(strstr(parts.other, "math"));
	ck_assert_ptr_nonnull(strstr(parts.other, "import \"hash\"\n"));
	ck_assert_ptr_nonnull(strstr(parts.other, "rule b : t1 t2"));
	rules_parts_deinit(&parts);
}
END_TEST

START_TEST(rules_split_unused_import_is_left_out)
{
	const char *text = "import \"pe\" rule a { condition: filesize == 4 }";
	struct rules_parts parts;
	struct rules *r;

	ck_assert_int_eq(split(text, &parts), 1);
	ck_assert_ptr_null(parts.pe);
	ck_assert_str_eq(parts.other, "            rule a { condition: filesize == 4 }");
	rules_parts_deinit(&parts);
	r = load(text, 1);
	ck_assert_str_eq(judged(r, "MZxx"), "a");
	ck_assert_str_eq(judged(r, "text"), "a");
	rules_free(r);
}
END_TEST

/* What is false for other files is 0 there, and the rule is whole for PE. */
START_TEST(rules_split_rule_that_may_ask_is_in_both)
{
	const char *text = "import \"pe\" rule a { condition: filesize > 3 and (pe.imphash() == \"\" or filesize < 9) }";
	struct rules_parts parts;

	ck_assert_int_eq(split(text, &parts), 1);
	ck_assert_str_eq(parts.pe, text);
	ck_assert_str_eq(parts.other, "            rule a { condition: filesize > 3 and (0                  or filesize < 9) }");
	ck_assert_uint_eq(parts.n_pe, 1);
	ck_assert_uint_eq(parts.n_other, 1);
	ck_assert_uint_eq(parts.n_both, 1);
	rules_parts_deinit(&parts);
	ck_assert_int_eq(split("rule a { condition: not for any i in (0..pe.x) : (true) and filesize > 1 }", &parts), 1);
	ck_assert_str_eq(parts.other, "rule a { condition: 1                                   and filesize > 1 }");
	rules_parts_deinit(&parts);
	/* a string that nobody asks for does not compile */
	ck_assert_int_eq(split("rule a { strings: $a = \"x\" condition: filesize > 9 or $a at pe.entry_point }", &parts), 1);
	ck_assert_str_eq(parts.other, "rule a { strings: $a = \"x\" condition: filesize > 9 or $a at -1             }");
	rules_parts_deinit(&parts);
	/* not where it cannot be left out everywhere */
	ck_assert_int_eq(split("rule a { condition: pe.a == 1 or not (pe.b == 2) }", &parts), 0);
	ck_assert_int_eq(split("rule a { condition: pe.a == 1 or filesize == pe.b }", &parts), 0);
	ck_assert_int_eq(split("rule a { condition: not (pe.a == 1 or filesize == 1) }", &parts), 0);
}
END_TEST

/* Who asks a rule that is cut is in both, too, and so is what a rule for PE asks. */
START_TEST(rules_split_rules_that_refer_are_complete)
{
	static const char text[] = "rule h { condition: filesize > 1 }\n"
				   "rule g { condition: h and filesize > 2 }\n"
				   "rule p { condition: uint16(0) == 0x5A4D and g }\n"
				   "rule o { condition: filesize > 3 }\n"
				   "rule a { condition: pe.is_pe or filesize > 9 }\n"
				   "rule b { condition: a and filesize > 1 }\n"
				   "rule c { condition: not b }\n"
				   "rule d { condition: p or o }\n"
				   "rule e { condition: not p and filesize > 4 }\n"
				   "rule o2 { condition: filesize > 5 }\n";
	static const char both[] = "hgaoabcde";
	struct rules_parts parts;

	ck_assert_int_eq(split(text, &parts), 1);
	for (const char *p = both; *p; p++) {
		const char rule[] = {'r', 'u', 'l', 'e', ' ', *p, ' ', '\0'};

		ck_assert_msg(strstr(parts.pe, rule) && strstr(parts.other, rule), "%s", rule);
	}
	ck_assert_ptr_null(strstr(parts.other, "rule p "));
	ck_assert_ptr_null(strstr(parts.pe, "rule o2 "));
	ck_assert_ptr_nonnull(strstr(parts.other, "{ condition: 0 or o }"));
	ck_assert_ptr_nonnull(strstr(parts.other, "{ condition: 1     and filesize > 4 }"));
	ck_assert_uint_eq(parts.n_both, sizeof(both) - 2); /* "a" twice */
	ck_assert_uint_eq(parts.n_pe, parts.n_both + 1);
	ck_assert_uint_eq(parts.n_other, parts.n_both + 1);
	rules_parts_deinit(&parts);
}
END_TEST

/* What rests on libyara: none of these is true for a file that does not begin with MZ, and "not for any" is. */
START_TEST(rules_split_libyara_agrees)
{
	static const char *const conditions[] = {
		"pe.is_pe",
		"pe.number_of_sections == 3",
		"pe.number_of_sections < 3",
		"pe.sections[0].name == \"\"",
		"pe.version_info[\"a\"] contains \"\"",
		"pe.imphash() == \"\"",
		"pe.imports(\"a.dll\", \"and\")",
		"pe.exports(\"x\")",
		"(pe.is_dll() or pe.is_32bit() or pe.is_64bit())",
		"not pe.number_of_sections == 3",
		"not pe.imphash() == \"00\"",
		"uint32be(pe.overlay.offset + 4) == 5",
		"uint8(pe.entry_point) > 0",
		"$text at pe.entry_point",
		"pe.characteristics & pe.DLL",
		"for any i in (0..pe.number_of_sections - 1) : ( true )",
		"for any s in pe.sections : ( true )",
		"dotnet.is_dotnet",
		"dotnet.version == \"\"",
		"dotnet.number_of_guids == 0",
		"dotnet.number_of_guids < 1",
		"dotnet.guids[0] == \"\"",
		"not dotnet.typelib == \"x\"",
		"for any i in (0..dotnet.number_of_streams - 1) : ( true )",
		"for any g in dotnet.guids : ( true )",
	};
	char text[1024];

	for (size_t i = 0; i <= ARRAY_SIZE(conditions); i++) {
		const bool last = i == ARRAY_SIZE(conditions);
		struct rules *r;

		/* undivided: there is a global rule */
		(void)snprintf(text, sizeof(text),
		               "import \"pe\" import \"dotnet\" private global rule g { condition: filesize > 1 }"
		               "rule a { strings: $text = \"text\" condition: $text and %s }",
		               last ? "not for any i in (0..pe.number_of_sections) : ( true )" : conditions[i]);
		r = load(text, 2);
		ck_assert_str_eq(judged(r, "text"), last ? "a" : "");
		ck_assert_msg(strcmp(judged(r, "ZM text"), last ? "a" : "") == 0, "%s", text);
		rules_free(r);
	}
}
END_TEST

START_TEST(rules_scan_both_parts_judge)
{
	struct rules *r = load("import \"pe\"\n"
	                       "rule asks { strings: $a = \"ask\" condition: pe.is_pe or $a }\n"
	                       "rule for_pe { strings: $a = \"evil\" condition: uint16(0) == 0x5A4D and $a }\n"
	                       "rule for_all { strings: $a = \"vile\" condition: $a }\n",
	                       3);

	ck_assert_str_eq(judged(r, "ask"), "asks");
	ck_assert_str_eq(judged(r, "MZ ask"), "asks");
	ck_assert_str_eq(judged(r, "MZ evil"), "for_pe");
	ck_assert_str_eq(judged(r, "ZM evil"), "");
	ck_assert_str_eq(judged(r, "M"), "");
	ck_assert_str_eq(judged(r, "MZ vile"), "for_all");
	ck_assert_str_eq(judged(r, "vile"), "for_all");
	ck_assert_str_eq(judged(r, "MZ good"), "");
	rules_free(r);
}
END_TEST

/* Whatever part they are in. */
START_TEST(rules_scan_rules_that_refer_agree)
{
	struct rules *r = load("import \"pe\""
	                       "private rule maybe_pe { strings: $a = \"evil\" condition: pe.number_of_sections > 0 or $a }"
	                       "rule needs { strings: $v = \"vile\" condition: maybe_pe and $v }",
	                       2);

	ck_assert_str_eq(judged(r, "evil vile"), "needs");
	rules_free(r);
	r = load("private rule helper { strings: $a = \"evil\" condition: $a }\n"
	                       "rule for_pe { condition: uint16(0) == 0x5A4D and helper }\n"
	                       "rule twice { condition: not for_pe and helper }\n",
	                       3);

	ck_assert_str_eq(judged(r, "MZ evil"), "for_pe");
	ck_assert_str_eq(judged(r, "evil"), "twice");
	rules_free(r);
	/* not by name: all of these, and none for PE alone, are in "all" */
	r = load("private rule x1 { condition: uint16(0) == 0x5A4D }\n"
	         "private rule x2 { condition: filesize > 2 }\n"
	         "rule all_x { condition: all of (x*) }\n",
	         3);
	ck_assert_str_eq(judged(r, "MZ evil"), "all_x");
	ck_assert_str_eq(judged(r, "evil"), "");
	rules_free(r);
}
END_TEST

UNIT_MAIN("rules-split", rules_split_tests_for_pe_are_seen,
          rules_split_anything_else_is_not_for_pe, rules_split_not_understood_stays_whole,
          rules_split_imports_go_where_they_are_used, rules_split_rule_that_may_ask_is_in_both,
          rules_split_unused_import_is_left_out,
          rules_scan_both_parts_judge,
          rules_split_rules_that_refer_are_complete, rules_split_libyara_agrees,
          rules_scan_rules_that_refer_agree)
