/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl doctor: the machine
 *
 * Owns: checks that do not need the daemon. Must not own: repairs: it only looks.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/fan-owner.h"
#include "doctor.h"

/* 2024-01-01: an earlier clock was never set, and dates in the policy mean nothing. */
#define CLOCK_SANE_SEC 1704067200ULL
/* Oldest kernel that is tested. */
#define KERNEL_MAJOR 5
#define KERNEL_MINOR 10

static void check_kernel(struct doctor *d)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		doctor_note(d, DOCTOR_WARN, "kernel", "see 'uname -r'",
		            "version unknown");
	else if (major < KERNEL_MAJOR ||
	         (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		doctor_note(d, DOCTOR_FAIL, "kernel", "use Linux 5.10 or later", "%s",
		            u.release);
	else
		doctor_note(d, DOCTOR_OK, "kernel", NULL, "%s", u.release);
}

/* Without permission events in the kernel, nothing can be denied. The group is made and
 * closed again; no mark is set, so no open waits. */
static void check_fanotify(struct doctor *d)
{
	_cleanup_(fd_closep) int fd =
		fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
	static const char *const remedy =
		"use a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS=y";

	if (fd >= 0)
		doctor_note(d, DOCTOR_OK, "fanotify", NULL,
		            "permission events are available");
	else if (errno == EPERM)
		doctor_note(d, DOCTOR_WARN, "fanotify", "run doctor as root",
		            "not checked: needs root");
	else if (errno == EMFILE)
		doctor_note(d, DOCTOR_WARN, "fanotify",
		            "raise fs.fanotify.max_user_groups", "no group left");
	else
		doctor_note(d, DOCTOR_FAIL, "fanotify", remedy, "%s", strerror(errno));
}

static void check_clock(struct doctor *d)
{
	uint64_t sec = clock_wall_usec() / USEC_PER_SEC;

	if (sec < CLOCK_SANE_SEC)
		doctor_note(d, DOCTOR_WARN, "clock",
		            "set the clock: expiry dates depend on it",
		            "stands before 2024");
	else
		doctor_note(d, DOCTOR_OK, "clock", NULL, "plausible");
}

static void check_group(struct doctor *d)
{
	if (getgrnam("custos"))
		doctor_note(d, DOCTOR_OK, "group custos", NULL,
		            "exists: its members may observe");
	else
		doctor_note(d, DOCTOR_WARN, "group custos",
		            "create it: 'systemd-sysusers'",
		            "does not exist: only root may use custosctl");
}

static void check_journald(struct doctor *d)
{
	static const struct sockaddr_un sa = {
		.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
	_cleanup_(fd_closep) int fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		doctor_note(d, DOCTOR_OK, "journal", NULL, "journald listens");
	else
		doctor_note(d, DOCTOR_WARN, "journal",
		            "see 'systemctl status systemd-journald': events are kept "
		            "in memory only",
		            "journald cannot be reached: %s", strerror(errno));
}

static bool is_permission_mark(void *userdata, const struct fan_owner_mark *mark)
{
	(void)userdata;
	return fan_owner_holds(mark);
}

static bool is_ours(const struct doctor *d, pid_t pid)
{
	return pid == doctor_pid(d, "supervisor") || pid == doctor_pid(d, "keeper") ||
	       pid == doctor_pid(d, "anchor") || pid == doctor_pid(d, "scanner");
}

/* Two that wait for each other's files can stop each other; custos and one more can
 * too. */
static void check_rivals(struct doctor *d)
{
	_cleanup_(dir_closep) DIR *proc = opendir("/proc");
	struct dirent *e;
	unsigned n = 0;

	while (proc && (e = readdir(proc))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
		char comm[64];

		if (pid <= 0 || is_ours(d, pid) || !fan_owner_visit(pid, is_permission_mark, NULL))
			continue;
		if (doctor_read_proc(pid, "comm", comm, sizeof(comm)) < 0)
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		doctor_note(d, DOCTOR_WARN, "other scanners",
		            "let one of them decide, or exclude each from the other",
		            "%s (pid %d) also answers fanotify permission events", comm,
		            (int)pid);
		n++;
	}
	if (n == 0 && geteuid() == 0)
		doctor_note(d, DOCTOR_OK, "other scanners", NULL,
		            "nobody else answers fanotify"
		            " permission events");
	else if (n == 0)
		doctor_note(d, DOCTOR_WARN, "other scanners", "run doctor as root",
		            "not checked: needs root");
}

void doctor_host(struct doctor *d)
{
	check_kernel(d);
	check_fanotify(d);
	check_clock(d);
	check_group(d);
	check_journald(d);
	check_rivals(d);
}
