/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: rules that are taken over compiled, digests of files, the canary
 * corpus */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "build.h"
#include "canary.h"
#include "custos/cleanup.h"
#include "custos/engine.h"
#include "custos/image.h"
#include "custos/rules.h"
#include "expect.h"
#include "reuse.h"
#include "unit.h"

#define RULE_A                                                                         \
	"rule a { strings: $x = \"some text\" condition: $x and filename != \"y\" }"
#define RULE_B "rule b { condition: false }"

static int new_memfd(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static struct inputs with_rule(const char *file, const char *text)
{
	struct inputs in = INPUTS_NULL;

	in.yara = calloc(1, sizeof(*in.yara));
	in.yara[0] = (struct rules_source){strdup(file), strdup(text), strlen(text)};
	in.n_yara = 1;
	return in;
}

/* A sealed image of one rule, and what was told about it. */
static int first_image(const char *file, const char *text, char ret_source[65])
{
	_cleanup_(inputs_deinit) struct inputs in = with_rule(file, text);
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(reuse_deinit) struct reuse re = REUSE_NULL;
	struct ruleset_counts c;
	int fd = new_memfd();

	ck_assert_int_eq(engine_global_init(), 0);
	ck_assert(reuse_parse("-", &re));
	ck_assert_int_eq(reuse_open(&re, &in), 0);
	ck_assert_ptr_null(re.yara);
	ck_assert_int_eq(build_image(&in, &re, NULL, NULL, fd, &c, &d), 0);
	ck_assert_int_eq(image_seal(fd), 0);
	memcpy(ret_source, re.now, 65);
	return fd;
}

/* Would the image be used for these inputs? */
static bool reuses(int fd, const char *source, const char *file, const char *text)
{
	_cleanup_(inputs_deinit) struct inputs in = with_rule(file, text);
	_cleanup_(reuse_deinit) struct reuse re = REUSE_NULL;
	char option[128];

	snprintf(option, sizeof(option), "%d:%s", fd, source);
	ck_assert(reuse_parse(option, &re));
	ck_assert_int_eq(reuse_open(&re, &in), 0);
	return re.yara != NULL;
}

START_TEST(reuse_same_rules_make_the_same_rule_set)
{
	_cleanup_(ruleset_freep) struct ruleset *first = NULL, *second = NULL;
	_cleanup_(inputs_deinit) struct inputs in = with_rule("a.yar", RULE_A);
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(reuse_deinit) struct reuse re = REUSE_NULL;
	_cleanup_(fd_closep) int again = new_memfd();
	_cleanup_(fd_closep) int fd = -1;
	struct ruleset_counts c;
	char source[65], option[128];

	fd = first_image("a.yar", RULE_A, source);
	snprintf(option, sizeof(option), "%d:%s", fd, source);
	ck_assert(reuse_parse(option, &re));
	ck_assert_int_eq(reuse_open(&re, &in), 0);
	ck_assert_ptr_nonnull(re.yara);
	ck_assert_str_eq(re.now, source);
	ck_assert_int_eq(build_image(&in, &re, NULL, NULL, again, &c, &d), 0);
	ck_assert_uint_eq(c.n_yara, 1);
	ck_assert_int_eq(image_seal(again), 0);
	ck_assert_int_eq(ruleset_load(fd, -1, &first), 0);
	ck_assert_int_eq(ruleset_load(again, -1, &second), 0);
	ck_assert_mem_eq(ruleset_yara_id(first), ruleset_yara_id(second),
	                 RULESET_ID_BYTES);
	ck_assert(ruleset_uses_names(second));
}
END_TEST

/* The section with the report on the rules; the mapping stays. */
static const void *report_of(int fd, size_t *ret_len)
{
	struct image im;

	ck_assert_int_eq(image_map(fd, rules_yara_version(), &im), 0);
	return image_section(&im, IMAGE_REPORT, ret_len);
}

START_TEST(reuse_report_comes_with_the_rules)
{
	_cleanup_(inputs_deinit) struct inputs in = with_rule("a.yar", RULE_A);
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct reuse first = REUSE_NULL, second = REUSE_NULL, third = REUSE_NULL;
	struct rules_trial trial = {.n_stock = 0};
	int fd = new_memfd(), again = new_memfd();
	size_t len, len_again;
	struct ruleset_counts c;
	struct rules_report r;
	char option[128];

	ck_assert_int_eq(engine_global_init(), 0);
	in.self_test = true;
	ck_assert(reuse_parse("-", &first));
	ck_assert_int_eq(reuse_open(&first, &in), 0);
	ck_assert_int_eq(build_image(&in, &first, NULL, &trial, fd, &c, &d), 0);
	ck_assert_int_eq(image_seal(fd), 0);
	snprintf(option, sizeof(option), "%d:%s", fd, first.now);
	ck_assert(reuse_parse(option, &second));
	ck_assert_int_eq(reuse_open(&second, &in), 0);
	ck_assert_ptr_nonnull(second.yara);
	ck_assert_int_eq(build_image(&in, &second, NULL, &trial, again, &c, &d), 0);
	ck_assert_int_eq(image_seal(again), 0);
	ck_assert_ptr_nonnull(report_of(fd, &len));
	ck_assert_ptr_nonnull(report_of(again, &len_again));
	ck_assert_uint_eq(len, len_again);
	ck_assert_mem_eq(report_of(fd, &len), report_of(again, &len_again), len);
	ck_assert_int_eq(rules_report_open(report_of(again, &len), len, &r), 0);
	ck_assert_uint_eq(r.tried.n_files, 1);
	/* what is asked of rules is part of what they are compiled of */
	in.rule_budget = 1;
	ck_assert(reuse_parse(option, &third));
	ck_assert_int_eq(reuse_open(&third, &in), 0);
	ck_assert_ptr_null(third.yara);
	reuse_deinit(&first);
	reuse_deinit(&second);
	reuse_deinit(&third);
	rules_report_deinit(&trial.report);
	(void)close(fd);
	(void)close(again);
}
END_TEST

START_TEST(reuse_anything_else_is_compiled)
{
	_cleanup_(fd_closep) int fd = -1;
	_cleanup_(fd_closep) int open_fd = new_memfd();
	char source[65], other[65];
	struct stat st;
	void *p;

	fd = first_image("a.yar", RULE_A, source);
	(void)fd_close(first_image("a.yar", RULE_B, other));
	ck_assert(reuses(fd, source, "a.yar", RULE_A));
	ck_assert(!reuses(fd, source, "a.yar", RULE_B));
	ck_assert(!reuses(fd, source, "b.yar", RULE_A));
	ck_assert(!reuses(fd, other, "a.yar", RULE_A));
	ck_assert(!reuses(open_fd, source, "a.yar", RULE_A));
	/* the same bytes, but somebody may still change them */
	ck_assert_int_eq(fstat(fd, &st), 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(write(open_fd, p, (size_t)st.st_size), st.st_size);
	ck_assert(!reuses(open_fd, source, "a.yar", RULE_A));
	(void)munmap(p, (size_t)st.st_size);
	/* no image at all, and one that is cut */
	ck_assert_int_eq(ftruncate(open_fd, 100), 0);
	ck_assert_int_eq(image_seal(open_fd), 0);
	ck_assert(!reuses(open_fd, source, "a.yar", RULE_A));
	ck_assert(!reuses(9999, source, "a.yar", RULE_A));
}
END_TEST

START_TEST(reuse_parse_is_strict)
{
	static const char *const bad[] = {"", "x", "4", "4:", "4:ab", "-1:", ":", "--"};
	struct reuse re = REUSE_NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!reuse_parse(bad[i], &re), "%s", bad[i]);
}
END_TEST

START_TEST(expect_file_compares)
{
	char path[] = "/tmp/custos-expect-XXXXXX", option[256];
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int fd = mkstemp(path);

	ck_assert_int_eq(write(fd, "abc", 3), 3);
	close(fd);
	snprintf(option, sizeof(option),
	         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad:%s",
	         path);
	ck_assert_int_eq(expect_file(option, &d), 0);
	option[0] = 'c';
	ck_assert_int_eq(expect_file(option, &d), -EINVAL);
	ck_assert_ptr_nonnull(strstr(d.items[0].reason, "was changed"));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(expect_file(option, &d), -EINVAL);
	option[64] = ' ';
	ck_assert_int_eq(expect_file(option, &d), -EBADMSG);
	ck_assert_int_eq(expect_file("abc", &d), -EBADMSG);
}
END_TEST

/* What the corpus of this host says to a rule. */
static unsigned canary_findings(const char *rule, enum canary_what what, char *ret,
                                size_t size)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct canary c = CANARY_NULL;
	char source[65];
	int fd = first_image("r.yar", rule, source);

	ck_assert_int_eq(canary_open(&c, what), 0);
	ck_assert_uint_gt(c.corpus.n, 5); /* there is a C library, a shell, ... */
	ck_assert_int_eq(canary_run(&c, fd, -1, &d), 0);
	canary_deinit(&c);
	close(fd);
	snprintf(ret, size, "%s", d.n_items ? d.items[0].reason : "");
	return (unsigned)d.n_total;
}

START_TEST(canary_rules_that_match_the_host_are_found)
{
	const char *elf = "rule elf { condition: uint32(0) == 0x464c457f }";
	char text[512];

	ck_assert_uint_eq(canary_findings(RULE_A, CANARY_RULES, text, sizeof(text)), 0);
	ck_assert_uint_gt(canary_findings(elf, CANARY_RULES, text, sizeof(text)), 5);
	ck_assert_ptr_nonnull(
		strstr(text, "which this host needs, is matched by rule elf"));
	/* lists alone: rules are not run, they were before */
	ck_assert_uint_eq(canary_findings(elf, CANARY_LISTS, text, sizeof(text)), 0);
}
END_TEST

UNIT_MAIN("compile-reuse", reuse_same_rules_make_the_same_rule_set, reuse_report_comes_with_the_rules,
          reuse_anything_else_is_compiled, reuse_parse_is_strict, expect_file_compares,
          canary_rules_that_match_the_host_are_found)
