/* SPDX-License-Identifier: Apache-2.0 */
/* Rescue: when nothing is judged in time, root gets in (docs/adr/0027). Keeper and
 * scanner. */
#pragma once

#include "daemon/shared.h"

/* Who asks: each has a row of facts of its own. */
#define RESCUE_KEEPER          N_SLOTS
#define RESCUE_DEADLINE(place) (N_SLOTS + 1 + (place))
#define RESCUE_READER(place, reader)                                                   \
	(N_SLOTS + 1 + N_PLACES + (place)*READERS_MAX + (reader))

/* A file was judged before its deadline: whatever was wrong is over. Any thread, no
 * system call. */
void rescue_in_time(struct shared *sh);

/* Is it on? */
bool rescue_is_on(const struct shared *sh, nsec_t now);

/**
 * rescue_passes() - is the process one to let through now?
 * @asker: RESCUE_*; not two threads with the same at the same time
 * @pid:   of an opener that is blocked
 *
 * Asks the supervisor who @pid is; waits for a tenth of a second at most, and after
 * that has happened does not ask again for a second. True counts as one of those let
 * through.
 */
bool rescue_passes(struct shared *sh, unsigned asker, int pid);

/* An event of @pid has come to its deadline unjudged: it counts, and may turn the
 * rescue on. Return: let it through. */
bool rescue_at_deadline(struct shared *sh, bool may, unsigned asker, int pid);
