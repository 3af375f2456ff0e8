/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can an open really be refused here?
 *
 * The caller forks a prober; the prober marks a tmpfs on a detached mount (no path
 * leads there), forks an opener, answers no and reports what the opener got. Nobody can
 * hang: the caller waits PROBE_LIMIT_MSEC and kills the prober, whose group then
 * lets the opener go; the opener dies with the prober.
 *
 * Owns: both processes, and the sentence for the administrator.
 * Must not own: the decision what to do about it.
 */
#include "custos/fan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "fan-child.h"

#define PROBE_LIMIT_MSEC 20000 /* milliseconds are usual; on a machine with a load of hundreds it was seconds */
#define EVENT_LIMIT_MSEC 15000
#define PROBE_FILE       "probe"
#define OPENER_LOST      255 /* exit status that is no errno */

enum probe_stage {
	STAGE_GROUP,
	STAGE_TMPFS,
	STAGE_MARK,
	STAGE_EVENT,
	STAGE_DONE,
};

struct probe_report {
	enum probe_stage stage; /* the one that failed, or STAGE_DONE */
	int error;              /* negative errno; 0 with STAGE_DONE */
};

/* A tmpfs that only the returned descriptor leads to, with PROBE_FILE in it. */
static int tmpfs_new(void)
{
	_cleanup_(fd_closep) int context = -1, root = -1, file = -1;

	context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	root = fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (root < 0)
		return -errno;
	file = openat(root, PROBE_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return -errno;
	return fd_take(&root);
}

/* Exit status: 0 = the file opened, else the errno. */
_Noreturn static void opener_main(int group, int root)
{
	fan_child_setup(PROBE_LIMIT_MSEC);
	(void)close(group); /* a holder of the group would keep itself waiting */
	_exit(openat(root, PROBE_FILE, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
}

/* Wait for the opener's event and refuse it. */
static int refuse_one(int group)
{
	struct pollfd waiting = {.fd = group, .events = POLLIN};
	_Alignas(struct fanotify_event_metadata) char buf[FAN_EVENT_BYTES];
	struct fan_event event;
	ssize_t n;
	int r;

	r = poll(&waiting, 1, EVENT_LIMIT_MSEC);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	n = read(group, buf, sizeof(buf));
	if (n < 0)
		return -errno;
	r = fan_parse(buf, (size_t)n, &event);
	if (r < 0)
		return r;
	if (event.fd < 0)
		return event.fd;
	r = fan_respond(group, event.fd, /* allow= */ false);
	(void)fd_close(event.fd);
	return r;
}

static int opener_result(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return OPENER_LOST;
	return WEXITSTATUS(status);
}

/* The opener waits in the kernel: refuse it, and see that it was refused. */
static int probe_event(int group, int root)
{
	pid_t pid = fork();
	int r;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		opener_main(group, root);
	r = refuse_one(group);
	if (r < 0) {
		int got;

		(void)kill(pid, SIGKILL);
		got = opener_result(pid);
		/* it never waited: the mark was accepted and does nothing */
		return r == -ETIMEDOUT && got == 0 ? -ENOTSUP : r;
	}
	switch (opener_result(pid)) {
	case EPERM:
		return 0;
	case 0:
		return -ENOTSUP;
	default:
		return -EIO;
	}
}

static struct probe_report try_it(void)
{
	_cleanup_(fd_closep) int group = -1, root = -1;
	int r;

	group = fan_group_new(NULL);
	if (group < 0)
		return (struct probe_report){STAGE_GROUP, group};
	root = tmpfs_new();
	if (root < 0)
		return (struct probe_report){STAGE_TMPFS, root};
	r = fan_mark_filesystem(group, root, ".");
	if (r < 0)
		return (struct probe_report){STAGE_MARK, r};
	r = probe_event(group, root);
	if (r < 0)
		return (struct probe_report){STAGE_EVENT, r};
	return (struct probe_report){STAGE_DONE, 0};
}

static void probe(void *ret)
{
	*(struct probe_report *)ret = try_it();
}

/* The initial user namespace maps every id to itself; a new one has no map yet. */
static bool in_user_namespace(void)
{
	_cleanup_(file_closep) FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned long inside, outside, count;

	if (!f)
		return false;
	if (fscanf(f, "%lu %lu %lu", &inside, &outside, &count) != 3)
		return true;
	return inside != 0 || outside != 0 || count != UINT32_MAX;
}

static const char *reason(const struct probe_report *report)
{
	if (report->error == -EPERM && in_user_namespace())
		return "This process runs inside a user namespace, where the kernel "
		       "does not let opens be held back; run it in the initial one.";
	if (report->error == -EPERM && report->stage < STAGE_EVENT)
		return "CAP_SYS_ADMIN is missing; opens can only be held back with it.";
	if (report->error == -ENOSYS && report->stage == STAGE_GROUP)
		return "This kernel has no fanotify (CONFIG_FANOTIFY is off).";
	if (report->error == -EINVAL && report->stage == STAGE_MARK)
		return "This kernel cannot hold opens back "
		       "(CONFIG_FANOTIFY_ACCESS_PERMISSIONS is off).";
	if (report->error == -ENOTSUP && report->stage == STAGE_EVENT)
		return "This kernel accepts the request to hold opens back, but a "
		       "refused open succeeds all the same.";
	return NULL;
}

int fan_probe(char *why, size_t why_size)
{
	static const char *const doing[] = {
		[STAGE_GROUP] = "creating a fanotify group",
		[STAGE_TMPFS] = "making a tmpfs to try on",
		[STAGE_MARK] = "marking a file system",
		[STAGE_EVENT] = "refusing an open",
		[STAGE_DONE] = "waiting for the result",
	};
	struct probe_report report = {STAGE_DONE, 0};
	const char *known;
	int r;

	r = fan_in_child(probe, &report, sizeof(report), PROBE_LIMIT_MSEC);
	if (r < 0)
		report = (struct probe_report){STAGE_DONE, r};
	if (report.error == 0)
		return 0;
	known = reason(&report);
	if (known)
		(void)snprintf(why, why_size, "%s", known);
	else
		(void)snprintf(why, why_size,
		               "A trial of refusing an open failed while %s: %s.",
		               doing[report.stage], strerrordesc_np(-report.error));
	return report.error;
}
