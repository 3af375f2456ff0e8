/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign: one namespace judged and marked
 *
 * Owns: the rows. Must not own: which namespaces there are, and when they are visited (foreign.c).
 */
#include "daemon/supervisor/foreign-cover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/unasked.h"

#include "daemon/supervisor/coverage-path.h"
#include "daemon/supervisor/coverage-wish.h"
#include "daemon/supervisor/coverage.h"

#define ROWS_MAX 4096 /* listed; what is beyond is watched all the same */

void foreign_entry_deinit(struct foreign_entry *e)
{
	free((char *)e->row.mount_point);
	free((char *)e->row.fs_type);
	free((char *)e->row.reason);
}

static struct foreign_entry *entry_of(struct foreign *f, dev_t sb)
{
	for (size_t i = 0; i < f->n_rows; i++)
		if (f->rows[i].sb == sb)
			return &f->rows[i];
	return NULL;
}

static int list_row(struct foreign *f, const struct mount_entry *e, const struct namespace_found *ns,
                    dev_t dev, const char *state, char *reason)
{
	struct foreign_entry *entry = entry_of(f, e->dev), *grown;
	struct foreign_entry new = {
		.row = {.mount_point = strdup(e->mount_point),
		        .fs_type = strdup(e->fs_type),
		        .state = state,
		        .reason = reason,
		        .dev = dev,
		        .namespace = ns->ino,
		        .pid = ns->pid},
		.sb = e->dev,
		.round = f->round,
		.revision = f->revision,
	};

	if (!new.row.mount_point || !new.row.fs_type || !reason) {
		foreign_entry_deinit(&new);
		return -ENOMEM;
	}
	if (entry) {
		foreign_entry_deinit(entry);
		*entry = new;
		return 0;
	}
	grown = f->n_rows < ROWS_MAX ? reallocarray(f->rows, f->n_rows + 1, sizeof(*grown)) : NULL;
	if (!grown) {
		foreign_entry_deinit(&new);
		f->n_unlisted++;
		return f->n_rows < ROWS_MAX ? -ENOMEM : 0;
	}
	f->rows = grown;
	f->rows[f->n_rows++] = new;
	return 0;
}

/* Judge and mark one superblock that we have not seen in this round. */
static int cover(struct foreign *f, struct wishes *all, size_t i, int root,
                 const struct namespace_found *ns)
{
	const struct mount_entry *e = &all->host->items[i];
	const enum mount_class class = mount_class_of(e->fs_type);
	_cleanup_(fd_closep) int fd = -1;
	struct stat st = {.st_dev = e->dev};
	struct wish w;
	int r = 0;

	if (class != MOUNT_REMOTE) {
		fd = coverage_path_open(root, all->host, e->mount_point);
		r = fd < 0 ? fd : unasked_stat(fd, &st);
		if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
			return 0; /* gone again, or hidden below another mount */
		all->st_dev[i] = st.st_dev;
	}
	w = wish_for(all, i);
	if (r == 0 && class != MOUNT_REMOTE && !w.reason) {
		const bool wanted = strcmp(w.state, "protected") == 0;

		r = coverage_path_mark(f->m->group, fd, wanted);
		r = !wanted || r == -ENOENT ? 0 : r; /* it had none */
	}
	if (r == 0)
		return list_row(f, e, ns, st.st_dev, w.state, wish_reason(&w));
	f->n_failed++;
	if (r == -EAGAIN)
		return list_row(f, e, ns, st.st_dev, "failed",
		                strdup(COVERAGE_PATH_ASKS));
	return list_row(f, e, ns, st.st_dev, "failed", strdup(strerror(-r)));
}

/* Nothing to do: it was judged before, and is not known by a name that is no more (pivot_root(2)). */
static bool is_current(const struct foreign *f, const struct foreign_entry *entry,
                       const struct mount_entry *e, const struct namespace_found *ns)
{
	if (entry->revision != f->revision || strcmp(entry->row.state, "failed") == 0)
		return false;
	return entry->round == f->round || entry->row.namespace != ns->ino ||
	       strcmp(entry->row.mount_point, e->mount_point) == 0;
}

int foreign_cover(struct foreign *f, struct mount_list *mounts, int root,
                  const struct namespace_found *ns)
{
	_cleanup_(freep) void *st_dev = calloc(mounts->n + 1, sizeof(dev_t));
	_cleanup_(freep) void *points = calloc(mounts->n + 1, sizeof(char *));
	struct wishes all = {
		.host = mounts,
		.st_dev = st_dev,
		.points = points,
		.conf = &f->m->conf,
		.policy = f->m->policy,
		.layers = coverage_layers(f->m->coverage),
		.foreign = true,
	};
	int r = st_dev && points ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < mounts->n; i++)
		all.st_dev[i] = mounts->items[i].dev;
	for (size_t i = 0; r == 0 && i < mounts->n; i++) {
		const struct mount_entry *e = &mounts->items[i];
		struct foreign_entry *entry;

		if (mount_class_of(e->fs_type) == MOUNT_KERNEL || coverage_has(f->m->coverage, e->dev))
			continue;
		entry = entry_of(f, e->dev);
		if (entry && is_current(f, entry, e, ns))
			entry->round = f->round;
		if (!entry || entry->round != f->round || entry->revision != f->revision)
			r = cover(f, &all, i, root, ns);
	}
	return r;
}
