/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fanotify calls against the running kernel
 *
 * Every case runs in a process, a mount namespace and on a tmpfs of its own, under an
 * alarm; a group that dies lets every opener go. Skipped (77) without CAP_SYS_ADMIN.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/fan.h"
#include "unit.h"

#define CASE_LIMIT_SEC   20
#define EVENT_LIMIT_MSEC 2000
#define NO_EVENT_MSEC    100

/* Enter a namespace with a tmpfs at /mnt that holds the file "f"; give its root. */
static int world(void)
{
	int root, fd;

	(void)alarm(CASE_LIMIT_SEC);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("test", "/mnt", "tmpfs", 0, NULL), 0);
	root = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
	fd = openat(root, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	return root;
}

static int group_new(void)
{
	bool fd_error;
	int group = fan_group_new(&fd_error);

	ck_assert_int_ge(group, 0);
	return group;
}

/* A process that opens "f"; its exit status is the errno, 0 if it opened. */
static pid_t opener(int group, int root)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(CASE_LIMIT_SEC);
	(void)close(group);
	_exit(openat(root, "f", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
}

static int exit_status(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Take one event; -ETIMEDOUT after @limit_msec. */
static int take(int group, int limit_msec, struct fan_event *ret)
{
	struct pollfd waiting = {.fd = group, .events = POLLIN};
	struct fanotify_event_metadata buf;
	ssize_t n;

	if (poll(&waiting, 1, limit_msec) == 0)
		return -ETIMEDOUT;
	n = read(group, &buf, sizeof(buf));
	return n < 0 ? -errno : fan_parse(&buf, (size_t)n, ret);
}

/* One open answered with @allow: what the opener got. */
static int open_answered(int group, int root, bool allow)
{
	pid_t pid = opener(group, root);
	struct fan_event event;

	ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
	ck_assert(fan_event_is_held(&event));
	ck_assert_int_eq(event.pid, pid);
	ck_assert_int_eq(fan_respond(group, event.fd, allow), 0);
	(void)close(event.fd);
	return exit_status(pid);
}

START_TEST(fan_respond_no_opener_gets_eperm)
{
	int root = world(), group = group_new();

	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(open_answered(group, root, false), EPERM);
}
END_TEST

START_TEST(fan_respond_yes_opener_gets_file)
{
	int root = world(), group = group_new();

	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(open_answered(group, root, true), 0);
}
END_TEST

START_TEST(fan_respond_nobody_waits_enoent)
{
	int group = group_new();

	ck_assert_int_eq(fan_respond(group, 100, true), -ENOENT);
}
END_TEST

START_TEST(fan_respond_not_a_group_fails)
{
	ck_assert_int_eq(fan_respond(-1, 100, true), -EBADF);
}
END_TEST

START_TEST(fan_group_new_event_file_has_our_flags)
{
	int root = world(), group = group_new(), flags;
	struct fan_event event;
	pid_t pid;

	ck_assert_int_eq(fcntl(group, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	ck_assert_int_eq(fcntl(group, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	pid = opener(group, root);
	ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
	flags = fcntl(event.fd, F_GETFL);
	ck_assert_int_eq(flags & O_ACCMODE, O_RDONLY);
	ck_assert_int_eq(flags & (O_NOATIME | O_NONBLOCK), O_NOATIME | O_NONBLOCK);
	ck_assert_int_eq(fcntl(event.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fan_respond(group, event.fd, true), 0);
	ck_assert_int_eq(exit_status(pid), 0);
}
END_TEST

START_TEST(fan_mark_filesystem_close_after_write_is_reported)
{
	int root = world(), group = group_new();
	int fd = openat(root, "f", O_WRONLY | O_CLOEXEC);
	struct fan_event event;

	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	(void)close(fd);
	ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
	ck_assert_uint_eq(event.mask, FAN_CLOSE_WRITE);
	ck_assert(!fan_event_is_held(&event));
}
END_TEST

START_TEST(fan_mark_filesystem_path_only_directory_works)
{
	int root = world(), group = group_new();
	int path = open("/mnt", O_PATH | O_CLOEXEC);

	ck_assert_int_eq(fan_mark_filesystem(group, path, "."), 0);
	ck_assert_int_eq(open_answered(group, root, false), EPERM);
}
END_TEST

START_TEST(fan_mark_filesystem_proc_refused)
{
	ck_assert_int_eq(fan_mark_filesystem(group_new(), AT_FDCWD, "/proc"), -EINVAL);
}
END_TEST

START_TEST(fan_unmark_filesystem_opens_go_unseen)
{
	int root = world(), group = group_new();
	struct fan_event event;

	ck_assert_int_eq(fan_unmark_filesystem(group, root, "."), -ENOENT);
	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(fan_unmark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
}
END_TEST

START_TEST(fan_ignore_mount_own_view_unseen_other_mount_seen)
{
	int root = world(), group = group_new(), other;
	struct fan_event event;

	other = open_tree(root, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	ck_assert_int_ge(other, 0);
	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(fan_ignore_mount(group, AT_FDCWD, "/mnt"), 0);
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
	ck_assert_int_eq(open_answered(group, other, false), EPERM);
}
END_TEST

START_TEST(fan_empty_file_is_asked_about_again)
{
	int root = world(), group = group_new();
	int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);
	struct fan_event event;

	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(fan_ignore_file(group, fd), 0);
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
	ck_assert_int_eq(fan_empty_file(group, fd), 0);
	ck_assert_int_eq(open_answered(group, root, false), EPERM);
	ck_assert_int_eq(fan_ignore_file(group, fd), 0);
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
}
END_TEST

/* The open reaches the guard first, and the group only when the guard has let it go: @ignored by then, or not. */
static void guarded_open(bool ignored, int released_fd)
{
	int root = world(), group = group_new(), guard = fan_guard_new();
	int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);
	struct pollfd waiting = {.fd = guard, .events = POLLIN};
	struct fan_event event;
	pid_t pid;

	ck_assert_int_ge(guard, 0);
	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(fan_guard_file(guard, fd), 0);
	pid = opener(group, root);
	ck_assert_int_eq(poll(&waiting, 1, EVENT_LIMIT_MSEC), 1);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
	ck_assert_int_eq(fan_ignore_file(group, fd), 0);
	if (!ignored)
		ck_assert_int_eq(fan_empty_file(group, fd), 0);
	fan_guard_release(guard, released_fd < 0 ? -1 : fd);
	if (!ignored) {
		ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
		ck_assert_int_eq(event.pid, pid);
		ck_assert_int_eq(fan_respond(group, event.fd, false), 0);
	}
	ck_assert_int_eq(exit_status(pid), ignored ? 0 : EPERM);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
	ck_assert_int_eq(poll(&waiting, 1, 0), 0);
	fan_guard_release(guard, fd); /* nothing there: nothing happens */
}

START_TEST(fan_guard_release_open_meets_ignored_file)
{
	guarded_open(true, 0);
}
END_TEST

START_TEST(fan_guard_release_open_meets_emptied_file)
{
	guarded_open(false, 0);
}
END_TEST

START_TEST(fan_guard_release_all_lets_go_on)
{
	guarded_open(false, -1);
}
END_TEST

START_TEST(fan_guard_without_descriptor_lets_go_on)
{
	int root = world(), guard = fan_guard_new();
	int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);
	struct pollfd waiting = {.fd = guard, .events = POLLIN};
	pid_t pid;

	ck_assert_int_eq(fan_guard_file(guard, fd), 0);
	pid = opener(guard, root);
	ck_assert_int_eq(poll(&waiting, 1, EVENT_LIMIT_MSEC), 1);
	(void)close(guard);
	ck_assert_int_eq(exit_status(pid), 0);
}
END_TEST

START_TEST(fan_flush_takes_every_kind_of_mark)
{
	int root = world(), group = group_new();
	struct fan_event event;

	ck_assert_int_eq(fan_mark_filesystem(group, root, "."), 0);
	ck_assert_int_eq(fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MOUNT,
	                               FAN_OPEN_PERM, root, "."),
	                 0);
	ck_assert_int_eq(fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, root, "."),
	                 0);
	ck_assert_int_eq(fan_flush(group), 0);
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
}
END_TEST

START_TEST(fan_probe_as_root_can_refuse)
{
	char why[FAN_PROBE_WHY_BYTES] = "";

	ck_assert_msg(fan_probe(why, sizeof(why)) == 0, "%s", why);
	ck_assert_str_eq(why, "");
}
END_TEST

START_TEST(fan_probe_as_user_names_capability)
{
	char why[FAN_PROBE_WHY_BYTES] = "";

	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(fan_probe(why, sizeof(why)), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "CAP_SYS_ADMIN is missing"));
}
END_TEST

START_TEST(fan_probe_in_user_namespace_says_so)
{
	char why[FAN_PROBE_WHY_BYTES] = "";

	if (unshare(CLONE_NEWUSER) < 0)
		return; /* switched off on this machine: nothing to be inside of */
	ck_assert_int_eq(fan_probe(why, sizeof(why)), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "inside a user namespace"));
}
END_TEST

START_TEST(fan_probe_without_descriptors_names_the_step)
{
	char why[FAN_PROBE_WHY_BYTES] = "";
	const struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (dup(0) >= 0)
		;
	ck_assert_int_eq(errno, EMFILE);
	/* exactly the two that the result pipe needs */
	(void)close(62);
	(void)close(63);
	ck_assert_int_eq(fan_probe(why, sizeof(why)), -EMFILE);
	ck_assert_ptr_nonnull(strstr(why, "creating a fanotify group"));
}
END_TEST

/* What the probe says is what happens: looked at by other means, a group that holds nobody. */
START_TEST(fan_probe_layers_says_what_happens)
{
	int group, root = world();
	char buf[4096];
	bool seen;
	int r = fan_probe_layers(&seen);

	if (r == -ENODEV)
		return; /* no overlayfs: nothing to compare with */
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(mkdirat(root, "a", 0700), 0);
	ck_assert_int_eq(mkdirat(root, "b", 0700), 0);
	ck_assert_int_eq(mkdirat(root, "o", 0700), 0);
	ck_assert_int_eq(renameat(root, "f", root, "a/f"), 0);
	ck_assert_int_eq(mount("o", "/mnt/o", "overlay", MS_RDONLY, "lowerdir=/mnt/a:/mnt/b"), 0);
	group = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC, O_RDONLY);
	ck_assert_int_ge(group, 0);
	ck_assert_int_eq(fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, root, "."), 0);
	ck_assert_int_ge(open("/mnt/o/f", O_RDONLY | O_CLOEXEC), 0);
	ck_assert_int_eq(read(group, buf, sizeof(buf)) > 0, seen);
}
END_TEST

