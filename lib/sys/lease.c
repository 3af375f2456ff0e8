/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lease
 *
 * Owns: the question. Must not own: what follows from the answer.
 */
#include "custos/lease.h"

#include <errno.h>
#include <fcntl.h>

int lease_no_writer(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN ? 0 : -errno;
	/* A writer that came meanwhile is being held up: it goes on now, and it is one. */
	return fcntl(fd, F_SETLEASE, F_UNLCK) < 0 ? -errno : 1;
}

int lease_take(int fd, int signal)
{
	/* The signal first: a writer may come at once. */
	if (fcntl(fd, F_SETSIG, signal) < 0)
		return -errno;
	return fcntl(fd, F_SETLEASE, F_RDLCK) < 0 ? -errno : 0;
}

bool lease_stands(int fd)
{
	return fcntl(fd, F_GETLEASE) == F_RDLCK;
}

int lease_give_up(int fd)
{
	return fcntl(fd, F_SETLEASE, F_UNLCK) < 0 ? -errno : 0;
}
