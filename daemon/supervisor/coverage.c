/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage
 *
 * Owns: the marks, the list of file systems with the state of each, our private namespace.
 * Must not own: events (the scanner reads them), or what policy says about a mount.
 * Hands off to: the mount table in shared memory, for policy predicates.
 */
#include "daemon/supervisor/coverage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/fan.h"
#include "custos/mountinfo.h"

#include "daemon/supervisor/coverage-layers.h"
#include "daemon/supervisor/coverage-own.h"
#include "daemon/supervisor/coverage-path.h"
#include "daemon/supervisor/coverage-rows.h"
#include "daemon/supervisor/coverage-wish.h"

struct coverage {
	int group;
	int host_root;      /* O_PATH of / in the namespace we were started in */
	int host_mounts;    /* its mountinfo */
	struct stat host_ns;
	struct watch_row *rows;
	size_t n;
	struct own_mounts own;
	struct layers_known layers;
	dev_t *host_sbs;    /* of all its mounts, watched or not */
	size_t n_host_sbs;
};

int coverage_new(int group, struct coverage **ret)
{
	struct coverage *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->group = group;
	layers_probe(&c->layers);
	c->host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->host_mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	r = c->host_root < 0 || c->host_mounts < 0 || stat("/proc/self/ns/mnt", &c->host_ns) < 0 ?
	            -errno :
	            own_mounts_leave_namespace();
	if (r < 0) {
		(void)coverage_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct coverage *coverage_free(struct coverage *c)
{
	if (!c)
		return NULL;
	rows_free(c->rows, c->n);
	own_mounts_deinit(&c->own);
	free(c->host_sbs);
	(void)fd_close(c->host_root);
	(void)fd_close(c->host_mounts);
	free(c);
	return NULL;
}

bool coverage_watches(const struct coverage *c, dev_t sb)
{
	return rows_marked(c->rows, c->n, sb);
}

bool coverage_watches_mount(const struct coverage *c, int mount_id)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->rows[i].id == mount_id)
			return rows_marked(c->rows, c->n, c->rows[i].sb);
	return false;
}

static bool was_marked(const struct coverage *c, const struct mount_entry *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->rows[i].id == e->id && c->rows[i].sb == e->dev && c->rows[i].marked)
			return true;
	return false;
}

/* By its own path, or that of another mount of the same superblock if there is a server on the way. */
static int open_entry(const struct coverage *c, const struct wishes *all, size_t i)
{
	const struct mount_entry *e = &all->host->items[i];
	int fd = coverage_path_open(c->host_root, all->host, e->mount_point);

	for (size_t k = 0; fd == -EAGAIN && k < all->host->n; k++) {
		const struct mount_entry *other = &all->host->items[k];

		if (other->dev == e->dev && !mount_asks_server(all->host, other->mount_point))
			fd = coverage_path_open(c->host_root, all->host, other->mount_point);
	}
	return fd;
}

/* 1 marked (now or before), 0 not wanted, negative errno. */
static int mark_entry(struct coverage *c, const struct wishes *all, size_t i, const struct wish *w)
{
	const struct mount_entry *e = &all->host->items[i];
	_cleanup_(fd_closep) int fd = -1;
	int r;

	if (strcmp(w->state, "protected") != 0 || w->reason)
		return 0;
	fd = open_entry(c, all, i);
	if (fd == -EAGAIN && was_marked(c, e))
		return 1;
	r = fd < 0 ? fd : coverage_path_mark(c->group, fd, true);
	return r < 0 ? r : 1;
}

/* Is this superblock one of those that Mount= names? */
static bool wanted(const struct wishes *all, size_t i)
{
	for (size_t k = 0; k < all->conf->mounts.n; k++)
		if (all->named[k] == all->st_dev[i])
			return true;
	return all->conf->mounts.n == 0;
}

static void unmark_lost(struct coverage *c, const struct mount_list *host, const struct watch_row *rows,
                        size_t n)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct watch_row *old = &c->rows[i];
		_cleanup_(fd_closep) int fd = -1;
		struct statx sx;

		if (!old->marked || rows_marked(rows, n, old->sb))
			continue;
		/* What was unmounted leaves a path that leads to the file system below, whose mark
		 * must stay. A mark goes with its superblock. */
		fd = coverage_path_open(c->host_root, host, old->row.mount_point);
		if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &sx) == 0 &&
		    sx.stx_mnt_id == (uint64_t)old->id)
			(void)coverage_path_mark(c->group, fd, false);
	}
}

/* One line per superblock and mount point; the last mount on a path is the one that is seen. */
static int consider(struct coverage *c, const struct wishes *all, size_t i, struct watch_row **rows,
                    size_t *n, struct diag *d)
{
	const struct mount_entry *e = &all->host->items[i];
	struct wish w;
	int mark;

	if (all->st_dev[i] == 0 || !wanted(all, i))
		return 0;
	w = wish_for(all, i);
	if (strcmp(w.state, "failed") == 0)
		diag_add(d, NULL, 0, "cannot watch %s (%s): %s", e->mount_point, e->fs_type, w.reason);
	mark = mark_entry(c, all, i, &w);
	if (mark < 0)
		diag_add(d, NULL, 0, "cannot watch %s (%s): %s", e->mount_point, e->fs_type,
		         coverage_path_error(mark));
	return rows_add(rows, n, e, all->st_dev[i], &w, mark,
	               mount_asks_server(all->host, e->mount_point));
}

