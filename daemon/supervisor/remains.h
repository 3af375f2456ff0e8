/* SPDX-License-Identifier: Apache-2.0 */
/* Remains: scanners that outlive their keeper, or that nobody can end, and the events they had
 *
 * Context: all functions: the loop's thread.
 */
#pragma once

#include "daemon/supervisor/manager.h"

#define REMAINS_SCANNERS 4 /* two places, and those that are just being reaped */
#define REMAINS_LOST     16 /* the keeper gives up half as many; those of earlier keepers */

struct remains {
	struct manager *m;
	int group;                        /* borrowed */
	pid_t scanners[REMAINS_SCANNERS]; /* as the keeper told us; last is the newest; 0: unused */
	pid_t lost[REMAINS_LOST];         /* killed, and the kernel does not let go of them; 0: unused */
	nsec_t killed_at;                 /* what a dead keeper left; 0: not yet */
};

/* What the keeper tells: a scanner has started, was killed but does not end, has ended after all. */
void remains_started(struct remains *r, pid_t pid);
void remains_lost(struct remains *r, pid_t pid);
void remains_ended(struct remains *r, pid_t pid);

/* The keeper died, and its scanners are our children now (subreaper): whose end is told
 * from here on to the next keeper. Also finds those that it had no time to tell of. */
void remains_watch(struct remains *r);
/* A child of ours that we have not known so far? */
bool remains_is_new_child(const struct remains *r, pid_t pid);
/* What the next keeper inherits. */
struct message;
void remains_heirs(const struct remains *r, struct message *msg);

/* There is nobody who could inherit: scanners shall finish what they have read, and
 * end. */
void remains_dismiss(const struct remains *r);
void remains_end(struct remains *r); /* at once; works when the loop has ended, too */
/* Dismissed at @lost_at: does nobody read the group any more? To be called every few
 * milliseconds; ends what takes too long. */
bool remains_done(struct remains *r, nsec_t lost_at);
/* Then: scanners that still do not end are nobody's any more. They are reaped whenever
 * they do. */
void remains_abandon(struct remains *r);

/* Events that were read by a pair that is no more, and at the end those that nobody has read. */
void remains_sweep(struct remains *r);
void remains_answer_queue(struct remains *r);

pid_t remains_newest(const struct remains *r); /* scanner; 0: none */
unsigned remains_n_lost(const struct remains *r);
