/* SPDX-License-Identifier: Apache-2.0 */
/* Other mount namespaces: which there are, and the calls into them that cannot block */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct namespace_found {
	uint64_t ino; /* of /proc/PID/ns/mnt */
	pid_t pid;    /* the lowest in it */
};

/**
 * namespaces_find() - every mount namespace that a process is in, by /proc
 * @max:      room in @found
 * @ret_more: set on success: namespaces or processes beyond what can be looked at
 *
 * Ordered by inode. Context: 3 us for each process; allocates; does not block.
 * Return: how many, or a negative errno.
 */
ssize_t namespaces_find(struct namespace_found *found, size_t max, bool *ret_more);

/**
 * namespaces_stamp() - a number that changes when a mount namespace comes into being
 * @own: descriptor of /proc/self/ns/mnt
 *
 * Context: 1 us for each namespace younger than ours. Return: 0, or -ENOTTY before Linux 6.11.
 */
int namespaces_stamp(int own, uint64_t *ret);

/* A group that tells of new mounts, and namespaces for it. Linux 6.15; else -EINVAL. */
int mount_group_new(void);
int mount_group_add(int group, const char *ns_path);
