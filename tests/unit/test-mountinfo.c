/* SPDX-License-Identifier: Apache-2.0 */
/* Mount table: what the kernel prints, and what kinds there are */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/mountinfo.h"
#include "unit.h"

static int file_of(const char *text)
{
	int fd = memfd_create("mountinfo", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static unsigned n_open(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(mountinfo_read_fields_escapes_and_order)
{
	_cleanup_(mount_list_deinit) struct mount_list l = {0};
	int fd = file_of("21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
	                 "22 21 0:5 / /a\\040b\\011c\\134d rw - tmpfs none rw\n"
	                 "23 21 8:1 /sub /srv rw,nosuid master:1 propagate_from:2 - ext4 /dev/sda1 rw\n"
	                 "24 21 8:2 / /srv ro - xfs /dev/sda2 ro\n");
	unsigned n = n_open();

	ck_assert_int_eq(mountinfo_read(fd, &l), 0);
	ck_assert_uint_eq(l.n, 4);
	ck_assert_int_eq(l.items[0].id, 21);
	ck_assert_uint_eq(l.items[0].dev, makedev(8, 1));
	ck_assert_str_eq(l.items[0].mount_point, "/");
	ck_assert_str_eq(l.items[0].fs_type, "ext4");
	ck_assert_str_eq(l.items[1].mount_point, "/a b\tc\\d");
	ck_assert_uint_eq(l.items[2].dev, l.items[0].dev);
	ck_assert_str_eq(l.items[3].mount_point, "/srv"); /* covers the one before */
	ck_assert_str_eq(l.items[3].fs_type, "xfs");
	ck_assert(l.items[3].read_only && !l.items[0].read_only);
	ck_assert_uint_eq(n_open(), n);
}
END_TEST

/* Its own options alone tell: a user chooses the name of what is mounted, and the mount point. */
START_TEST(mountinfo_read_private_fuse)
{
	_cleanup_(mount_list_deinit) struct mount_list l = {0};
	int fd = file_of("21 1 0:50 / /a rw,nosuid - fuse.sshfs h: rw,user_id=1000,group_id=1000\n"
	                 "22 1 0:51 / /b rw,nosuid - fuse.sshfs h: rw,user_id=0,group_id=0,allow_other\n"
	                 "23 1 0:52 / /c rw,nosuid - fuse allow_other rw,user_id=0,group_id=0,max_read=4096\n"
	                 "24 1 0:53 / /allow_other rw - fuseblk /dev/sdb rw,user_id=0,group_id=0,allow_other,blksize=4096\n"
	                 "25 1 0:54 / /e rw - virtiofs tag rw\n"
	                 "26 1 0:55 / /f rw - nfs4 h:/f rw,user_id=0\n");
	static const bool private[] = {true, false, true, false, false, false};

	ck_assert_int_eq(mountinfo_read(fd, &l), 0);
	ck_assert_uint_eq(l.n, ARRAY_SIZE(private));
	for (size_t i = 0; i < l.n; i++)
		ck_assert(l.items[i].private == private[i]);
}
END_TEST

START_TEST(mountinfo_read_fuse_has_its_owner)
{
	_cleanup_(mount_list_deinit) struct mount_list l = {0};
	int fd = file_of("30 1 0:50 / /a rw shared:1 - fuse.sshfs x rw,user_id=1000,group_id=1000,allow_other\n"
	                 "31 1 0:51 / /b rw - fuse x rw,user_id=0,group_id=0\n"
	                 "32 1 0:52 / /c rw,user_id=7 - nfs4 x rw,user_id=7\n"
	                 "33 1 0:53 / /d rw - fuse x rw,group_id=5\n"
	                 "34 1 0:54 / /e rw - fuse x rw,user_id=4294967294,group_id=5\n"
	                 "35 1 0:55 / /f rw - fuse x rw,user_id=12x,group_id=5\n");

	ck_assert_int_eq(mountinfo_read(fd, &l), 0);
	ck_assert_uint_eq(l.n, 6);
	ck_assert_uint_eq(l.items[0].owner, 1000);
	ck_assert_uint_eq(l.items[1].owner, 0);
	ck_assert_uint_eq(l.items[2].owner, 0);
	ck_assert_uint_eq(l.items[3].owner, 0);
	ck_assert_uint_eq(l.items[4].owner, 4294967294U);
	ck_assert_uint_eq(l.items[5].owner, 0);
	(void)close(fd);
}
END_TEST

START_TEST(mountinfo_read_twice_starts_over)
{
	struct mount_list a = {0}, b = {0};
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(mountinfo_read(fd, &a), 0);
	ck_assert_int_eq(mountinfo_read(fd, &b), 0);
	ck_assert_uint_gt(a.n, 0);
	ck_assert_uint_eq(a.n, b.n);
	mount_list_deinit(&a);
	mount_list_deinit(&b);
	ck_assert_uint_eq(a.n, 0);
	mount_list_deinit(&a); /* twice is fine */
}
END_TEST

START_TEST(mountinfo_read_empty_is_no_mount)
{
	struct mount_list l = {0};

	ck_assert_int_eq(mountinfo_read(file_of(""), &l), 0);
	ck_assert_uint_eq(l.n, 0);
	mount_list_deinit(&l);
}
END_TEST

START_TEST(mountinfo_read_bad_descriptor_fails_and_keeps_none)
{
	struct mount_list l = {0};
	int fds[2];
	unsigned n;

	ck_assert_int_eq(mountinfo_read(-1, &l), -EBADF);
	ck_assert_int_eq(pipe(fds), 0);
	n = n_open();
	ck_assert_int_eq(mountinfo_read(fds[0], &l), -ESPIPE);
	ck_assert_uint_eq(n_open(), n);
}
END_TEST

#define LINE "24 1 0:%d / /m%d rw - tmpfs t rw\n"

START_TEST(mountinfo_read_max_at_the_limit_and_one_past)
{
	struct mount_list l = {0};
	char text[256];
	size_t len = (size_t)snprintf(text, sizeof(text), LINE LINE, 1, 1, 2, 2);
	int fd = file_of(text);
	bool cut = true;

	ck_assert_int_eq(mountinfo_read_max(fd, len, &l, &cut), 0);
	ck_assert_uint_eq(l.n, 2);
	ck_assert(!cut);
	mount_list_deinit(&l);
	ck_assert_int_eq(mountinfo_read_max(fd, len - 1, &l, &cut), 0);
	ck_assert_uint_eq(l.n, 1); /* whole lines only */
	ck_assert_str_eq(l.items[0].mount_point, "/m1");
	ck_assert(cut);
	mount_list_deinit(&l);
	ck_assert_int_eq(mountinfo_read_max(fd, 5, &l, &cut), 0);
	ck_assert_uint_eq(l.n, 0);
	ck_assert(cut);
}
END_TEST

START_TEST(mount_class_of_each_kind)
{
	ck_assert_int_eq(mount_class_of("ext4"), MOUNT_LOCAL);
	ck_assert_int_eq(mount_class_of("tmpfs"), MOUNT_LOCAL);
	ck_assert_int_eq(mount_class_of("btrfs"), MOUNT_LOCAL);
	ck_assert_int_eq(mount_class_of("a-type-of-tomorrow"), MOUNT_LOCAL);
	ck_assert_int_eq(mount_class_of("proc"), MOUNT_KERNEL);
	ck_assert_int_eq(mount_class_of("cgroup2"), MOUNT_KERNEL);
	ck_assert_int_eq(mount_class_of("nfs4"), MOUNT_REMOTE);
	ck_assert_int_eq(mount_class_of("fuse"), MOUNT_REMOTE);
	ck_assert_int_eq(mount_class_of("fuse.sshfs"), MOUNT_REMOTE);
	ck_assert_int_eq(mount_class_of("fused"), MOUNT_LOCAL); /* a name, not a prefix */
	ck_assert_int_eq(mount_class_of("overlay"), MOUNT_OVERLAY);
}
END_TEST

/* Walking into one that nobody serves blocks for ever: it must be left alone. */
START_TEST(mount_class_of_autofs_is_never_walked)
{
	ck_assert_int_ne(mount_class_of("autofs"), MOUNT_LOCAL);
	ck_assert_int_ne(mount_class_of("autofs"), MOUNT_OVERLAY);
}
END_TEST

static void read_tree(struct mount_list *ret)
{
	int fd = file_of("1 0 0:1 / / rw - nfs4 host:/ rw\n"
	                 "2 1 0:2 / /data rw - ext4 a rw\n"
	                 "3 2 0:3 / /data/me rw - fuse.sshfs b rw\n"
	                 "4 3 0:4 / /data/me/local rw - tmpfs c rw\n"
	                 "5 1 0:5 / /srv rw - fuse d rw\n"
	                 "6 5 0:6 / /srv rw - tmpfs e rw\n");

	ck_assert_int_eq(mountinfo_read(fd, ret), 0);
	(void)fd_close(fd);
}

START_TEST(mount_of_path_longest_and_latest_wins)
{
	static const struct {
		const char *path;
		int id;
	} cases[] = {
		{"/", 1},          {"/etc", 1},          {"/data", 2},         {"/data/", 2},
		{"/datas", 1},     {"/data/mean", 2},    {"/data/me", 3},      {"/data/me/x", 3},
		{"/data/me/local", 4}, {"/data/me/local/x/y", 4}, {"/srv", 6}, {"/srv/x", 6},
	};
	_cleanup_(mount_list_deinit) struct mount_list tree = {0};

	read_tree(&tree);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_int_eq(mount_of_path(&tree, cases[i].path)->id, cases[i].id);
	ck_assert_ptr_null(mount_of_path(&(struct mount_list){0}, "/"));
}
END_TEST

START_TEST(mount_asks_server_on_the_way_or_at_its_end)
{
	_cleanup_(mount_list_deinit) struct mount_list tree = {0};

	read_tree(&tree);
	ck_assert(!mount_asks_server(&tree, "/"));    /* without it nothing works */
	ck_assert(!mount_asks_server(&tree, "/etc"));
	ck_assert(!mount_asks_server(&tree, "/data"));
	ck_assert(!mount_asks_server(&tree, "/data/mean"));
	ck_assert(mount_asks_server(&tree, "/data/me"));
	ck_assert(mount_asks_server(&tree, "/data/me/x"));
	ck_assert(mount_asks_server(&tree, "/data/me/local"));
	ck_assert(mount_asks_server(&tree, "/data/me/local/x"));
	ck_assert(!mount_asks_server(&tree, "/srv/x")); /* covered */
}
END_TEST

UNIT_MAIN("mountinfo", mountinfo_read_fields_escapes_and_order, mountinfo_read_private_fuse,
          mountinfo_read_fuse_has_its_owner,
          mountinfo_read_twice_starts_over, mountinfo_read_empty_is_no_mount,
          mountinfo_read_bad_descriptor_fails_and_keeps_none,
          mountinfo_read_max_at_the_limit_and_one_past, mount_class_of_each_kind,
          mount_class_of_autofs_is_never_walked,
          mount_of_path_longest_and_latest_wins,
          mount_asks_server_on_the_way_or_at_its_end)
