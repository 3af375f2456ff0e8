/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watch: a scanner that lives but does not work
 *
 * Owns: the decision that a scanner hangs, and the answers that are due while there is none.
 * Must not own: reaping and recovery (children.c): hanging ends as any other death.
 *
 * This works without PID 1 and without the supervisor (boot.md §3.2).
 */
#include "daemon/keeper/keeper.h"

#include <poll.h>
#include <signal.h>

#include "custos/clock.h"

/* An event that is this late although a deadline thread exists: the scanner hangs as a whole. */
#define HUNG_AFTER_NSEC (1 * NSEC_PER_SEC)
/* A file that is being looked at for this long past its deadline: libyara's time-out is not hard. */
#define STUCK_AFTER_NSEC (5 * NSEC_PER_SEC)
/* A file that waits this long makes us ask whether the scanner is there at all; a second without a
 * word means that it is stopped. Well before Timeout=3s, after which the file is answered unjudged. */
#define PING_AFTER_NSEC  (500 * NSEC_PER_MSEC)
#define PONG_WITHIN_NSEC (1 * NSEC_PER_SEC)
/* A new generation's first scanner has this long to start its threads and seal itself. */
#define SEAL_PATIENCE_NSEC (5 * NSEC_PER_SEC)

/* Is a worker on this slot that does not come back? */
static bool is_stuck(const struct slot *slot, nsec_t deadline, nsec_t now)
{
	nsec_t began = atomic_load(&slot->work_began);

	if (began == 0 || began + STUCK_AFTER_NSEC >= now)
		return false;
	if (deadline == SLOT_NO_DEADLINE)
		return began + UNTIMED_SCAN_NSEC + STUCK_AFTER_NSEC < now;
	return deadline + STUCK_AFTER_NSEC < now;
}

/* A worker that does not come back, or a deadline that nobody kept. */
static bool hangs(struct keeper *k, const struct child *c, unsigned place, nsec_t now)
{
	const struct slots *s = shared_slots(k->shared);

	for (uint32_t i = 0; i < N_SLOTS; i++) {
		const struct slot *slot = &s->slot[i];
		nsec_t deadline;

		if (slot_owner(slot) != c->number || slot_state(slot) != SLOT_HELD)
			continue;
		deadline = atomic_load(&slot->deadline);
		if (is_stuck(slot, deadline, now)) {
			atomic_store(&k->shared->place[place].crash_slot, i + 1);
			return true;
		}
		if (deadline != SLOT_NO_DEADLINE && !slot_answered(slot) &&
		    deadline + HUNG_AFTER_NSEC < now)
			return true;
	}
	return false;
}

/* Nobody takes events out of the kernel's queue although there are slots for them: the readers are
 * stopped or stuck as a whole. Events that were never read have no deadline, so this is the only
 * place that notices. */
static bool queue_stands_still(struct keeper *k, nsec_t now)
{
	struct pollfd pfd = {.fd = FD_GROUP, .events = POLLIN};
	uint64_t events = stats_sum(&k->shared->stats, COUNT_EVENTS) +
	                  stats_sum(&k->shared->stats, COUNT_REFUSED_BY_KERNEL);

	if (poll(&pfd, 1, 0) <= 0 || slots_all_taken(shared_slots(k->shared), N_SLOTS)) {
		k->idle_since = 0;
		return false;
	}
	if (k->idle_since == 0 || events != k->idle_events) {
		k->idle_since = now;
		k->idle_events = events;
		return false;
	}
	return now - k->idle_since > HUNG_AFTER_NSEC;
}

/* A file that waits, or a reader seen in the middle of read(2): it may have an event that nobody will
 * ever set a deadline for. A reader is there for microseconds, so an idle scanner is not asked. */
static bool seems_slow(struct keeper *k, const struct child *c, nsec_t now)
{
	const struct slots *s = shared_slots(k->shared);

	if (slots_oldest_pending(s, N_SLOTS, now) > PING_AFTER_NSEC)
		return true;
	for (uint32_t i = 0; i < N_SLOTS; i++)
		if (slot_owner(&s->slot[i]) == c->number &&
		    slot_state(&s->slot[i]) == SLOT_READING)
			return true;
	return false;
}

/* Its main thread has little to do but to answer us, also while it drains. */
static bool is_stopped(struct keeper *k, struct child *c, unsigned place, nsec_t now)
{
	if (c->pinged && atomic_load(&k->shared->place[place].pongs) == c->pings)
		c->pinged = 0;
	if (c->pinged)
		return now - c->pinged > PONG_WITHIN_NSEC;
	if (seems_slow(k, c, now)) {
		c->pinged = now;
		c->pings++;
		children_command(k, place, COMMAND_PING);
	}
	return false;
}

static bool is_lost(struct keeper *k, struct child *c, unsigned place, nsec_t now)
{
	if (c->draining && now > c->drain_by)
		return true;
	if (c->trial)
		return now - c->started > SEAL_PATIENCE_NSEC;
	return hangs(k, c, place, now) || is_stopped(k, c, place, now);
}

void watch_deadlines(struct keeper *k, nsec_t now)
{
	struct slots *s = shared_slots(k->shared);
	bool may_deny = atomic_load(&k->shared->mode) != MODE_MONITOR;

	for (uint32_t i = 0; i < N_SLOTS; i++) {
		struct slot *slot = &s->slot[i];

		if (slot->fd < FD_LOW || !slot_is_late(slot, now))
			continue;
		cache_clear(&k->cache); /* it may be an open for writing */
		if (slot_answer_late(slot, FD_GROUP, now, may_deny) == 0)
			stats_add(&k->shared->stats, 0, COUNT_TIMEOUTS, 1);
	}
}

void watch_children(struct keeper *k, nsec_t now)
{
	struct child *active = children_active(k);
	bool still = queue_stands_still(k, now);

	for (unsigned i = 0; i < N_PLACES; i++) {
		struct child *c = &k->child[i];

		if (!c->pid || c->hung)
			continue;
		if (is_lost(k, c, i, now) || (still && c == active)) {
			c->hung = true;
			k->idle_since = 0;
			(void)kill(c->pid, SIGKILL); /* reaped as any other death */
		}
	}
}