/* A Mount= that no mount answered to. What a server keeps from us today is no mistake in the configuration, nor is what a
 * user has mounted there for himself. */
static int check_wishes(const struct coverage *c, const struct conf *conf, const struct mount_list *host,
                        struct diag *d)
{
	int r = 0;

	for (size_t i = 0; i < conf->mounts.n; i++) {
		const char *path = conf->mounts.items[i];
		const struct coverage_row *row;
		dev_t dev;
		int found = coverage_path_device(c->host_root, host, path, &dev), wrong = 0;

		row = found < 0 ? NULL : coverage_find(c, dev);
		if (found < 0)
			wrong = diag_add(d, NULL, 0, "Mount=%s: %s", path, coverage_path_error(found));
		else if (!row)
			wrong = diag_add(d, NULL, 0, "Mount=%s: no file system is mounted there", path);
		else if (strcmp(row->state, "failed") == 0)
			wrong = diag_add(d, NULL, 0, "Mount=%s (%s) cannot be watched: %s", path,
			                 row->fs_type, row->reason);
		if (found != -EAGAIN && !(row && row->behind_server && strcmp(row->state, "failed") == 0))
			r = wrong ? wrong : r;
	}
	return r;
}

static int remember_sbs(struct coverage *c, const struct mount_list *host)
{
	dev_t *sbs = calloc(host->n + 1, sizeof(*sbs));

	if (!sbs)
		return -ENOMEM;
	for (size_t i = 0; i < host->n; i++)
		sbs[i] = host->items[i].dev;
	free(c->host_sbs);
	c->host_sbs = sbs;
	c->n_host_sbs = host->n;
	return 0;
}

bool coverage_has(const struct coverage *c, dev_t sb)
{
	for (size_t i = 0; i < c->n_host_sbs; i++)
		if (c->host_sbs[i] == sb)
			return true;
	return false;
}

enum layers coverage_layers(const struct coverage *c)
{
	return c->layers.layers;
}

static int rows_read(struct coverage *c, const struct conf *conf, const struct policy *policy,
                     const struct mount_list *host, struct watch_row **rows, size_t *n, struct diag *d)
{
	_cleanup_(freep) void *st_dev = NULL, *named = NULL, *points = NULL;
	struct wishes all = {.host = host, .conf = conf, .policy = policy};
	int r = coverage_path_devices(c->host_root, host, &all.st_dev);

	if (r == 0)
		r = coverage_path_named(c->host_root, host, conf, &all.named);
	layers_probe_for(&c->layers, host);
	all.layers = c->layers.layers;
	st_dev = all.st_dev;
	named = all.named;
	points = all.points = calloc(host->n + 1, sizeof(*all.points));
	if (r == 0 && !points)
		r = -ENOMEM;
	if (r == 0)
		r = remember_sbs(c, host);
	for (size_t i = 0; r == 0 && i < host->n; i++)
		r = consider(c, &all, i, rows, n, d);
	return r < 0 ? r : rows_correct_shared(*rows, *n);
}

int coverage_update(struct coverage *c, const struct conf *conf, const struct policy *policy,
                    struct shared *shared, struct diag *d)
{
	_cleanup_(mount_list_deinit) struct mount_list host = {0};
	struct watch_row *rows = NULL;
	size_t n = 0;
	int r = own_mounts_ignore(&c->own, c->group);

	if (r == 0)
		r = mountinfo_read(c->host_mounts, &host);
	if (r == 0)
		r = rows_read(c, conf, policy, &host, &rows, &n, d);
	if (r < 0) {
		rows_free(rows, n);
		return r;
	}
	unmark_lost(c, &host, rows, n);
	rows_free(c->rows, c->n);
	c->rows = rows;
	c->n = n;
	coverage_publish(c, &shared->mounts);
	return check_wishes(c, conf, &host, d);
}

void coverage_drop(struct coverage *c)
{
	(void)fan_flush(c->group); /* whatever is left goes with the group */
	for (size_t i = 0; i < c->n; i++)
		c->rows[i].marked = false;
}

int coverage_poll_fd(const struct coverage *c)
{
	return c->host_mounts;
}

int coverage_host_root(const struct coverage *c)
{
	return c->host_root;
}

int coverage_host_namespace(const struct coverage *c, struct stat *ret)
{
	*ret = c->host_ns;
	return 0;
}

size_t coverage_n(const struct coverage *c)
{
	return c->n;
}

const struct coverage_row *coverage_row(const struct coverage *c, size_t i)
{
	return &c->rows[i].row;
}
