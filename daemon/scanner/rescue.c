/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rescue
 *
 * Owns: when it begins, whom it lets through, how many and for how long.
 * Must not own: who a process is (the broker tells), the answer itself.
 *
 * Events that nobody could judge, several in a row and not one judged in between, and
 * the next comes from root itself: from then on opens of root pass at once, for a
 * minute, a thousand at most, until one file has been judged in time. With
 * on-error=deny that is how an administrator gets in to repair it.
 */
#include "daemon/scanner/rescue.h"

#include "daemon/scanner/scanner.h"

#include "custos/clock.h"

#define LATE_IN_A_ROW 3 /* the next one may begin it */
#define RESCUE_NSEC   (60 * NSEC_PER_SEC)
#define RESCUE_OPENS  1000U
/* From the end of one to the begin of the next. */
#define RESCUE_PAUSE_NSEC (300 * NSEC_PER_SEC)
#define ASK_WAIT_NSEC     (100 * NSEC_PER_MSEC)
#define ASK_PAUSE_NSEC    (1 * NSEC_PER_SEC)

void rescue_in_time(struct shared *sh)
{
	/* Relaxed: hints; an event more or less in a row does not matter. Mostly they
	 * are 0. */
	if (atomic_load_explicit(&sh->late_in_row, memory_order_relaxed))
		atomic_store_explicit(&sh->late_in_row, 0, memory_order_relaxed);
	if (atomic_load_explicit(&sh->rescue_until, memory_order_relaxed))
		atomic_store_explicit(&sh->rescue_until, 0, memory_order_relaxed);
}

bool rescue_is_on(const struct shared *sh, nsec_t now)
{
	return atomic_load_explicit(&sh->rescue_until, memory_order_relaxed) > now &&
	       atomic_load_explicit(&sh->n_rescued, memory_order_relaxed) <
	               RESCUE_OPENS;
}

/* Root of the host, all of it: not a set-user-id program that some user runs, and not
 * the root of a container. What cannot be found out is no. */
static bool is_root(struct shared *sh, unsigned asker, int pid)
{
	static _Atomic uint64_t silent_until; /* the broker did not answer */
	const nsec_t now = clock_now();
	const struct facts *f;

	if (pid <= 0 || atomic_load(&silent_until) > now)
		return false;
	f = facts_ask(sh, asker, pid, now + ASK_WAIT_NSEC);
	if (!f && clock_now() >= now + ASK_WAIT_NSEC)
		atomic_store(&silent_until, now + ASK_PAUSE_NSEC);
	return f && f->uid == 0 && f->real_uid == 0 && !f->container;
}

bool rescue_passes(struct shared *sh, unsigned asker, int pid)
{
	if (!rescue_is_on(sh, clock_now()) || !is_root(sh, asker, pid))
		return false;
	return atomic_fetch_add(&sh->n_rescued, 1) < RESCUE_OPENS;
}

static bool may_begin(const struct shared *sh, nsec_t now)
{
	return atomic_load(&sh->late_in_row) > LATE_IN_A_ROW &&
	       now >= atomic_load(&sh->rescue_next);
}

bool rescue_at_deadline(struct shared *sh, bool may, unsigned asker, int pid)
{
	const nsec_t now = clock_now();

	if (atomic_load(&sh->late_in_row) <= LATE_IN_A_ROW)
		atomic_fetch_add(&sh->late_in_row, 1);
	if (!may)
		return false;
	if (rescue_is_on(sh, now))
		return rescue_passes(sh, asker, pid);
	if (!may_begin(sh, now) || !is_root(sh, asker, pid))
		return false;
	atomic_store(&sh->n_rescued, 1);
	atomic_store(&sh->rescue_next, now + RESCUE_NSEC + RESCUE_PAUSE_NSEC);
	atomic_store(&sh->rescue_until, now + RESCUE_NSEC);
	return true;
}