START_TEST(fan_probe_layers_leaves_namespace_and_children)
{
	char before[64] = "", after[64] = "";
	bool seen;

	ck_assert_int_gt(readlink("/proc/self/ns/mnt", before, sizeof(before) - 1), 0);
	(void)fan_probe_layers(&seen);
	ck_assert_int_gt(readlink("/proc/self/ns/mnt", after, sizeof(after) - 1), 0);
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(fan_probe_layers_as_user_eperm)
{
	bool seen;
	int r;

	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	r = fan_probe_layers(&seen);
	ck_assert_msg(r == -EPERM || r == -ENODEV, "%d", r);
}
END_TEST

static int file_of(int root)
{
	int fd = openat(root, "f", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void other_file(int root)
{
	int fd = openat(root, "g", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	(void)close(fd);
	fd = openat(root, "g", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	(void)close(fd);
}

START_TEST(fan_hold_file_that_one_alone)
{
	int root = world(), group = group_new();
	struct fan_event event;

	ck_assert_int_eq(fan_hold_file(group, file_of(root)), 0);
	other_file(root); /* nobody answers: it does not wait */
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
	ck_assert_int_eq(open_answered(group, root, false), EPERM);
}
END_TEST

/* What the gate of an outpost rests on. */
START_TEST(fan_hold_file_reader_without_descriptors_refuses)
{
	int root = world(), group = group_new();
	struct fanotify_event_metadata buf;
	struct fan_event event;
	struct rlimit before;
	pid_t pid;
	ssize_t n;

	ck_assert_int_eq(fan_hold_file(group, file_of(root)), 0);
	pid = opener(group, root);
	while (fan_queued(group) == 0)
		(void)poll(NULL, 0, 1);
	ck_assert_int_eq(fan_queued(group), 1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}), 0);
	n = read(group, &buf, sizeof(buf));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	if (n > 0) { /* else a kernel without FAN_REPORT_FD_ERROR, which returns it */
		ck_assert_int_eq(fan_parse(&buf, (size_t)n, &event), 0);
		ck_assert_int_eq(event.fd, -EMFILE);
		ck_assert_int_eq(event.pid, pid);
	}
	ck_assert_int_eq(exit_status(pid), EPERM);
	ck_assert_int_eq(fan_queued(group), 0);
}
END_TEST

START_TEST(fan_mark_held_close_after_write_is_not_reported)
{
	int root = world(), group = group_new();
	int fd = openat(root, "f", O_WRONLY | O_CLOEXEC);
	struct fan_event event;

	ck_assert_int_eq(fan_mark_held(group, root, "."), 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	(void)close(fd);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
	ck_assert_int_eq(open_answered(group, root, false), EPERM);
}
END_TEST

START_TEST(fan_mark_news_nobody_waits_and_all_is_told)
{
	int root = world(), group = fan_news_new();
	struct fan_event event;
	int fd;

	ck_assert_int_ge(group, 0);
	ck_assert_int_eq(fan_mark_news(group, root, "."), 0);
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
	ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
	ck_assert_uint_eq(event.mask, FAN_OPEN);
	ck_assert_int_ge(event.fd, 0);
	fd = openat(root, "g", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	(void)close(fd);
	ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
	ck_assert(event.mask & FAN_CLOSE_WRITE || take(group, EVENT_LIMIT_MSEC, &event) == 0);
	ck_assert(event.mask & FAN_CLOSE_WRITE);
}
END_TEST

START_TEST(fan_quiet_file_opens_are_no_news_until_it_is_written)
{
	int root = world(), group = fan_news_new(), fd;
	struct fan_event event;

	ck_assert_int_eq(fan_mark_news(group, root, "."), 0);
	fd = file_of(root);
	ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
	ck_assert_int_eq(fan_quiet_file(group, fd), 0);
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
	(void)close(fd);
	fd = openat(root, "f", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	(void)close(fd);
	ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
	ck_assert(event.mask & FAN_CLOSE_WRITE); /* which is never quiet */
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
	ck_assert_int_eq(take(group, EVENT_LIMIT_MSEC, &event), 0);
	ck_assert_uint_eq(event.mask, FAN_OPEN);
}
END_TEST

/* Lines of marks in fdinfo. */
static unsigned n_marks(int group)
{
	_cleanup_(file_closep) FILE *f = NULL;
	char path[64], line[256];
	unsigned n = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", group);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		n += strncmp(line, "fanotify sdev:", 14) == 0;
	return n;
}

START_TEST(fan_note_filesystem_tells_nothing_and_goes_with_it)
{
	int root = world(), group = fan_news_new(), fd;
	struct fan_event event;

	ck_assert_int_eq(fan_note_filesystem(group, root, "."), 0);
	ck_assert_uint_eq(n_marks(group), 1);
	ck_assert_int_eq(exit_status(opener(group, root)), 0);
	fd = openat(root, "f", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	(void)close(fd);
	ck_assert_int_eq(take(group, NO_EVENT_MSEC, &event), -ETIMEDOUT);
	ck_assert_uint_eq(n_marks(group), 1);
	(void)close(root);
	ck_assert_int_eq(umount("/mnt"), 0); /* it keeps nothing busy */
	ck_assert_uint_eq(n_marks(group), 0);
}
END_TEST

static bool able(void)
{
	int group = fan_group_new(NULL);

	if (group < 0)
		return false;
	(void)close(group);
	return unshare(CLONE_NEWNS) == 0;
}

UNIT_MAIN_IF(able(), "needs CAP_SYS_ADMIN in the initial user namespace", "fan-kernel",
             fan_respond_no_opener_gets_eperm, fan_respond_yes_opener_gets_file,
             fan_respond_nobody_waits_enoent, fan_respond_not_a_group_fails,
             fan_group_new_event_file_has_our_flags,
             fan_mark_filesystem_close_after_write_is_reported,
             fan_mark_filesystem_path_only_directory_works,
             fan_mark_filesystem_proc_refused, fan_unmark_filesystem_opens_go_unseen,
             fan_ignore_mount_own_view_unseen_other_mount_seen,
             fan_empty_file_is_asked_about_again,
             fan_guard_release_open_meets_ignored_file,
             fan_guard_release_open_meets_emptied_file,
             fan_guard_release_all_lets_go_on,
             fan_guard_without_descriptor_lets_go_on,
             fan_hold_file_that_one_alone, fan_hold_file_reader_without_descriptors_refuses,
             fan_mark_held_close_after_write_is_not_reported,
             fan_mark_news_nobody_waits_and_all_is_told,
             fan_quiet_file_opens_are_no_news_until_it_is_written,
             fan_note_filesystem_tells_nothing_and_goes_with_it,
             fan_flush_takes_every_kind_of_mark, fan_probe_as_root_can_refuse,
             fan_probe_as_user_names_capability, fan_probe_in_user_namespace_says_so,
             fan_probe_without_descriptors_names_the_step,
             fan_probe_layers_says_what_happens,
             fan_probe_layers_leaves_namespace_and_children,
             fan_probe_layers_as_user_eperm)
