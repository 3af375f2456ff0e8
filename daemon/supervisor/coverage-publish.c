/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage: questions about the rows, and the mount table in shared memory
 *
 * Owns: how they are looked up and written. Must not own: what is in it (coverage.c).
 */
#include <stdio.h>
#include <string.h>

#include "daemon/supervisor/coverage.h"

void coverage_publish(const struct coverage *c, struct mount_table *t)
{
	uint32_t n = 0;

	/* A seqlock: odd while it is written. Pairs with facts_of_mount(). */
	atomic_fetch_add_explicit(&t->version, 1, memory_order_acq_rel);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < coverage_n(c) && n < MOUNT_ROWS_MAX; i++) {
		const struct coverage_row *r = coverage_row(c, i);
		struct mount_row *to = &t->row[n];

		if (strlen(r->mount_point) >= sizeof(to->mount_point))
			continue; /* no predicate can name it, so it is scanned: the safe side */
		to->dev = r->dev;
		(void)snprintf(to->fs_type, sizeof(to->fs_type), "%s", r->fs_type);
		(void)snprintf(to->mount_point, sizeof(to->mount_point), "%s", r->mount_point);
		n++;
	}
	t->n = n;
	atomic_fetch_add_explicit(&t->version, 1, memory_order_release);
}

size_t coverage_n_failed(const struct coverage *c)
{
	size_t n = 0;

	for (size_t i = 0; i < coverage_n(c); i++)
		n += strcmp(coverage_row(c, i)->state, "failed") == 0;
	return n;
}

const struct coverage_row *coverage_find(const struct coverage *c, dev_t dev)
{
	/* From the end: the last mount on a path is the one in use. */
	for (size_t i = coverage_n(c); i > 0; i--)
		if (coverage_row(c, i - 1)->dev == dev)
			return coverage_row(c, i - 1);
	return NULL;
}
