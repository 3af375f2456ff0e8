/* SPDX-License-Identifier: Apache-2.0 */
/* Outposts: network and FUSE file systems, whose servers may fall silent, each watched apart (docs/adr/0025)
 *
 * Nothing here walks, opens, looks at or closes a file of theirs: names and devices are those of mountinfo. What asks a
 * server is a process that can be given up. Context: the loop's thread.
 */
#pragma once

#include "daemon/supervisor/manager.h"

/* File systems at once: each has a copy of the rules in memory. */
#define OUTPOSTS_MAX 8
/* Of those, for what users have mounted: of all users together, and of each. The rest is for root's mounts alone, or users
 * could have them left out. */
#define OUTPOSTS_USERS_MAX 4
#define OUTPOSTS_USER_MAX  2

/* States of such a row before outposts_row() has looked at it. */
#define OUTPOSTS_ASYNC    "async"
#define OUTPOSTS_BLOCKING "blocking"

struct outposts;

int outposts_new(struct manager *m, uid_t uid, gid_t gid, struct outposts **ret);
/* Ends what outposts_leave() has not let go; waits for nobody. */
struct outposts *outposts_free(struct outposts *o);

/* Mounts, configuration, mode or rules may have changed: start and end what must be. */
void outposts_update(struct outposts *o);

/* All files that were judged are to be judged again. */
void outposts_forget(struct outposts *o);

/* An orderly end: marks go, whoever waits is answered by gates that need us no more. */
void outposts_stop(struct outposts *o);

/* Go without them: they go on for half a minute, for another custosd to take over. */
void outposts_leave(struct outposts *o);

/* State and reason of a row that is one of theirs; others stay as they are. The text is valid until the next call. */
void outposts_row(struct outposts *o, struct coverage_row *row);

/* Why something that should be watched is not; NULL: all is. Valid until the next call. */
const char *outposts_reason(struct outposts *o);

/* An entry of Blocking= that has no effect, and why; NULL: all have. Valid until the next call. */
const char *outposts_idle(struct outposts *o);

/* Sums over all that there have been since custosd started. */
struct outposts_counts {
	uint64_t judged, found, refused, unreadable, late, lost;
};
void outposts_counts(const struct outposts *o, struct outposts_counts *ret);

/* Those that watch, and the gates that answer. */
void outposts_pids(const struct outposts *o, struct manager_pids *ret);

/* Is @pid one of their processes? */
bool outposts_has(const struct outposts *o, pid_t pid);
