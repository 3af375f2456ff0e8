/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan-child
 *
 * Owns: the child and the pipe from it. Must not own: what is tried (fan-probe, fan-layers).
 */
#include "fan-child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"

void fan_child_setup(unsigned limit_msec)
{
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGALRM, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* the alarm must arrive */
	(void)alarm(limit_msec / 1000);
}

int fan_in_child(void (*fn)(void *ret), void *ret, size_t size, unsigned limit_msec)
{
	_cleanup_(fd_closep) int in = -1, out = -1;
	struct pollfd waiting = {.events = POLLIN};
	int pipefd[2], r;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	in = pipefd[0];
	out = pipefd[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		fan_child_setup(limit_msec);
		fn(ret);
		_exit(write(out, ret, size) != (ssize_t)size);
	}
	out = fd_close(out); /* so that its death ends the wait */
	waiting.fd = in;
	do
		r = poll(&waiting, 1, (int)limit_msec);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		r = read(in, ret, size) == (ssize_t)size ? 0 : -EIO;
	else
		r = r < 0 ? -errno : -ETIMEDOUT;
	(void)kill(pid, SIGKILL);    /* usually over already */
	(void)waitpid(pid, NULL, 0); /* a killed child is reaped at once */
	return r;
}
