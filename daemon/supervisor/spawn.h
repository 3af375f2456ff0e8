/* SPDX-License-Identifier: Apache-2.0 */
/* Spawn: start a helper program with descriptors at fixed numbers */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct spawn_fd {
	int from; /* borrowed */
	int to;
};

/**
 * spawn() - fork and execve
 * @path:    absolute
 * @argv:    NULL-terminated
 * @fds:     every number not listed is closed in the child, 0..2 come from /dev/null unless listed
 * @own_pid: the child enters itself here before it executes anything, so that its own opens on a
 *           watched file system are let through; NULL for none
 *
 * Context: may be called with threads running: the child makes only async-signal-safe calls.
 * Return: pid, or a negative errno (a failing execve makes the child exit with 127).
 */
pid_t spawn(const char *path, char *const argv[], const struct spawn_fd *fds, size_t n_fds,
            _Atomic uint32_t *own_pid);

/**
 * own_path() - where the running custosd was started from; "" when /proc does not tell
 *
 * First called by main(), before the mount namespace is left: later the kernel may tell the name as seen from a
 * namespace that has ended, or that of a program which has been replaced.
 */
const char *own_path(void);

/**
 * helper_path() - where a helper program of ours is
 *
 * Next to the running custosd (a build tree), or in the installed libexec directory.
 * Return: malloc'ed path, or NULL when there is no memory.
 */
char *helper_path(const char *name);
