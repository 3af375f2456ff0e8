/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage: what should be done with a mount
 *
 * Owns: the answer, from policy, kind of file system and kernel. Must not own: marks.
 * Hands off to: coverage.c, which tries it.
 */
#include "daemon/supervisor/coverage-wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/clock.h"

#include "daemon/supervisor/outposts.h"

/* Everywhere the file system of mount @i can be seen. */
static unsigned mount_points(const struct wishes *all, size_t i)
{
	unsigned n = 0;

	for (size_t k = 0; k < all->host->n; k++)
		if (all->st_dev[k] == all->st_dev[i])
			all->points[n++] = all->host->items[k].mount_point;
	return n;
}

/* Marking an overlay and its layer makes one reader wait for itself (fanotify.md §8); all layers are
 * marked when everything is. Where nobody knows whether the layer sees it, neither a claim nor a mark
 * that might stop the machine. */
static struct wish wish_for_overlay(enum layers layers)
{
	if (layers == LAYERS_SEEN)
		return (struct wish){"protected", "through the file systems of its layers", NULL};
	if (layers == LAYERS_UNKNOWN)
		return (struct wish){"failed",
		                     "cannot tell whether this kernel reports opens through overlays "
		                     "to their layers", NULL};
	return (struct wish){"protected", NULL, NULL};
}

/* What asks a server is not done here (outposts.h). */
static struct wish wish_for_remote(const struct wishes *all, const struct mount_entry *e)
{
	const struct strlist *blocking = &all->conf->blocking;

	if (all->foreign)
		return (struct wish){"unsupported",
		                     "its opens can block for ever, and it is of another mount namespace", NULL};
	if (e->private)
		return (struct wish){"unsupported", "it lets nobody in but who mounted it", NULL};
	for (size_t i = 0; i < blocking->n; i++)
		if (strcmp(blocking->items[i], e->mount_point) == 0 ||
		    strcmp(blocking->items[i], e->fs_type) == 0)
			return (struct wish){OUTPOSTS_BLOCKING, NULL, NULL};
	return (struct wish){OUTPOSTS_ASYNC, NULL, NULL};
}

struct wish wish_for(const struct wishes *all, size_t i)
{
	const struct mount_entry *e = &all->host->items[i];
	const struct policy_query q = {
		.known = POLICY_FACT_MOUNT,
		.event = POLICY_OPEN,
		.dev = all->st_dev[i],
		.fs_type = e->fs_type,
		.n_mount_points = mount_points(all, i),
		.mount_points = all->points,
	};
	const struct policy_line *line = policy_nowatch_mount(
		all->policy, &q, (int64_t)(clock_wall_usec() / USEC_PER_SEC));
	enum mount_class class = mount_class_of(e->fs_type);

	if (line)
		return (struct wish){"excluded", NULL, line};
	if (class == MOUNT_KERNEL)
		return (struct wish){"excluded", "the kernel's own: nobody's files", NULL};
	if (class == MOUNT_REMOTE)
		return wish_for_remote(all, e);
	if (class == MOUNT_OVERLAY && (all->conf->mounts.n == 0 || all->foreign))
		return wish_for_overlay(all->layers);
	return (struct wish){"protected", NULL, NULL};
}

char *wish_reason(const struct wish *w)
{
	char *text = NULL;

	if (w->line && asprintf(&text, "policy %s:%u%s%s", w->line->file, w->line->line,
	                        *w->line->reason ? ": " : "", w->line->reason) < 0)
		return NULL;
	return w->line ? text : strdup(w->reason ?: "");
}
