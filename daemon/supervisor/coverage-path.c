/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage: paths of mounts
 *
 * Owns: walking them. Must not own: what is watched (coverage.c, foreign-cover.c).
 */
#include "daemon/supervisor/coverage-path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "custos/cleanup.h"
#include "custos/fan.h"
#include "custos/unasked.h"

static const char *relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

static bool root_asks_server(const struct mount_list *mounts)
{
	const struct mount_entry *e = mount_of_path(mounts, "/");

	return e && mount_class_of(e->fs_type) == MOUNT_REMOTE;
}

int coverage_path_open(int root, const struct mount_list *mounts, const char *path)
{
	int fd = unasked_open(root, path);

	if (fd != -EAGAIN && fd != -ENOSYS)
		return fd;
	/* A host whose root is remote, and that cannot ask for less, waits for it in
	 * any case. */
	if (mount_asks_server(mounts, path) ||
	    (fd == -EAGAIN && root_asks_server(mounts)))
		return -EAGAIN;
	fd = openat(root, relative(path), O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int coverage_path_device(int root, const struct mount_list *mounts, const char *path,
                         dev_t *ret)
{
	_cleanup_(fd_closep) int fd = -1;
	const struct mount_entry *e;
	struct stat st;
	int r;

	if (!mount_asks_server(mounts, path)) {
		if (fstatat(root, relative(path), &st, AT_NO_AUTOMOUNT) < 0)
			return -errno;
		*ret = st.st_dev;
		return 0;
	}
	e = mount_of_path(mounts, path); /* there is one, or nobody would be asked */
	if (mount_class_of(e->fs_type) == MOUNT_REMOTE) {
		*ret = e->dev; /* what is asked for is the server itself */
		return 0;
	}
	fd = unasked_open(root, path);
	r = fd < 0 ? fd : unasked_stat(fd, &st);
	if (r == 0)
		*ret = st.st_dev;
	else if (strcmp(e->mount_point, path) == 0)
		*ret = e->dev; /* but for btrfs the same */
	else
		return r == -ENOSYS ? -EAGAIN : r;
	return 0;
}

const char *coverage_path_error(int error)
{
	return error == -EAGAIN ? COVERAGE_PATH_ASKS : strerror(-error);
}

int coverage_path_devices(int root, const struct mount_list *mounts, dev_t **ret)
{
	dev_t *dev = calloc(mounts->n + 1, sizeof(*dev));

	if (!dev)
		return -ENOMEM;
	for (size_t i = 0; i < mounts->n; i++) {
		const struct mount_entry *e = &mounts->items[i];
		enum mount_class class = mount_class_of(e->fs_type);

		/* Asking a remote file system might block for ever. */
		if (class == MOUNT_KERNEL || class == MOUNT_REMOTE)
			dev[i] = e->dev;
		else
			(void)coverage_path_device(root, mounts, e->mount_point,
			                           &dev[i]);
	}
	*ret = dev;
	return 0;
}

int coverage_path_named(int root, const struct mount_list *mounts,
                        const struct conf *conf, dev_t **ret)
{
	dev_t *dev = calloc(conf->mounts.n + 1, sizeof(*dev));

	if (!dev)
		return -ENOMEM;
	for (size_t i = 0; i < conf->mounts.n; i++)
		(void)coverage_path_device(root, mounts, conf->mounts.items[i],
		                           &dev[i]);
	*ret = dev;
	return 0;
}

int coverage_path_mark(int group, int fd, bool wanted)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits */
	return wanted ? fan_mark_filesystem(group, AT_FDCWD, path)
	              : fan_unmark_filesystem(group, AT_FDCWD, path);
}
