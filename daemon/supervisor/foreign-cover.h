/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign: its rows, and one namespace judged and marked. For foreign*.c alone. */
#pragma once

#include "custos/mountinfo.h"

#include "daemon/supervisor/foreign-find.h"
#include "daemon/supervisor/manager.h"

#define REASON_BYTES 256

struct foreign_entry {
	struct coverage_row row; /* strings owned */
	dev_t sb;
	uint64_t round, revision; /* when it was last seen, and judged */
};

struct foreign {
	struct manager *m;
	sd_event_source *timer, *mounts;
	int own, group;           /* our namespace; -1: no news of mounts */
	uint64_t own_ino, host_ino;
	uint64_t stamp, round, revision;
	bool has_stamp, dirty, news, in_round;
	nsec_t round_began, round_ended, round_cost; /* the last: CPU */
	struct namespace_found *found; /* of this round */
	size_t n_found, next;
	bool more;
	struct foreign_entry *rows;
	size_t n_rows, n_unlisted, n_cut, n_failed;
	char reason[REASON_BYTES];
};

void foreign_entry_deinit(struct foreign_entry *e);

/* Judge what is mounted in @ns and not in ours; @root: O_PATH of its root. Return: 0 or -ENOMEM. */
int foreign_cover(struct foreign *f, struct mount_list *mounts, int root,
                  const struct namespace_found *ns);
