/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage: rows
 *
 * Owns: their memory and texts. Must not own: marks (coverage.c), what policy wants (coverage-wish.c).
 */
#include "daemon/supervisor/coverage-rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/supervisor/coverage-path.h"

void rows_free(struct watch_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)rows[i].row.mount_point);
		free((char *)rows[i].row.fs_type);
		free((char *)rows[i].row.reason);
	}
	free(rows);
}

int rows_add(struct watch_row **rows, size_t *n, const struct mount_entry *e, dev_t st_dev,
                   const struct wish *w, int mark, bool behind_server)
{
	struct watch_row *grown = reallocarray(*rows, *n + 1, sizeof(*grown));
	struct watch_row row = {.sb = e->dev, .id = e->id};

	if (!grown)
		return -ENOMEM;
	*rows = grown;
	row.row.dev = st_dev;
	row.row.owner = e->owner;
	row.row.behind_server = behind_server;
	row.row.mount_point = strdup(e->mount_point);
	row.row.fs_type = strdup(e->fs_type);
	row.row.state = mark < 0 ? "failed" : w->state;
	row.row.reason = mark < 0 ? strdup(coverage_path_error(mark)) : wish_reason(w);
	row.marked = mark > 0;
	grown[(*n)++] = row;
	return row.row.mount_point && row.row.fs_type && row.row.reason ? 0 : -ENOMEM;
}

bool rows_marked(const struct watch_row *rows, size_t n, dev_t sb)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].sb == sb && rows[i].marked)
			return true;
	return false;
}

/* Subvolumes of one btrfs have devices of their own, but share the mark. */
int rows_correct_shared(struct watch_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct watch_row *r = &rows[i];
		char *reason;

		if (strcmp(r->row.state, "excluded") != 0 || !rows_marked(rows, n, r->sb))
			continue;
		if (asprintf(&reason, "watched with another mount of its file system, against %s",
		             r->row.reason) < 0)
			return -ENOMEM;
		free((char *)r->row.reason);
		r->row.reason = reason;
		r->row.state = "protected";
	}
	return 0;
}
