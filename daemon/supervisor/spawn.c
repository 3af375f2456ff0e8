/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawn
 *
 * Owns: what a child inherits: listed descriptors, default signals, nothing else.
 * Must not own: the child's life.
 */
#include "daemon/supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/cleanup.h"

#define SPAWN_FDS_MAX 16
#define PARK_LOW      64 /* above every target number */

/* Async-signal-safe from here to execve. */
static void place_fds(const struct spawn_fd *fds, size_t n)
{
	int parked[SPAWN_FDS_MAX];
	int highest = STDERR_FILENO;

	/* Sources and targets may overlap: park all of them out of the way first. */
	for (size_t i = 0; i < n; i++) {
		parked[i] = fcntl(fds[i].from, F_DUPFD_CLOEXEC, PARK_LOW);
		if (parked[i] < 0)
			_exit(126);
	}
	for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (null < 0 || (null != fd && dup2(null, fd) < 0))
			_exit(126);
		if (null == fd && fcntl(fd, F_SETFD, 0) < 0)
			_exit(126);
	}
	for (size_t i = 0; i < n; i++) {
		if (dup2(parked[i], fds[i].to) < 0)
			_exit(126);
		highest = fds[i].to > highest ? fds[i].to : highest;
	}
	/* Everything else goes, close-on-exec or not; old kernels (< 5.9) have only the latter. */
	(void)syscall(SYS_close_range, highest + 1, ~0U, 0);
}

static void default_signals(void)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL); /* EINVAL for those that cannot change */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t spawn(const char *path, char *const argv[], const struct spawn_fd *fds, size_t n_fds,
            _Atomic uint32_t *own_pid)
{
	static char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL};
	char *const *environment = env;
	pid_t pid;

	if (n_fds > SPAWN_FDS_MAX)
		return -EINVAL;
#ifdef CUSTOS_SANITIZED
	environment = environ; /* ASAN_OPTIONS must reach the children */
#endif
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	if (own_pid)
		atomic_store(own_pid, (uint32_t)getpid());
	default_signals();
	place_fds(fds, n_fds);
	(void)execve(path, argv, environment);
	_exit(127);
}

const char *own_path(void)
{
	static char path[PATH_MAX]; /* written by the first call, from main() */
	ssize_t n;

	if (path[0] == '\0') {
		n = readlink("/proc/self/exe", path, sizeof(path) - 1);
		path[n > 0 ? n : 0] = '\0';
	}
	return path;
}

char *helper_path(const char *name)
{
	char self[PATH_MAX];
	char *path = NULL;

	memcpy(self, own_path(), sizeof(self));
	if (*self) {
		if (asprintf(&path, "%s/%s", dirname(self), name) < 0)
			return NULL;
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return asprintf(&path, "%s/%s", PKGLIBEXECDIR, name) < 0 ? NULL : path;
}
