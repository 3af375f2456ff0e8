/* SPDX-License-Identifier: Apache-2.0 */
/* Lease: does a file have a writer just now? */
#pragma once

#include <stdbool.h>

/**
 * lease_no_writer() - ask by taking a read lease and giving it back at once
 * @fd: regular file, opened for reading
 *
 * The kernel refuses the lease while anybody has the file open for writing or mapped through such a
 * descriptor, also one still in flight in a socket, bound to a loop device, or being opened (an
 * open(2) for writing counts from before its permission event). On overlayfs it looks at the wrong
 * inode, and says yes too often: see fanotify.md §3.
 *
 * For the moment between the two calls an open for writing waits, or fails with EAGAIN if it is
 * O_NONBLOCK; the kernel sends us SIGIO then, which must be blocked or ignored.
 *
 * Context: any thread; two system calls, half a microsecond; CAP_LEASE, or the file's owner.
 * Return: 1 no writer, 0 a writer, or a negative errno: it cannot be told.
 */
int lease_no_writer(int fd);

/**
 * lease_take() - take a read lease and keep it: nobody can begin to write until it is given up
 * @signal: blocked, queued (SIGRTMIN and above); sent to this process with @fd in si_fd when somebody
 *          wants to write, truncates or, with some file systems, renames. SIGIO without a descriptor
 *          when the queue of signals was full.
 *
 * Who wants to write waits until lease_give_up(), at most /proc/sys/fs/lease-break-time seconds,
 * after which the kernel takes the lease away; with O_NONBLOCK it gets EAGAIN. Closing the last
 * descriptor gives the lease up, too.
 *
 * Context: as above. Return: 0, -EAGAIN: there is a writer, or another negative errno.
 */
int lease_take(int fd, int signal);

/* Does nobody wait for us to give it up? One system call. */
bool lease_stands(int fd);

/* Return: 0 or a negative errno. */
int lease_give_up(int fd);
