/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does an open through an overlay raise an event on the file system of its layer?
 *
 * Since Linux 6.5 it does, but distributions carry changes back and forth, so it is tried: a child in a
 * mount namespace of its own marks a tmpfs, mounts an overlay of two of its directories, and forks an
 * opener. The opener's end without an event is the other answer, so nothing here waits for nothing.
 *
 * Owns: both processes. Must not own: what follows for marks (the caller).
 */
#include "custos/fan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "fan-child.h"

#define PROBE_LIMIT_MSEC 5000 /* milliseconds are usual; a loaded boot is slow */
#define ANSWER_SEEN      1
#define ANSWER_UNSEEN    0

/* Mounting one would load the module on a host that has no use for it. */
static bool has_overlay(void)
{
	_cleanup_(fd_closep) int fd = open("/proc/filesystems", O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0)
		return false;
	buf[n] = '\0';
	return strstr(buf, "\toverlay\n");
}

/* A tmpfs where the namespace has a directory, current directory in it, and an overlay "o". */
static int overlay_new(void)
{
	static const char *const places[] = {"/tmp", "/run", "/dev", "/proc"};
	int fd, r = -ENOENT;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return -errno;
	for (size_t i = 0; r < 0 && i < ARRAY_SIZE(places); i++)
		r = mount("custos-probe", places[i], "tmpfs", 0, "mode=0700,size=1m") < 0 ||
		                    chdir(places[i]) < 0 ?
		            -errno :
		            0;
	if (r < 0)
		return r;
	if (mkdir("a", 0700) < 0 || mkdir("b", 0700) < 0 || mkdir("o", 0700) < 0)
		return -errno;
	fd = open("a/probe", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	(void)close(fd);
	/* Layers are looked up from the current directory. Read-only: no work directory, no xattrs. */
	return mount("custos-probe", "o", "overlay", MS_RDONLY, "lowerdir=a:b") < 0 ? -errno : 0;
}

/* Let the opener behind the one event of @group go. */
static int allow_one(int group)
{
	_Alignas(struct fanotify_event_metadata) char buf[FAN_EVENT_BYTES];
	struct fan_event event;
	ssize_t n = read(group, buf, sizeof(buf));
	int r;

	if (n < 0)
		return -errno;
	r = fan_parse(buf, (size_t)n, &event);
	if (r < 0 || event.fd < 0)
		return r < 0 ? r : event.fd;
	r = fan_respond(group, event.fd, /* allow= */ true);
	(void)fd_close(event.fd);
	return r;
}

/* Return: ANSWER_SEEN or ANSWER_UNSEEN, or a negative errno. */
static int open_and_look(int group)
{
	int opened[2];
	struct pollfd waiting[2] = {{.fd = group, .events = POLLIN}, {.events = POLLIN}};
	char ok = 0;
	pid_t pid;
	int r;

	if (pipe2(opened, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		fan_child_setup(PROBE_LIMIT_MSEC);
		(void)close(group); /* a holder of the group would keep itself waiting */
		if (open("o/probe", O_RDONLY | O_CLOEXEC) >= 0)
			(void)!write(opened[1], "1", 1);
		_exit(0);
	}
	(void)close(opened[1]);
	waiting[1].fd = opened[0];
	r = poll(waiting, 2, PROBE_LIMIT_MSEC / 2);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	if (waiting[0].revents & POLLIN) {
		r = allow_one(group);
		return r < 0 ? r : ANSWER_SEEN;
	}
	return read(opened[0], &ok, 1) == 1 ? ANSWER_UNSEEN : -EIO; /* it could not open the file */
}

static int try_it(void)
{
	_cleanup_(fd_closep) int group = -1;
	int r;

	if (!has_overlay())
		return -ENODEV;
	group = fan_group_new(NULL);
	if (group < 0)
		return group;
	r = overlay_new();
	if (r == 0)
		r = fan_mark_filesystem(group, AT_FDCWD, ".");
	return r < 0 ? r : open_and_look(group);
}

static void probe(void *ret)
{
	*(int *)ret = try_it();
}

int fan_probe_layers(bool *ret_seen)
{
	int answer = -EIO;
	int r = fan_in_child(probe, &answer, sizeof(answer), PROBE_LIMIT_MSEC);

	if (r == 0 && answer < 0)
		r = answer;
	if (r == 0)
		*ret_seen = answer == ANSWER_SEEN;
	return r;
}
