/* SPDX-License-Identifier: Apache-2.0 */
/* Unasked: look at files without asking a server, which might never answer (FUSE,
 * network file systems) */
#pragma once

#include <sys/stat.h>

/**
 * unasked_open() - open(2) with O_PATH of @path below @root, through what is in memory
 * alone
 * @path: slashes in front do not count, and no link leads out of @root; the last one is
 * not followed
 *
 * A mount point is always in memory, but what is on the way to it may have to be asked
 * for again. Context: as open(2), but never blocks. Return: a descriptor, -EAGAIN: not
 * without asking, -ENOSYS: this kernel (before Linux 5.12) or a filter of system calls
 * has no such thing, or another negative errno.
 */
int unasked_open(int root, const char *path);

/**
 * unasked_stat() - fstat(2) from what is in memory alone
 *
 * The same as fstat(2) on local file systems. On others size and times may be old;
 * device, inode and kind are not. Context: never blocks. Return: 0 or a negative errno.
 */
int unasked_stat(int fd, struct stat *ret);
