/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage: our own view of the mounts
 *
 * Owns: the namespace we work in, and the marks that keep our opens silent in it.
 * Must not own: what is watched (coverage.c).
 */
#include "daemon/supervisor/coverage-own.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/fan.h"
#include "custos/mountinfo.h"

#include "daemon/supervisor/coverage-path.h"

/* Slave, not private: what the host unmounts goes away here too. */
int own_mounts_leave_namespace(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	return mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ? -errno : 0;
}

/* As the mounts are named here: ours follow the host's. */
static int ignore(int group, int root, const struct mount_list *list, const struct mount_entry *e)
{
	_cleanup_(fd_closep) int fd = coverage_path_open(root, list, e->mount_point);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits */
	return fd < 0 ? fd : fan_ignore_mount(group, AT_FDCWD, path);
}

static bool is_ignored(const struct own_mounts *own, int id)
{
	for (size_t i = 0; i < own->n; i++)
		if (own->ids[i] == id)
			return true;
	return false;
}

int own_mounts_ignore(struct own_mounts *own, int group)
{
	_cleanup_(fd_closep) int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	_cleanup_(fd_closep) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(mount_list_deinit) struct mount_list list = {0};
	int *ids;
	size_t n = 0;
	int r = fd < 0 || root < 0 ? -errno : mountinfo_read(fd, &list);

	if (r < 0)
		return r;
	/* Rebuilt each time: mount ids of what is gone drop out. */
	ids = calloc(list.n + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < list.n; i++) {
		enum mount_class class = mount_class_of(list.items[i].fs_type);

		if (class == MOUNT_KERNEL || class == MOUNT_REMOTE)
			continue; /* never marked, and walking there might block */
		/* A mount covered by a later one cannot be reached, nor opened through. Without the mark our opens there
		 * are events, which pass as ours. */
		if (is_ignored(own, list.items[i].id) ||
		    ignore(group, root, &list, &list.items[i]) == 0)
			ids[n++] = list.items[i].id;
	}
	free(own->ids);
	own->ids = ids;
	own->n = n;
	return 0;
}

void own_mounts_deinit(struct own_mounts *own)
{
	free(own->ids);
	*own = (struct own_mounts){0};
}
