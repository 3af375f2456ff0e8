/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadline thread: no opener waits longer than policy says
 *
 * Owns: the answer of events that are late. Must not own: their descriptors; the worker that is late
 * goes on, and closes.
 *
 * It sleeps until the earliest deadline it has seen, but never longer than the shortest timeout of
 * any policy line: an event read after the look cannot be due before that. So there is no tick. What
 * is adopted from a dead instance can be due at any time, so adopting wakes it.
 */
#include "daemon/scanner/rescue.h"
#include "daemon/scanner/scanner.h"

#include "custos/clock.h"

/* With the answer of its line, unless the rescue lets it through. */
static void answer_late(struct scanner *sc, struct slot *slot, nsec_t now, bool may_deny)
{
	struct shared *sh = sc->cfg.shared;

	if (rescue_at_deadline(sh, sc->cfg.settings.rescue, RESCUE_DEADLINE(sc->cfg.place),
	                       slot->pid))
		may_deny = false;
	cache_clear(&sc->cfg.cache); /* it may be an open for writing */
	if (slot_answer_late(slot, FD_GROUP, now, may_deny) == 0)
		stats_add(&sh->stats, 0, COUNT_TIMEOUTS, 1);
}

/* Answer what is late; return when to look again. */
static nsec_t sweep(struct scanner *sc, nsec_t now)
{
	nsec_t next = now + sc->min_timeout;
	/* In monitor mode nothing is denied, not for being late either. */
	bool may_deny = atomic_load_explicit(&sc->cfg.shared->mode, memory_order_relaxed) !=
	                MODE_MONITOR;

	for (uint32_t i = 0; i < sc->slots->n; i++) {
		struct slot *slot = &sc->slots->slot[i];
		nsec_t deadline;

		if (slot_state(slot) != SLOT_HELD || slot_owner(slot) != sc->cfg.number)
			continue;
		deadline = atomic_load_explicit(&slot->deadline, memory_order_relaxed);
		if (deadline > now) {
			next = MIN(next, deadline);
			continue;
		}
		if (slot_answered(slot))
			continue;
		answer_late(sc, slot, now, may_deny);
	}
	return next;
}

void *deadline_main(void *arg)
{
	struct scanner *sc = arg;

	scanner_await_start(sc);
	for (;;) {
		/* Before the look: what is adopted during it wakes us again. */
		uint32_t key = waitpoint_prepare(&sc->adopted);

		(void)waitpoint_wait(&sc->adopted, key, sweep(sc, clock_now()));
	}
	return NULL;
}
