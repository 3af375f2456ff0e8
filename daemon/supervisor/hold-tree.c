/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hold trees
 *
 * Owns: detached copies of mounts, one for each file system. Must not own: what is held.
 */
#include "daemon/supervisor/hold-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/fan.h"

#include "daemon/supervisor/coverage.h"

struct place {
	uint64_t dev;
	char *mount_point;
};

struct tree {
	uint64_t dev;
	int mount;  /* ends the mount when it is closed */
	int root;   /* handles are opened relative to it; O_PATH would not do */
};

struct hold_trees {
	int group;
	pthread_mutex_t lock;         /* of the next three; held for a copy, never over a wait */
	struct place places[HOLD_TREES_MAX];
	size_t n_places;
	bool changed;
	struct tree trees[HOLD_TREES_MAX]; /* the holder's thread */
	size_t n_trees;
};

int hold_trees_new(int group, struct hold_trees **ret)
{
	struct hold_trees *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->group = group;
	(void)pthread_mutex_init(&t->lock, NULL); /* cannot fail with these attributes */
	*ret = t;
	return 0;
}

static void free_places(struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(places[i].mount_point);
}

static void tree_close(const struct tree *tree)
{
	(void)fd_close(tree->root);
	(void)fd_close(tree->mount);
}

struct hold_trees *hold_trees_free(struct hold_trees *t)
{
	if (!t)
		return NULL;
	while (t->n_trees)
		tree_close(&t->trees[--t->n_trees]);
	free_places(t->places, t->n_places);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
	return NULL;
}

static bool is_there(const struct place *places, size_t n, uint64_t dev)
{
	for (size_t i = 0; i < n; i++)
		if (places[i].dev == dev)
			return true;
	return false;
}

bool hold_trees_set(struct hold_trees *t, const struct coverage *c)
{
	struct place now[HOLD_TREES_MAX], before[HOLD_TREES_MAX];
	size_t n = 0, n_before;

	for (size_t i = 0; i < coverage_n(c) && n < HOLD_TREES_MAX; i++) {
		const struct coverage_row *row = coverage_row(c, i);

		/* A writer would wait for a server that the holder waits for. */
		if (row->behind_server || strcmp(row->state, "protected") != 0 ||
		    is_there(now, n, row->dev))
			continue;
		now[n] = (struct place){row->dev, strdup(row->mount_point)};
		if (!now[n].mount_point) {
			free_places(now, n);
			return false;
		}
		n++;
	}
	(void)pthread_mutex_lock(&t->lock);
	n_before = t->n_places;
	memcpy(before, t->places, sizeof(before));
	memcpy(t->places, now, n * sizeof(now[0]));
	t->n_places = n;
	t->changed = true;
	(void)pthread_mutex_unlock(&t->lock);
	free_places(before, n_before);
	return true;
}

bool hold_trees_changed(struct hold_trees *t)
{
	bool changed;

	(void)pthread_mutex_lock(&t->lock);
	changed = t->changed;
	t->changed = false;
	(void)pthread_mutex_unlock(&t->lock);
	return changed;
}

bool hold_trees_has(const struct hold_trees *t, uint64_t dev)
{
	struct hold_trees *self = (struct hold_trees *)t; /* the lock alone changes */
	bool there;

	(void)pthread_mutex_lock(&self->lock);
	there = is_there(t->places, t->n_places, dev);
	(void)pthread_mutex_unlock(&self->lock);
	return there;
}

void hold_trees_prune(struct hold_trees *t)
{
	for (size_t i = t->n_trees; i-- > 0;) {
		if (hold_trees_has(t, t->trees[i].dev))
			continue;
		tree_close(&t->trees[i]);
		t->trees[i] = t->trees[--t->n_trees];
	}
}

static char *mount_point_of(struct hold_trees *t, uint64_t dev)
{
	char *path = NULL;

	(void)pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n_places && !path; i++)
		if (t->places[i].dev == dev)
			path = strdup(t->places[i].mount_point);
	(void)pthread_mutex_unlock(&t->lock);
	return path;
}

/* In our own namespace, which follows the host's: only what lies there can be copied. */
static int tree_open(struct tree *tree, int group, const char *path)
{
	struct stat st;
	int r;

	tree->mount = (int)syscall(SYS_open_tree, AT_FDCWD, path,
	                           OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT);
	if (tree->mount < 0 || fstat(tree->mount, &st) < 0)
		return -errno;
	if (st.st_dev != tree->dev)
		return -EXDEV; /* something else is mounted over it */
	r = fan_ignore_mount(group, tree->mount, ".");
	if (r < 0)
		return r;
	tree->root = openat(tree->mount, ".", O_RDONLY | O_CLOEXEC);
	return tree->root < 0 ? -errno : 0;
}

/* Return: its root, or a negative errno. */
static int tree_of(struct hold_trees *t, uint64_t dev)
{
	_cleanup_(freep) char *path = NULL;
	struct tree tree = {dev, -1, -1};
	int r;

	for (size_t i = 0; i < t->n_trees; i++)
		if (t->trees[i].dev == dev)
			return t->trees[i].root;
	path = mount_point_of(t, dev);
	if (!path || t->n_trees == HOLD_TREES_MAX)
		return -EXDEV;
	r = tree_open(&tree, t->group, path);
	if (r < 0) {
		tree_close(&tree);
		return r;
	}
	t->trees[t->n_trees++] = tree;
	return tree.root;
}

/* First without opening it: a device would do something. The handle names an inode, whose kind cannot
 * change. */
int hold_trees_open(struct hold_trees *t, const struct hold_wish *w)
{
	union {
		struct file_handle head;
		unsigned char room[sizeof(struct file_handle) + WISH_HANDLE_BYTES];
	} handle;
	const int flags = O_RDONLY | O_NONBLOCK | O_NOATIME | O_NOCTTY | O_CLOEXEC;
	_cleanup_(fd_closep) int path_fd = -1;
	struct stat st;
	int tree = tree_of(t, w->key.dev), fd;

	if (tree < 0)
		return tree;
	handle.head.handle_bytes = w->handle_bytes;
	handle.head.handle_type = w->handle_type;
	memcpy(handle.room + sizeof(struct file_handle), w->handle, sizeof(w->handle));
	path_fd = open_by_handle_at(tree, &handle.head, O_PATH | O_CLOEXEC);
	if (path_fd < 0 || fstat(path_fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	fd = open_by_handle_at(tree, &handle.head, flags);
	return fd < 0 ? -errno : fd;
}
