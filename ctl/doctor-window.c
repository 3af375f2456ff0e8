/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl doctor: the window
 *
 * A child makes a mount namespace with a file system of its own, puts the EICAR test file there and opens it until that
 * is refused: what a container or a user's sandbox does, and how long nothing is judged in it.
 *
 * Owns: that trial. Must not own: what is watched (the daemon's Status).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "doctor.h"
#include "output.h"

#define PATIENCE   (2 * NSEC_PER_SEC)
#define HANG_SEC   10 /* an open that is never answered must not keep doctor */
#define SLOW       (100 * NSEC_PER_MSEC)
#define BAIT_BYTES 68

/* In halves, so that nobody's scanner takes this program for the test file. */
static const char bait_begin[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-";
static const char bait_end[] = "ANTIVIRUS-TEST-FILE!$H+H*";

/* What the child says; negative: an errno of making the trial. */
struct outcome {
	int error;
	bool refused;
	nsec_t window;
};

static int make_bait(const char *directory, char *path, size_t size)
{
	char bait[BAIT_BYTES + 1];
	_cleanup_(fd_closep) int fd = -1;

	(void)snprintf(bait, sizeof(bait), "%s%s", bait_begin, bait_end); /* fits */
	(void)snprintf(path, size, "%s/bait", directory);                /* fits */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return write(fd, bait, BAIT_BYTES) == BAIT_BYTES ? 0 : -EIO;
}

static struct outcome try_it(const char *directory)
{
	struct outcome o = {0};
	char path[64];
	nsec_t began;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("custos-doctor", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=64k") < 0) {
		o.error = -errno;
		return o;
	}
	began = clock_now();
	o.error = make_bait(directory, path, sizeof(path));
	while (o.error == 0 && !o.refused && clock_now() - began < PATIENCE) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		o.refused = fd < 0 && errno == EPERM;
		(void)fd_close(fd);
	}
	o.window = clock_now() - began;
	return o; /* the namespace ends with the child, and the file system with it */
}

/* Return: 0, -EPROTO when the child did not say anything, or the errno of what kept it from being started. */
static int run_child(const char *directory, struct outcome *ret)
{
	int fds[2];
	pid_t pid;
	bool said;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		const int error = errno;

		(void)close(fds[0]);
		(void)close(fds[1]);
		return -error;
	}
	if (pid == 0) {
		struct outcome o;

		(void)alarm(HANG_SEC);
		o = try_it(directory);
		_exit(write(fds[1], &o, sizeof(o)) == (ssize_t)sizeof(o) ? 0 : 1);
	}
	(void)close(fds[1]);
	said = read(fds[0], ret, sizeof(*ret)) == (ssize_t)sizeof(*ret);
	(void)close(fds[0]);
	(void)waitpid(pid, NULL, 0);
	return said ? 0 : -EPROTO;
}

static void judge(struct doctor *d, const struct outcome *o)
{
	static const char *const remedy = "see coverage in 'custosctl status', and 'journalctl -u custosd'";
	char time[OUT_USEC_BYTES];

	out_usec((int64_t)(o->window / NSEC_PER_USEC), time);
	if (o->error)
		doctor_note(d, DOCTOR_WARN, "window", "run doctor as root, outside of containers",
		            "a file system for the trial cannot be made: %s", strerror(-o->error));
	else if (!o->refused)
		doctor_note(d, DOCTOR_FAIL, "window", remedy,
		            "a file system in a new mount namespace is not protected after %s", time);
	else
		doctor_note(d, o->window > SLOW ? DOCTOR_WARN : DOCTOR_OK, "window", o->window > SLOW ? remedy : NULL,
		            "a file system in a new mount namespace is protected after %s", time);
}

void doctor_window(struct doctor *d)
{
	const char *mode = json_string_value(json_object_get(d->status, "mode")) ?: "";
	char directory[] = "/run/custos-doctor.XXXXXX";
	struct outcome o;
	int r;

	if (out_int(d->status, "namespaces") == 0) {
		doctor_note(d, DOCTOR_OK, "window", NULL, "other mount namespaces are not to be watched");
		return;
	}
	if (strcmp(mode, "enforce") != 0) {
		doctor_note(d, DOCTOR_WARN, "window", NULL, "not tried: nothing is denied in this mode");
		return;
	}
	if (!mkdtemp(directory)) {
		doctor_note(d, DOCTOR_WARN, "window", "run doctor as root", "not tried: %s", strerror(errno));
		return;
	}
	r = run_child(directory, &o);
	if (r == 0)
		judge(d, &o);
	else if (r != -EPROTO)
		doctor_note(d, DOCTOR_WARN, "window", "'custosctl doctor' again, with more processes or descriptors allowed",
		            "not tried: no process can be started for it: %s", strerror(-r));
	else
		doctor_note(d, DOCTOR_FAIL, "window", "'custosctl doctor' again; then 'systemctl restart custosd'",
		            "an open was never answered");
	(void)rmdir(directory);
}
