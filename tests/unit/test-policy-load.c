/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/conf.h"
#include "custos/policy.h"
#include "unit.h"

#define NOW INT64_C(1800000000)

static char root[] = "/tmp/custos-policy-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
	return remove(path);
}

static void setup(void)
{
	umask(022);
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chdir(root), 0);
	ck_assert_int_eq(mkdir("policy.d", 0755), 0);
}

static void teardown(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	(void)nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	(void)fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static int load(struct policy **p, char **ret_errors)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	int r = policy_load(root, p, &d);

	*ret_errors = diag_text(&d);
	return r;
}

START_TEST(policy_load_no_file_gives_the_builtin)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *errors = NULL;

	setup();
	ck_assert_int_eq(load(&p, &errors), 0);
	ck_assert_uint_eq(policy_n_lines(p), 1);
	ck_assert_str_eq(policy_line(p, 0)->file, "built-in");
	teardown();
}
END_TEST

START_TEST(policy_load_missing_root_fails)
{
	struct policy *p = NULL;

	ck_assert_int_eq(policy_load("/nonexistent/custos", &p, NULL), -EINVAL);
	ck_assert_ptr_null(p);
}
END_TEST

/* The site's `scan any` comes first; the vendor's behind it is redundant, not a
 * finding. */
START_TEST(policy_load_site_file_composes_with_vendor_files)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *errors = NULL, *last = NULL;

	setup();
	put("policy.d/99-default.rules", "scan any\n");
	put("policy.d/60-site.rules",
	    "scan dir=@x on-match=log\nscan any on-match=log\n");
	put("policy.d/10-default.rules", "nowatch fstype=proc\nset @x = /srv\n");
	ck_assert_int_eq(load(&p, &errors), 0);
	ck_assert_uint_eq(policy_n_lines(p), 4);
	ck_assert_int_ge(asprintf(&last, "%s/policy.d/60-site.rules", root), 0);
	ck_assert_str_eq(policy_line(p, 2)->file, last);
	ck_assert_uint_eq(policy_line(p, 2)->line, 2);
	ck_assert_uint_eq(policy_lint(p, NOW, &d), 0);
	teardown();
}
END_TEST

START_TEST(policy_load_names_are_resolved)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *errors = NULL, *expected = NULL;
	struct policy_query q = {
		.known = POLICY_FACT_SUBJECT, .event = POLICY_OPEN, .uid = 1};
	const struct policy_line *line;

	setup();
	put("policy.d/a.rules", "allow uid=daemon gid=root\nscan any\n");
	ck_assert_int_eq(load(&p, &errors), 0);
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 0);

	put("policy.d/a.rules",
	    "allow uid=nobody-of-that-name\nallow gid=no-such\nscan any\n");
	free(ptr_take(&errors));
	policy_freep(&p);
	ck_assert_int_eq(load(&p, &errors), -EINVAL);
	ck_assert_int_ge(asprintf(&expected,
	                          "%s/policy.d/a.rules:1: 'uid=nobody-of-that-name': "
	                          "the value is "
	                          "not a user this host knows\n"
	                          "%s/policy.d/a.rules:2: 'gid=no-such': the value is "
	                          "not a group "
	                          "this host knows",
	                          root, root),
	                 0);
	ck_assert_str_eq(errors, expected);
	teardown();
}
END_TEST

START_TEST(policy_load_untrusted_file_is_reported_with_other_errors)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(freep) char *errors = NULL, *expected = NULL;

	setup();
	put("policy.d/a.rules", "scan any\n");
	put("policy.d/b.rules", "scan\n");
	ck_assert_int_eq(chmod("policy.d/a.rules", 0666), 0);
	ck_assert_int_eq(load(&p, &errors), -EINVAL);
	ck_assert_ptr_null(p);
	ck_assert_int_ge(asprintf(&expected,
	                          "%s/policy.d/a.rules: writable by group or others\n"
	                          "%s/policy.d/b.rules:1: no predicate: write 'any' if "
	                          "you mean it",
	                          root, root),
	                 0);
	ck_assert_str_eq(errors, expected);
	teardown();
}
END_TEST

/* What is shipped is in order: no error, no finding, and it asks for no fact. */
START_TEST(policy_load_vendor_files_are_clean)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(conf_deinit) struct conf c;
	struct policy_query q = {.event = POLICY_OPEN, .watched = true};
	const struct policy_line *line;

	setup();
	ck_assert_int_eq(system("cp -r " VENDOR_FILES "/. . && chmod -R go-w ."), 0);
	ck_assert_int_eq(policy_load(root, &p, &d), 0);
	ck_assert_uint_eq(policy_lint(p, NOW, &d), 0);
	ck_assert_uint_eq(policy_n_lines(p), 2);
	ck_assert_uint_eq(policy_match(p, &q, NOW, &line), 0);
	ck_assert_uint_eq(line->index, 1);
	conf_init(&c);
	ck_assert_int_eq(conf_load(root, &c, &d), 0);
	teardown();
}
END_TEST

UNIT_MAIN("policy-load", policy_load_no_file_gives_the_builtin,
          policy_load_missing_root_fails,
          policy_load_site_file_composes_with_vendor_files,
          policy_load_names_are_resolved,
          policy_load_untrusted_file_is_reported_with_other_errors,
          policy_load_vendor_files_are_clean)
