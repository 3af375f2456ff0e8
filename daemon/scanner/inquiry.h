/* SPDX-License-Identifier: Apache-2.0 */
/* Inquiry: everything known about one event while it is being judged. One thread, one event. */
#pragma once

#include "custos/decide.h"

#include "daemon/scanner/scanner.h"

struct inquiry {
	struct worker *w;
	struct job *job;
	struct policy_query query;
	const struct policy_line *line;
	const struct facts *opener;   /* NULL: not asked, or gone */
	struct finding finding;
	bool may_read;                /* in this thread; else a worker is to */
	struct mount_row mounts[MOUNTS_PER_FILE];
	const char *mount_points[MOUNTS_PER_FILE];
	size_t path_len;              /* 0: not looked up */
	bool asked_opener;
	struct cache_key cache_key;       /* cached.c: the rest */
	struct cache_ticket ticket;
	struct engine_digests digests;    /* of the bytes the finding is about */
	bool keepable;                    /* nobody wrote when the scan began, on a file system we trust */
	bool first_seen;                  /* no verdict is kept before the second open */
	bool seen_again;                  /* a user's file: counted, no verdict is kept yet */
	unsigned n_seen;                  /* opens in this state, with this one */
	bool bytes_known;                 /* the rules were not run: they had found them clean */
	bool holds_reading;               /* solo.c */
	bool cached;                      /* the finding needed no byte read */
	bool was_opened;                  /* it is cached, and archives had been opened for it */
};

/* Fill in what a policy line or a record needs; the second call costs nothing. The opener is asked about at the broker:
 * some microseconds, 100 ms at most. */
void inquiry_learn_path(struct inquiry *q);
void inquiry_learn_opener(struct inquiry *q);

/* The policy line of the event, into @line. Return: false when it takes a fact of @unasked (POLICY_FACT_*) to tell. */
bool inquiry_find_line(struct inquiry *q, unsigned unasked);

/* Are the archives in its file to be opened? After its line is known. */
bool inquiry_opens(const struct inquiry *q);

/* report.c: put the event into a ring, if anybody wants to hear of it. */
void inquiry_report(struct inquiry *q, const struct decision *d, nsec_t spent);
