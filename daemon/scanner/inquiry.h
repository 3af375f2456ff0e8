/* SPDX-License-Identifier: Apache-2.0 */
/* Inquiry: everything known about one event while it is being judged. One thread, one event. */
#pragma once

#include "custos/decide.h"

#include "daemon/scanner/scanner.h"

#define MOUNTS_PER_FILE 8 /* mount points of one superblock that a policy line may name */

struct inquiry {
	struct worker *w;
	struct job *job;
	struct policy_query query;
	const struct policy_line *line;
	const struct facts *opener;   /* NULL: not asked, or gone */
	struct finding finding;
	struct mount_row mounts[MOUNTS_PER_FILE];
	const char *mount_points[MOUNTS_PER_FILE];
	size_t path_len;              /* 0: not looked up */
	bool asked_opener;
};

/* judge.c: fill in what a policy line or a record needs; the second call costs nothing. */
void inquiry_learn_path(struct inquiry *q);

/* report.c: put the event into a ring, if anybody wants to hear of it. */
void inquiry_report(struct inquiry *q, const struct decision *d, nsec_t spent);
