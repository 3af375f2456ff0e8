/* SPDX-License-Identifier: Apache-2.0 */
/* Mount table of a namespace, through libmount */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "custos/types.h"

struct mount_entry {
	int id;
	dev_t dev;          /* of the superblock as mountinfo has it (btrfs files differ in st_dev) */
	char *mount_point;  /* unescaped, as seen from the root of the process that opened the file */
	char *fs_type;
	bool read_only;
	bool private;       /* FUSE that lets nobody in but who mounted it */
	uid_t owner;        /* who mounted it: user_id= of FUSE; of all others root */
};

struct mount_list {
	struct mount_entry *items; /* in mount order: later ones may cover earlier ones */
	size_t n;
	size_t *servers; /* of these, which are MOUNT_REMOTE and not "/" */
	size_t n_servers;
};

/**
 * mountinfo_read() - parse /proc/PID/mountinfo
 * @fd: opened on it; the namespace is that of the opener at the time; read from the start
 *
 * Context: allocates; blocks on nothing but memory. Return: 0 or a negative errno.
 */
int mountinfo_read(int fd, struct mount_list *ret);

/**
 * mountinfo_read_max() - the same for a namespace of strangers, who can mount what they like
 * @max_bytes: of text, > 0; mounts whose lines are beyond are left out
 * @ret_cut:   set on success: there are such
 */
int mountinfo_read_max(int fd, size_t max_bytes, struct mount_list *ret, bool *ret_cut);
void mount_list_deinit(struct mount_list *l);

/* Where the bytes come from decides whether an open may be made to wait for us. */
enum mount_class {
	MOUNT_LOCAL,   /* block device or memory: can be watched */
	MOUNT_KERNEL,  /* no files of anybody's: proc, sysfs, cgroup... */
	MOUNT_REMOTE,  /* network, FUSE, autofs: opening can block for ever */
	MOUNT_OVERLAY, /* its layers' file systems see the opens (Linux 6.5 and later) */
};
enum mount_class mount_class_of(const char *fs_type);

/* The mount that @path lies on by its name, "/" included; links are not known here. NULL: none. */
const struct mount_entry *mount_of_path(const struct mount_list *l, const char *path);

/* By its name, does @path lead into, or through, a MOUNT_REMOTE other than "/"? Then a walk may wait for a server. */
bool mount_asks_server(const struct mount_list *l, const char *path);
