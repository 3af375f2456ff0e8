/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadline thread: no opener waits longer than policy says
 *
 * Owns: the answer of events that are late. Must not own: their descriptors; the worker that is late
 * goes on, and closes.
 *
 * It sleeps until the earliest deadline it has seen, but never longer than the shortest timeout of
 * any policy line: an event read after the look cannot be due before that. So there is no tick.
 */
#include "daemon/scanner/scanner.h"

#include <errno.h>
#include <time.h>

#include "custos/clock.h"

/* Answer what is late; return when to look again. */
static nsec_t sweep(struct scanner *sc, nsec_t now)
{
	nsec_t next = now + sc->min_timeout;

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
		if (slot_answer_late(slot, FD_GROUP, now) == 0)
			stats_add(&sc->cfg.shared->stats, 0, COUNT_TIMEOUTS, 1);
	}
	return next;
}

void *deadline_main(void *arg)
{
	struct scanner *sc = arg;

	scanner_await_start(sc);
	for (;;) {
		nsec_t next = sweep(sc, clock_now());
		struct timespec ts = {
			.tv_sec = (time_t)(next / NSEC_PER_SEC),
			.tv_nsec = (long)(next % NSEC_PER_SEC),
		};

		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	}
	return NULL;
}
