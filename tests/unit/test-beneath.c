/* SPDX-License-Identifier: Apache-2.0 */
/* Both ways give the same answers, on a folder with everything that leads out of it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/beneath.h"
#include "custos/cleanup.h"
#include "custos/types.h"

static char root[] = "/tmp/test-beneath-XXXXXX";
static int dirfd_of_root = -1;

static void make(void)
{
	ck_assert_ptr_nonnull(mkdtemp(root));
	dirfd_of_root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dirfd_of_root, 0);
	ck_assert_int_eq(mkdirat(dirfd_of_root, "a", 0700), 0);
	ck_assert_int_eq(mkdirat(dirfd_of_root, "a/b", 0700), 0);
	ck_assert_int_eq(close(openat(dirfd_of_root, "a/b/file", O_CREAT | O_WRONLY, 0600)), 0);
	ck_assert_int_eq(symlinkat("b", dirfd_of_root, "a/link"), 0);
	ck_assert_int_eq(symlinkat("/etc/passwd", dirfd_of_root, "out"), 0);
}

static void unmake(void)
{
	(void)unlinkat(dirfd_of_root, "a/b/file", 0);
	(void)unlinkat(dirfd_of_root, "a/link", 0);
	(void)unlinkat(dirfd_of_root, "out", 0);
	(void)unlinkat(dirfd_of_root, "a/b", AT_REMOVEDIR);
	(void)unlinkat(dirfd_of_root, "a", AT_REMOVEDIR);
	(void)close(dirfd_of_root);
	(void)rmdir(root);
}

typedef int (*open_fn)(int dirfd, const char *path, int flags, bool xdev);
static const open_fn ways[] = {open_beneath, open_beneath_by_steps};

static int try_way(open_fn way, const char *path, int flags)
{
	int fd = way(dirfd_of_root, path, flags, true);

	if (fd < 0)
		return fd;
	ck_assert_int_eq(close(fd), 0);
	return 0;
}

START_TEST(open_beneath_plain_paths_are_opened)
{
	const open_fn way = ways[_i];

	ck_assert_int_eq(try_way(way, "a/b/file", O_RDONLY), 0);
	ck_assert_int_eq(try_way(way, "/a//b/./file", O_RDONLY), 0);
	ck_assert_int_eq(try_way(way, "a/b/", O_PATH | O_DIRECTORY), 0);
	ck_assert_int_eq(try_way(way, "/", O_PATH | O_DIRECTORY), 0);
	ck_assert_int_eq(try_way(way, "a/none", O_RDONLY), -ENOENT);
	ck_assert_int_eq(try_way(way, "a/b/file/", O_RDONLY), -ENOTDIR);
}
END_TEST

START_TEST(open_beneath_links_are_refused)
{
	const char *const paths[] = {"a/link/file", "out", "a/link"};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = try_way(ways[_i], paths[i], O_RDONLY);

		ck_assert_msg(r == -ELOOP || r == -ENOTDIR, "%s: %d", paths[i], r);
		r = try_way(ways[_i], paths[i], O_PATH);
		ck_assert_msg(r == -ELOOP || r == -ENOTDIR, "%s, O_PATH: %d", paths[i], r);
	}
}
END_TEST

START_TEST(open_beneath_ways_out_are_refused)
{
	ck_assert_int_lt(try_way(ways[_i], "..", O_PATH), 0);
	ck_assert_int_lt(try_way(ways[_i], "a/../../etc/passwd", O_RDONLY), 0);
}
END_TEST

START_TEST(open_beneath_names_at_the_limit_and_past_it)
{
	char name[NAME_MAX + 2];

	memset(name, 'x', sizeof(name) - 1);
	name[NAME_MAX] = '\0';
	ck_assert_int_eq(try_way(ways[_i], name, O_RDONLY), -ENOENT);
	name[NAME_MAX] = 'x';
	name[NAME_MAX + 1] = '\0';
	ck_assert_int_eq(try_way(ways[_i], name, O_RDONLY), -ENAMETOOLONG);
}
END_TEST

START_TEST(open_beneath_another_file_system_only_if_allowed)
{
	_cleanup_(fd_closep) int slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = ways[_i](slash, "proc/self/status", O_RDONLY, false);

	ck_assert_int_lt(fd, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("beneath");
	TCase *tc = tcase_create("open_beneath");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, make, unmake);
	tcase_add_loop_test(tc, open_beneath_plain_paths_are_opened, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(tc, open_beneath_links_are_refused, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(tc, open_beneath_ways_out_are_refused, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(tc, open_beneath_names_at_the_limit_and_past_it, 0, ARRAY_SIZE(ways));
	tcase_add_loop_test(tc, open_beneath_another_file_system_only_if_allowed, 0,
	                    ARRAY_SIZE(ways));
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
