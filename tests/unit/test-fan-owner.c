/* SPDX-License-Identifier: Apache-2.0 */
/* Fan-owner: lines as kernels print them, and this process's own groups */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/fan-owner.h"
#include "custos/types.h"
#include "unit.h"

START_TEST(parse_lines_of_the_kernel)
{
	struct fan_owner_mark m;

	/* Linux 6.1 and 6.18 */
	ck_assert(fan_owner_parse("fanotify sdev:800002 mflags:0 mask:50000 ignored_mask:0\n", &m));
	ck_assert_int_eq(m.on, FAN_ON_FILESYSTEM);
	ck_assert_uint_eq(m.sb, makedev(8, 2));
	ck_assert_uint_eq(m.mask, FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM);
	ck_assert(fan_owner_holds(&m));
	ck_assert(fan_owner_parse("fanotify mnt_id:1c mflags:40 mask:8 ignored_mask:10000\n", &m));
	ck_assert_int_eq(m.on, FAN_ON_MOUNT);
	ck_assert_int_eq(m.mount_id, 0x1c);
	ck_assert(!fan_owner_holds(&m)); /* what is ignored is not asked for */
	ck_assert(fan_owner_parse("fanotify ino:4f969 sdev:fd00001 mflags:0 mask:20000 "
	                          "ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:0a\n", &m));
	ck_assert_int_eq(m.on, FAN_ON_FILE);
	ck_assert_uint_eq(m.sb, makedev(253, 1));
	ck_assert(fan_owner_holds(&m));
}
END_TEST

START_TEST(parse_other_lines_are_no_marks)
{
	static const char *const lines[] = {
		"", "\n", "pos:\t0\n", "flags:\t02004002\n", "mnt_id:\t15\n",
		"fanotify flags:14 event-flags:48000\n", /* the group itself */
		"fanotify sdev:1 mflags:0 mask:\n",
		"fanotify sdev: mflags:0 mask:1\n",
		"inotify wd:1 ino:2 sdev:3 mask:4 ignored_mask:0\n",
		"fanotify mask:1",
	};
	struct fan_owner_mark m;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		ck_assert_msg(!fan_owner_parse(lines[i], &m), "%s", lines[i]);
}
END_TEST

struct seen {
	unsigned n;
	struct fan_owner_mark last;
};

static bool see(void *userdata, const struct fan_owner_mark *mark)
{
	struct seen *s = userdata;

	s->n++;
	s->last = *mark;
	return fan_owner_holds(mark);
}

/* A mark of CLOSE_WRITE holds nobody, so no open of anybody waits for this test. */
START_TEST(visit_finds_the_marks_of_a_process)
{
	int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct seen s = {0};
	struct stat st;

	if (group < 0 && errno == EPERM) {
		ck_assert_int_eq(close(null), 0);
		return; /* the parser above is what is left without root */
	}
	ck_assert_int_ge(group, 0);
	ck_assert(!fan_owner_visit(getpid(), see, &s));
	ck_assert_uint_eq(s.n, 0);
	ck_assert_int_eq(fanotify_mark(group, FAN_MARK_ADD, FAN_CLOSE_WRITE, null, NULL), 0);
	ck_assert(!fan_owner_visit(getpid(), see, &s));
	ck_assert_uint_eq(s.n, 1);
	ck_assert_int_eq(s.last.on, FAN_ON_FILE);
	ck_assert_int_eq(fstat(null, &st), 0);
	ck_assert_uint_eq(s.last.sb, st.st_dev);
	ck_assert_uint_eq(s.last.mask, FAN_CLOSE_WRITE);
	ck_assert_int_eq(close(group) | close(null), 0);
}
END_TEST

/* A child with a mark that gives up its rights, by one way or the other. */
static unsigned marks_of_child(bool new_namespace)
{
	int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY), fds[2];
	struct seen s = {0};
	char ready = 0;
	pid_t child;

	if (group < 0 && errno == EPERM)
		return 0;
	ck_assert_int_eq(fanotify_mark(group, FAN_MARK_ADD, FAN_CLOSE_WRITE, AT_FDCWD, "/dev/null"), 0);
	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		if ((new_namespace ? unshare(CLONE_NEWUSER) : setresuid(65534, 65534, 65534)) == 0)
			(void)!write(fds[1], "y", 1);
		(void)close(fds[1]);
		(void)pause();
		_exit(0);
	}
	ck_assert_int_eq(close(fds[1]), 0);
	if (read(fds[0], &ready, 1) == 1) /* else there are no user namespaces */
		ck_assert(!fan_owner_visit(child, see, &s));
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_int_eq(close(fds[0]) | close(group), 0);
	return s.n;
}

START_TEST(visit_process_without_the_right_to_hold_is_not_looked_at)
{
	ck_assert_uint_eq(marks_of_child(false), 0);
	ck_assert_uint_eq(marks_of_child(true), 0);
}
END_TEST

START_TEST(visit_process_that_is_not_there_has_none)
{
	struct seen s = {0};

	ck_assert(!fan_owner_visit(0x7fffffff, see, &s));
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

UNIT_MAIN("fan-owner", parse_lines_of_the_kernel, parse_other_lines_are_no_marks,
          visit_finds_the_marks_of_a_process, visit_process_that_is_not_there_has_none,
          visit_process_without_the_right_to_hold_is_not_looked_at)
