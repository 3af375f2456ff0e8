/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watch: a scanner that lives but does not work
 *
 * Owns: the decision that a scanner hangs, and the answers that are due while there is
 * none. Must not own: reaping and recovery (children.c): hanging ends as any other
 * death.
 *
 * This works without PID 1 and without the supervisor (boot.md §3.2).
 */
#include "daemon/keeper/keeper.h"
#include "daemon/scanner/rescue.h"

#include <poll.h>
#include <signal.h>
#include <time.h>

#include "custos/clock.h"

/* All patience is a share of the shortest time-out of any policy line, within bounds:
 * what hangs is gone before two deadlines have passed, and what is slow on a slow
 * machine is left alone (docs/adr/0028). */
#define LEAST_NSEC      (50 * NSEC_PER_MSEC)
#define MOST_NSEC       (1 * NSEC_PER_SEC)
#define TICK_MOST_MSEC  250
#define TICK_LEAST_MSEC 10
/* Past its deadline for so long without using the CPU: it waits in the kernel (lost.c).
 */
#define BLOCKED_AFTER_NSEC (5 * NSEC_PER_SEC)
/* All bytes in memory and for so long, or half a deadline, without the CPU: no disk is to blame, it
 * waits for what will not come. One of many on a busy machine has had a turn by then; more than a
 * 64th of the time is a turn. */
#define FROZEN_LEAST_NSEC (500 * NSEC_PER_MSEC)
#define FROZEN_CPU_SHARE  64
/* A scanner that has just been cloned has this long to start its threads and seal
 * itself. */
#define SEAL_PATIENCE_NSEC (5 * NSEC_PER_SEC)
/* Longer than this past our tick, and it was we who were not running. */
#define TICK_SLACK_NSEC (20 * NSEC_PER_MSEC)

static nsec_t share(const struct keeper *k, unsigned nth, nsec_t most)
{
	/* A keeper that inherited a scanner is told the policy a moment later. */
	return k->current.number ? MIN(MAX(k->current.min_timeout / nth, LEAST_NSEC), most) : most;
}

int watch_tick_msec(const struct keeper *k)
{
	const nsec_t tick = k->current.min_timeout / 8 / NSEC_PER_MSEC;

	if (k->current.number == 0)
		return TICK_MOST_MSEC;
	return (int)MIN(MAX(tick, (nsec_t)TICK_LEAST_MSEC), (nsec_t)TICK_MOST_MSEC);
}

/* Time as far as this process had any. Where nobody gets a CPU for seconds
 * (docs/adr/0012), a scanner that had none either is not hung. */
static nsec_t advance(struct keeper *k, nsec_t now)
{
	const nsec_t most =
		(nsec_t)watch_tick_msec(k) * NSEC_PER_MSEC + TICK_SLACK_NSEC;

	k->own_time += MIN(now - k->looked_at, most);
	k->looked_at = now;
	return k->own_time;
}

/* Of all threads of @pid; 0 when it is gone. The number is what clock_getcpuclockid(3)
 * makes, which asks the kernel for more than our seal allows. */
static nsec_t cpu_time(pid_t pid)
{
	const clockid_t clock =
		(clockid_t)(~(unsigned)pid << 3 | 2U); /* all threads, CPUCLOCK_SCHED */
	struct timespec ts;

	if (clock_gettime(clock, &ts) < 0)
		return 0;
	return (nsec_t)timespec_nsec(&ts);
}

/* When a scan of @slot should have ended by. */
static nsec_t due(const struct slot *slot, nsec_t began)
{
	nsec_t deadline = atomic_load(&slot->deadline);

	return deadline == SLOT_NO_DEADLINE ? began + UNTIMED_SCAN_NSEC
	                                    : MAX(deadline, began);
}

/* The oldest scan of @c that is late; NULL: none. */
static const struct slot *late_scan(struct keeper *k, const struct child *c, nsec_t now,
                                    unsigned *ret_n_scans)
{
	const struct slots *s = shared_slots(k->shared);
	const struct slot *oldest = NULL;
	nsec_t least = now;

	*ret_n_scans = 0;

	for (uint32_t i = 0; i < N_SLOTS; i++) {
		const struct slot *slot = &s->slot[i];
		nsec_t began = atomic_load(&slot->work_began);

		if (began == 0 || slot_owner(slot) != c->number || slot_state(slot) != SLOT_HELD)
			continue;
		++*ret_n_scans;
		if (due(slot, began) >= least)
			continue;
		least = due(slot, began);
		oldest = slot;
	}
	return oldest;
}

/* Of a scan that is late since @c->stuck_since: will it go on for good?
 *
 * libyara's time-out is not hard: a rule can keep a worker. It uses the CPU then, its share among
 * all scans of the process. One that was given less is not blamed, nor, for a while, one that waits
 * for a disk. */
