/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage: the list of file systems, one row for each mount */
#pragma once

#include "custos/mountinfo.h"

#include "daemon/supervisor/coverage-wish.h"
#include "daemon/supervisor/manager.h"

struct watch_row {
	struct coverage_row row; /* strings owned */
	dev_t sb;                /* superblock as mountinfo names it */
	int id;                  /* and the mount */
	bool marked;
};

void rows_free(struct watch_row *rows, size_t n);

/* Append one. @mark: 1 it is marked, 0 it is not to be, or a negative errno, which becomes its state. Return: 0 or
 * -ENOMEM. */
int rows_add(struct watch_row **rows, size_t *n, const struct mount_entry *e, dev_t st_dev,
             const struct wish *w, int mark, bool behind_server);

/* Is any mount of this superblock marked? Then all are. */
bool rows_marked(const struct watch_row *rows, size_t n, dev_t sb);

/* Say so of those that were to be excluded. Return: 0 or -ENOMEM. */
int rows_correct_shared(struct watch_row *rows, size_t n);
