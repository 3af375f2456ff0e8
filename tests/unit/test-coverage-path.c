/* SPDX-License-Identifier: Apache-2.0 */
/* Walking to mounts whose directories others may move meanwhile; tests/system/fault-fuse has a server that does not
 * answer */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "daemon/supervisor/coverage-path.h"
#include "unit.h"

static char top[] = "/tmp/custos-coverage-XXXXXX";
static char path[PATH_MAX];
static struct mount_list mounts;
static int root;

static const char *below(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

/* As the filter of the unit does it. */
static void without_openat2(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0), 0);
	ck_assert_int_eq(seccomp_load(f), 0);
	seccomp_release(f);
	ck_assert_int_eq(syscall(SYS_openat2, -1, "", NULL, 0), -1);
	ck_assert_int_eq(errno, ENOSYS);
}

static void setup(void)
{
	_cleanup_(fd_closep) int table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(mountinfo_read(table, &mounts), 0);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(mkdir(below("a"), 0700), 0);
	ck_assert_int_eq(mkdir(below("a/b"), 0700), 0);
	ck_assert_int_eq(symlink("a", below("link")), 0);
	ck_assert_int_eq(symlink("b", below("a/last")), 0);
	without_openat2();
}

static void teardown(void)
{
	(void)unlink(below("link"));
	(void)unlink(below("a/last"));
	(void)rmdir(below("a/b"));
	(void)rmdir(below("a"));
	(void)rmdir(top);
	(void)fd_close(root);
	mount_list_deinit(&mounts);
}

START_TEST(coverage_path_open_a_directory_opens)
{
	_cleanup_(fd_closep) int fd = coverage_path_open(root, &mounts, below("a//b")), all;
	struct stat st, theirs;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(stat(path, &theirs), 0);
	ck_assert_uint_eq(st.st_ino, theirs.st_ino);
	all = coverage_path_open(root, &mounts, "/");
	ck_assert_int_ge(all, 0);
	(void)fd_close(all);
}
END_TEST

START_TEST(coverage_path_open_link_on_the_way_is_not_followed)
{
	ck_assert_int_eq(coverage_path_open(root, &mounts, below("link/b")), -ENOTDIR);
}
END_TEST

START_TEST(coverage_path_open_last_link_is_not_followed)
{
	_cleanup_(fd_closep) int fd = coverage_path_open(root, &mounts, below("a/last"));
	struct stat st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
}
END_TEST

/* Whatever was mounted on the way after the table was read is not on it. */
START_TEST(coverage_path_open_mount_that_is_not_listed_is_not_asked)
{
	struct mount_list none = {0};

	ck_assert_int_eq(coverage_path_open(root, &none, below("a/b")), -EAGAIN);
}
END_TEST

START_TEST(coverage_path_open_what_is_gone_is_told)
{
	ck_assert_int_eq(coverage_path_open(root, &mounts, below("a/none")), -ENOENT);
	ck_assert_int_eq(coverage_path_open(root, &mounts, below("none/b")), -ENOENT);
}
END_TEST

START_TEST(coverage_path_devices_are_those_of_the_mounts)
{
	_cleanup_(freep) dev_t *dev = NULL;
	struct stat st;

	ck_assert_int_eq(coverage_path_devices(root, &mounts, &dev), 0);
	ck_assert_int_eq(stat("/proc", &st), 0);
	for (size_t i = 0; i < mounts.n; i++)
		if (strcmp(mounts.items[i].mount_point, "/proc") == 0)
			ck_assert_uint_eq(dev[i], st.st_dev);
	ck_assert_int_eq(stat("/", &st), 0);
	ck_assert_uint_gt(mounts.n, 0);
	for (size_t i = 0; i < mounts.n; i++)
		if (strcmp(mounts.items[i].mount_point, "/") == 0 &&
		    mount_class_of(mounts.items[i].fs_type) == MOUNT_LOCAL)
			ck_assert_uint_eq(dev[i], st.st_dev);
}
END_TEST

/* setup() in the child that runs a case: the filter ends with it. */
UNIT_MAIN_WITH(setup, teardown, "coverage-path", coverage_path_open_a_directory_opens,
               coverage_path_open_link_on_the_way_is_not_followed,
               coverage_path_open_last_link_is_not_followed,
               coverage_path_open_mount_that_is_not_listed_is_not_asked,
               coverage_path_open_what_is_gone_is_told, coverage_path_devices_are_those_of_the_mounts)
