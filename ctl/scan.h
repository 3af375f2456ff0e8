/* SPDX-License-Identifier: Apache-2.0 */
/* custosctl scan: what its parts share */
#pragma once

#include <poll.h>

#include "client.h"

/* Batches under way: each on a connection of its own, so that a slow file delays its
 * own batch only. Half of what the daemon allows one user. */
#define SCAN_LANES_MAX 4
/* Files in a batch: enough to keep a scanner with many workers busy. */
#define SCAN_BATCH_MAX 16

struct scan_totals {
	uint64_t files, bytes, malicious, errors, skipped;
};

struct scan_file {
	char *path; /* owned */
	int fd;     /* owned until sent */
};

struct scan_lane {
	struct client client;
	nsec_t last_used;
	bool busy;
	struct scan_file files[SCAN_BATCH_MAX];
	unsigned n_files;
};

/* Show one result and count it. @result: as of the method Scan, without its path. */
void scan_report(const struct ctl *ctl, struct scan_totals *t, const char *path,
                 json_t *result);
/* Result of a file that could not be judged; @reason: a word. */
json_t *scan_result(const char *verdict, const char *reason);

/**
 * scan_refused() - result for a file whose open was denied (EPERM)
 *
 * The denial of our own open is in the daemon's history, with rule and digest. Return: NULL
 * if it cannot be found there; then somebody else has refused, or too many were denied since.
 */
json_t *scan_refused(const struct ctl *ctl, const char *path);
