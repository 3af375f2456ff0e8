/* SPDX-License-Identifier: Apache-2.0 */
#include "custos/confdir.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/conf.h"
#include "unit.h"

/* On a tmpfs, where there is one: it lists the newest file first, other file systems in no order. */
static char root[32];
static const struct confdir_want want = {
	.main = "m.conf", .subdir = "m.d", .suffix = ".conf"};

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
	return remove(path);
}

/* Three directories v(endor), r(un), e(tc) below a fresh root; the working directory is
 * there. */
static void setup(void)
{
	umask(022);
	(void)snprintf(root, sizeof(root), "%s/custos-confdir-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(chdir(root), 0);
	for (const char *const *d = (const char *const[]){"v", "v/m.d", "r", "r/m.d",
	                                                  "e", "e/m.d", NULL};
	     *d; d++)
		ck_assert_int_eq(mkdir(*d, 0755), 0);
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

/* "path=text " of every file, then the errors. */
static void expect_dirs(const char *const *dirs, size_t n, bool must_exist,
                        const char *expected)
{
	_cleanup_(confdir_files_deinit) struct confdir_files files = {0};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *got = NULL;
	size_t size;
	FILE *f;
	int r = confdir_read_dirs(dirs, n, must_exist, &want, &files, &d);

	f = open_memstream(&got, &size);
	for (size_t i = 0; i < files.n; i++)
		(void)fprintf(f, "%s=%s ", files.items[i].path, files.items[i].text);
	diag_print(&d, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_str_eq(got, expected);
	ck_assert_int_eq(r, d.n_total ? -EINVAL : 0);
}

static void expect(const char *expected)
{
	static const char *const dirs[] = {"v", "r", "e"};

	expect_dirs(dirs, ARRAY_SIZE(dirs), false, expected);
}

START_TEST(confdir_read_nothing_gives_no_files)
{
	static const char *const none[] = {"x", "y"};

	setup();
	expect("");
	expect_dirs(none, 2, false, "");
	teardown();
}
END_TEST

START_TEST(confdir_read_missing_root_is_reported)
{
	static const char *const none[] = {"x"};

	setup();
	expect_dirs(none, 1, true, "x: No such file or directory\n");
	ck_assert_int_eq(confdir_read("x", &want, &(struct confdir_files){0}, NULL),
	                 -EINVAL);
	teardown();
}
END_TEST

START_TEST(confdir_read_root_without_subdir_is_fine)
{
	static const char *const only[] = {"o"};

	setup();
	ck_assert_int_eq(mkdir("o", 0755), 0);
	put("o/m.conf", "1");
	expect_dirs(only, 1, true, "o/m.conf=1 ");
	teardown();
}
END_TEST

START_TEST(confdir_read_later_directory_overrides_by_name)
{
	setup();
	put("v/m.conf", "1");
	put("v/m.d/10-a.conf", "2");
	put("v/m.d/50-b.conf", "3");
	put("r/m.d/50-b.conf", "4");
	put("r/m.d/20-c.conf", "5");
	put("e/m.d/90-d.conf", "6");
	put("e/m.d/10-a.conf", "7");
	put("e/m.d/ignored.txt", "x");
	put("e/m.d/.hidden.conf", "x");
	put("e/m.d/.conf", "x");
	expect("v/m.conf=1 e/m.d/10-a.conf=7 r/m.d/20-c.conf=5 r/m.d/50-b.conf=4 "
	       "e/m.d/90-d.conf=6 ");
	put("e/m.conf", "8");
	expect("e/m.conf=8 e/m.d/10-a.conf=7 r/m.d/20-c.conf=5 r/m.d/50-b.conf=4 "
	       "e/m.d/90-d.conf=6 ");
	teardown();
}
END_TEST

START_TEST(confdir_read_null_link_and_empty_file_mask)
{
	setup();
	put("v/m.conf", "1");
	put("v/m.d/10-a.conf", "2");
	put("v/m.d/20-b.conf", "3");
	put("v/m.d/30-c.conf", "4");
	ck_assert_int_eq(symlink("/dev/null", "e/m.conf"), 0);
	ck_assert_int_eq(symlink("../../../../../../dev/null", "e/m.d/10-a.conf"), 0);
	put("e/m.d/20-b.conf", "");
	expect("v/m.d/30-c.conf=4 ");
	teardown();
}
END_TEST

START_TEST(confdir_read_untrusted_files_are_all_reported)
{
	setup();
	put("v/m.d/10-a.conf", "1");
	put("v/m.d/20-b.conf", "2");
	put("v/m.d/25-ok.conf", "ok");
	ck_assert_int_eq(chmod("v/m.d/10-a.conf", 0664), 0);
	ck_assert_int_eq(chmod("v/m.d/20-b.conf", 0646), 0);
	ck_assert_int_eq(symlink("20-b.conf", "v/m.d/30-c.conf"), 0);
	ck_assert_int_eq(symlink("nowhere", "v/m.d/40-d.conf"), 0);
	ck_assert_int_eq(mkdir("v/m.d/50-e.conf", 0755), 0);
	ck_assert_int_eq(mkfifo("v/m.d/60-f.conf", 0644), 0);
	put("v/m.d/70-\033.conf", "7");
	expect("v/m.d/25-ok.conf=ok "
	       "v/m.d: a file name with control bytes\n"
	       "v/m.d/10-a.conf: writable by group or others\n"
	       "v/m.d/20-b.conf: writable by group or others\n"
	       "v/m.d/30-c.conf: a symbolic link to something else than /dev/null\n"
	       "v/m.d/40-d.conf: a symbolic link to something else than /dev/null\n"
	       "v/m.d/50-e.conf: not a regular file\n"
	       "v/m.d/60-f.conf: not a regular file\n");
	teardown();
}
END_TEST

START_TEST(confdir_read_untrusted_directories_are_reported)
{
	setup();
	ck_assert_int_eq(chmod("v", 0775), 0);
	ck_assert_int_eq(chmod("e/m.d", 0777), 0);
	put("r/m.conf", "1");
	expect("r/m.conf=1 v: directory is writable by group or others\n"
	       "e/m.d: directory is writable by group or others\n");
	teardown();
}
END_TEST

/* As a user the same is proven by the group/other bits; giving a file away takes root.
 */
START_TEST(confdir_read_foreign_owner_is_reported)
{
	setup();
	if (geteuid() == 0) {
		put("v/m.conf", "1");
		ck_assert_int_eq(chown("v/m.conf", 1, 1), 0);
		ck_assert_int_eq(symlink("/dev/null", "e/m.d/10-a.conf"), 0);
		ck_assert_int_eq(lchown("e/m.d/10-a.conf", 1, 1), 0);
		expect("v/m.conf: not owned by root\ne/m.d/10-a.conf: not owned by "
		       "root\n");
	}
	teardown();
}
END_TEST

START_TEST(confdir_read_file_at_limit_passes_and_past_it_fails)
{
	_cleanup_(confdir_files_deinit) struct confdir_files files = {0};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	const char *dir = "v";

	setup();
	put("v/m.conf", "x");
	ck_assert_int_eq(truncate("v/m.conf", CONFDIR_FILE_BYTES_MAX), 0);
	ck_assert_int_eq(confdir_read_dirs(&dir, 1, true, &want, &files, &d), 0);
	ck_assert_uint_eq(files.items[0].len, CONFDIR_FILE_BYTES_MAX);
	ck_assert_int_eq(truncate("v/m.conf", CONFDIR_FILE_BYTES_MAX + 1), 0);
	expect("v/m.conf: larger than 1048576 bytes\n");
	teardown();
}
END_TEST

START_TEST(confdir_read_files_past_limit_are_reported)
{
	_cleanup_(confdir_files_deinit) struct confdir_files files = {0};
	const char *dir = "v";
	char name[64];

	setup();
	for (unsigned i = 0; i < CONFDIR_FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "v/m.d/%u.conf", i);
		put(name, "x");
	}
	ck_assert_int_eq(confdir_read_dirs(&dir, 1, true, &want, &files, NULL), 0);
	ck_assert_uint_eq(files.n, CONFDIR_FILES_MAX);
	confdir_files_deinit(&files);
	put("v/m.d/more.conf", "x");
	ck_assert_int_eq(confdir_read_dirs(&dir, 1, true, &want, &files, NULL),
	                 -EINVAL);
	teardown();
}
END_TEST

START_TEST(conf_load_merges_and_reports_over_all_files)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(conf_deinit) struct conf c;
	_cleanup_(freep) char *text = NULL;

	setup();
	conf_init(&c);
	ck_assert_int_eq(mkdir("v/custosd.conf.d", 0755), 0);
	put("v/custosd.conf", "[Limits]\nWorkers=1\nTimeout=9s\n[Watch]\nMount=/a\n");
	put("v/custosd.conf.d/60-site.conf",
	    "[Limits]\nWorkers=2\n[Watch]\nMount=/b\n");
	ck_assert_int_eq(conf_load("v", &c, &d), 0);
	ck_assert_uint_eq(c.n_workers, 2);
	ck_assert_uint_eq(c.timeout, 9 * NSEC_PER_SEC);
	ck_assert_uint_eq(c.mounts.n, 2);

	put("v/custosd.conf", "[Limits]\nWorkers=x\n");
	put("v/custosd.conf.d/60-site.conf", "[Limits]\nWorkers=y\n");
	ck_assert_int_eq(symlink("x", "v/custosd.conf.d/70-x.conf"), 0);
	ck_assert_int_eq(conf_load("v", &c, &d), -EINVAL);
	text = diag_text(&d);
	ck_assert_str_eq(
		text, "v/custosd.conf.d/70-x.conf: a symbolic link to something else "
		      "than /dev/null\n"
		      "v/custosd.conf:2: 'Workers=x': expected a number from 0 to 256\n"
		      "v/custosd.conf.d/60-site.conf:2: 'Workers=y': expected a number "
		      "from 0 to 256");
	ck_assert_uint_eq(c.n_workers, 2);
	teardown();
}
END_TEST

UNIT_MAIN("confdir", confdir_read_nothing_gives_no_files,
          confdir_read_missing_root_is_reported,
          confdir_read_root_without_subdir_is_fine,
          confdir_read_later_directory_overrides_by_name,
          confdir_read_null_link_and_empty_file_mask,
          confdir_read_untrusted_files_are_all_reported,
          confdir_read_untrusted_directories_are_reported,
          confdir_read_foreign_owner_is_reported,
          confdir_read_file_at_limit_passes_and_past_it_fails,
          confdir_read_files_past_limit_are_reported,
          conf_load_merges_and_reports_over_all_files)
