/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at files without asking a server; tests/system/fault-fuse has a server that
 * does not answer */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/unasked.h"
#include "unit.h"

static char root_path[] = "/tmp/custos-unasked-XXXXXX";
static int root;

static void setup(void)
{
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(root_path));
	root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
	ck_assert_int_eq(mkdirat(root, "dir", 0700), 0);
	fd = openat(root, "dir/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	ck_assert_int_eq(write(fd, "12345", 5), 5);
	(void)fd_close(fd);
	ck_assert_int_eq(symlinkat("/dir/file", root, "inside"), 0);
}

static void teardown(void)
{
	(void)unlinkat(root, "dir/file", 0);
	(void)unlinkat(root, "inside", 0);
	(void)unlinkat(root, "dir", AT_REMOVEDIR);
	(void)rmdir(root_path);
	(void)fd_close(root);
}

START_TEST(unasked_open_what_is_in_memory_opens)
{
	_cleanup_(fd_closep) int fd = unasked_open(root, "//dir/file");

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}
END_TEST

START_TEST(unasked_open_last_link_is_not_followed)
{
	_cleanup_(fd_closep) int fd = unasked_open(root, "inside");
	struct stat st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(unasked_stat(fd, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
}
END_TEST

START_TEST(unasked_open_nothing_there_fails)
{
	int r;

	ck_assert_int_eq(faccessat(root, "dir/nothing", F_OK, 0),
	                 -1); /* that it is not there is known */
	r = unasked_open(root, "dir/nothing");
	ck_assert(r == -ENOENT || r == -EAGAIN); /* not every file system remembers */
	r = unasked_open(root, "dir/file/below");
	ck_assert(r == -ENOTDIR || r == -EAGAIN);
}
END_TEST

START_TEST(unasked_stat_says_what_fstat_says)
{
	_cleanup_(fd_closep) int fd = openat(root, "dir/file", O_RDONLY | O_CLOEXEC);
	struct stat a, b;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &a), 0);
	ck_assert_int_eq(unasked_stat(fd, &b), 0);
	ck_assert(a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
	          a.st_mode == b.st_mode);
	ck_assert(a.st_uid == b.st_uid && a.st_gid == b.st_gid &&
	          a.st_nlink == b.st_nlink);
	ck_assert(a.st_size == 5 && b.st_size == 5);
	ck_assert(memcmp(&a.st_mtim, &b.st_mtim, sizeof(a.st_mtim)) == 0);
	ck_assert(memcmp(&a.st_ctim, &b.st_ctim, sizeof(a.st_ctim)) == 0);
	ck_assert_int_eq(unasked_stat(-1, &b), -EBADF);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("unasked");
	TCase *tc = tcase_create("unasked");
	SRunner *sr;
	int failed;

	if (unasked_open(AT_FDCWD, "/") == -ENOSYS) {
		puts("skip: this kernel has no RESOLVE_CACHED");
		return 77;
	}
	tcase_add_test(tc, unasked_open_what_is_in_memory_opens);
	tcase_add_test(tc, unasked_open_last_link_is_not_followed);
	tcase_add_test(tc, unasked_open_nothing_there_fails);
	tcase_add_test(tc, unasked_stat_says_what_fstat_says);
	tcase_add_unchecked_fixture(tc, setup, teardown);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