static bool is_hopeless(struct keeper *k, const struct child *c, unsigned n_scans)
{
	const nsec_t patience = share(k, 4, MOST_NSEC);
	const nsec_t frozen = MAX(share(k, 2, BLOCKED_AFTER_NSEC), FROZEN_LEAST_NSEC);
	const nsec_t waited = k->own_time - c->stuck_since;
	nsec_t used;

	if (waited >= BLOCKED_AFTER_NSEC)
		return true;
	if (!(c->stuck_scan & SLOT_WORK_RULES) || waited < patience)
		return false;
	used = cpu_time(c->pid) - c->stuck_cpu;
	return used >= n_scans * patience / 2 ||
	       (waited >= frozen && used < waited / FROZEN_CPU_SHARE);
}

static bool is_stuck(struct keeper *k, struct child *c, unsigned place, nsec_t now)
{
	unsigned n_scans;
	const struct slot *slot = late_scan(k, c, now, &n_scans);
	const nsec_t began = slot ? atomic_load(&slot->work_began) : 0;

	if (began == 0) {
		c->stuck_scan = 0;
		return false;
	}
	/* When the rules begin the count does, too: until then it may have been the disk. */
	if (c->stuck_scan != began) {
		c->stuck_scan = began;
		c->stuck_since = k->own_time;
		c->stuck_cpu = cpu_time(c->pid);
		return false;
	}
	if (!is_hopeless(k, c, n_scans))
		return false;
	atomic_store(&k->shared->place[place].crash_slot,
	             slot_index(shared_slots(k->shared), slot) + 1);
	return true;
}

static bool is_sealed(const struct keeper *k, unsigned place)
{
	return atomic_load(&k->shared->place[place].sealed);
}

/* Is there nobody else to keep deadlines? */
static bool is_alone(struct keeper *k)
{
	const struct child *active = children_active(k);

	return !active || active->dying || !is_sealed(k, (unsigned)(active - k->child));
}

/* Nobody takes events out of the kernel's queue although there are slots for them: the
 * readers are stopped or stuck as a whole. Events that were never read have no
 * deadline, so this is the only place that notices. */
static bool queue_stands_still(struct keeper *k)
{
	struct pollfd pfd = {.fd = FD_GROUP, .events = POLLIN};
	uint64_t events = stats_sum(&k->shared->stats, COUNT_EVENTS) +
	                  stats_sum(&k->shared->stats, COUNT_REFUSED_BY_KERNEL);

	if (is_alone(k) || poll(&pfd, 1, 0) <= 0 ||
	    slots_all_taken(shared_slots(k->shared), N_SLOTS)) {
		k->idle_since = 0;
		return false;
	}
	if (k->idle_since == 0 || events != k->idle_events) {
		k->idle_since = k->own_time;
		k->idle_events = events;
		return false;
	}
	return k->own_time - k->idle_since > share(k, 2, MOST_NSEC);
}

/* A file that waits, or a reader seen in the middle of read(2): it may have an event
 * that nobody will ever set a deadline for. A reader is there for microseconds, so an
 * idle scanner is not asked. */
static bool seems_slow(struct keeper *k, const struct child *c, nsec_t now)
{
	const struct slots *s = shared_slots(k->shared);

	if (slots_oldest_pending(s, N_SLOTS, now) > share(k, 4, MOST_NSEC / 2))
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
		return k->own_time - c->pinged > share(k, 4, MOST_NSEC);
	if (seems_slow(k, c, now)) {
		c->pinged = k->own_time;
		c->pings++;
		children_command(k, place, COMMAND_PING);
	}
	return false;
}

static bool is_lost(struct keeper *k, struct child *c, unsigned place, nsec_t now)
{
	if (c->draining && now > c->drain_by)
		return true;
	if (c->trial || !is_sealed(k, place))
		return now - c->started > SEAL_PATIENCE_NSEC;
	return is_stuck(k, c, place, now) || is_stopped(k, c, place, now);
}

void watch_answer_late(struct keeper *k, nsec_t now)
{
	struct slots *s = shared_slots(k->shared);
	bool may_deny = atomic_load(&k->shared->mode) != MODE_MONITOR;

	for (uint32_t i = 0; i < N_SLOTS; i++) {
		struct slot *slot = &s->slot[i];

		if (slot->fd < FD_LOW || !slot_is_late(slot, now))
			continue;
		cache_clear(&k->cache); /* it may be an open for writing */
		if (slot_answer_late(slot, FD_GROUP, now,
		                     may_deny && !rescue_at_deadline(k->shared,
		                                                     k->current.settings.rescue,
		                                                     RESCUE_KEEPER, slot->pid)) == 0)
			stats_add(&k->shared->stats, 0, COUNT_TIMEOUTS, 1);
	}
}

void watch_deadlines(struct keeper *k, nsec_t now)
{
	if (!k->current.settings.rescue)
		atomic_store(&k->shared->rescue_until, 0); /* a reload has turned it off */
	/* A stopped scanner has a deadline thread that is stopped, too. */
	watch_answer_late(k, is_alone(k) ? now : now - AFTER_DEADLINE_NSEC);
}

void watch_children(struct keeper *k, nsec_t now)
{
	struct child *active = children_active(k);
	bool still;

	(void)advance(k, now);
	still = queue_stands_still(k);

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
