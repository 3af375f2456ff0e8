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

/* May a name be looked up in @dir without asking a server? Whoever owns a directory on the way may have moved it, and
 * mounted something else there, since @mounts was read. Return: 0, -EAGAIN: no, or another negative errno. */
static int may_look_up(int dir, const struct mount_list *mounts, bool root_may_ask)
{
	struct statx x;

	if (statx(dir, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &x) < 0)
		return -errno;
	if (!(x.stx_mask & STATX_MNT_ID))
		return 0; /* before Linux 5.8 the names of the mounts have to do */
	for (size_t i = 0; i < mounts->n; i++) {
		const struct mount_entry *e = &mounts->items[i];

		if ((uint64_t)e->id == x.stx_mnt_id)
			return mount_class_of(e->fs_type) != MOUNT_REMOTE ||
			                       (root_may_ask && strcmp(e->mount_point, "/") == 0) ?
			               0 :
			               -EAGAIN;
	}
	return -EAGAIN; /* mounted since */
}

/* Name by name, links not followed: none is on the way to a mount, as mountinfo has it. */
static int walk(int root, const struct mount_list *mounts, const char *path, bool root_may_ask)
{
	_cleanup_(freep) char *names = strdup(path);
	char *rest = names;
	const char *name;
	int fd;

	if (!names)
		return -ENOMEM;
	fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (fd >= 0 && (name = strsep(&rest, "/"))) {
		const int dir = fd;
		int r;

		if (!*name)
			continue;
		r = may_look_up(dir, mounts, root_may_ask);
		fd = r < 0 ? r : openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd == -1 && r == 0)
			fd = -errno;
		(void)fd_close(dir);
	}
	return fd;
}

int coverage_path_open(int root, const struct mount_list *mounts, const char *path)
{
	int fd = unasked_open(root, path);

	if (fd != -EAGAIN && fd != -ENOSYS)
		return fd;
	if (mount_asks_server(mounts, path))
		return -EAGAIN;
	/* A host whose root is remote, and that cannot ask for less, waits for it in any case. */
	return walk(root, mounts, path, fd == -ENOSYS);
}

/* Of a mount itself. Return: 0: it is gone again, covered, or cannot be asked. */
static dev_t device_of(int root, const struct mount_list *mounts, const struct mount_entry *e)
{
	_cleanup_(fd_closep) int fd = coverage_path_open(root, mounts, e->mount_point);
	struct stat st;
	int r = fd < 0 ? fd : unasked_stat(fd, &st);

	if (r == -EAGAIN)
		return e->dev; /* but for btrfs the same */
	return r < 0 ? 0 : st.st_dev;
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
			dev[i] = device_of(root, mounts, e);
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
