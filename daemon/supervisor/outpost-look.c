/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outpost: looking after it, and its end
 *
 * Owns: patience: which process is missing, hangs, or has done its work. Must not own: what a station says
 * (outpost-life.c), or the gate's process (outpost-gate.c).
 */
#include "daemon/supervisor/outposts-internal.h"

#include "custos/clock.h"
#include "custos/fan.h"

#include "daemon/supervisor/pair.h"

/* Until a station has loaded its rules and marked its file system. */
#define START_NSEC (10 * NSEC_PER_SEC)
/* An asynchronous scan ends by itself after UNTIMED_SCAN_NSEC, unless its server is silent. */
#define ASYNC_NSEC (UNTIMED_SCAN_NSEC + 10 * NSEC_PER_SEC)
/* Beyond its deadline: then it waits in the kernel, or in a rule that does not end. */
#define LATE_NSEC   (500 * NSEC_PER_MSEC)
#define STOP_NSEC   (1 * NSEC_PER_SEC)
/* Opens that were on their way when the marks went. */
#define QUEUED_NSEC (100 * NSEC_PER_MSEC)
/* After a gate's end. */
#define PAUSE_NSEC  (200 * NSEC_PER_MSEC)

/* Longer than any of its scans takes, unless the kernel does not come back. */
static nsec_t scan_patience(const struct outpost *op)
{
	return op->blocking ? op->all->longest_timeout + LATE_NSEC : ASYNC_NSEC;
}

/* It should have ended by itself (outpost.c): it is stopped, or worse. */
static bool reads_too_long(const struct station *s, nsec_t now)
{
	const struct outpost *op = s->op;

	for (unsigned i = 0; op->blocking && i < OUTPOST_THREADS; i++) {
		const nsec_t since = atomic_load(&op->shared->place[s->number].reading[i]);

		if (since && now > since + outpost_timeout(op->shared) + LATE_NSEC)
			return true;
	}
	return false;
}

/* All its threads are, so nobody reads. What fewer of them wait for may come. */
static bool hangs(const struct station *s, nsec_t now)
{
	const struct outpost *op = s->op;

	if (reads_too_long(s, now))
		return true;
	for (unsigned i = 0; i < (op->blocking ? OUTPOST_THREADS : 1); i++) {
		const nsec_t since = atomic_load(&op->shared->place[s->number].busy[i]);

		if (!since || now < since + scan_patience(op))
			return false;
	}
	return true;
}

static void look_at(struct station *s, nsec_t now)
{
	struct outpost *op = s->op;
	const nsec_t age = now - s->since;

	if (!s->pid || s->killed)
		return;
	if (atomic_load(&op->shared->place[s->number].drain))
		outpost_stop_station(s, now); /* another one is to start */
	if ((s->stopping && age > STOP_NSEC + (op->blocking ? op->all->longest_timeout : 0)) ||
	    (s->watching && hangs(s, now))) {
		outpost_kill_station(s, now);
	} else if (!s->stopping && !s->watching && age > START_NSEC) {
		outpost_kill_station(s, now);
		outpost_fail(op, now, "its server does not answer");
	}
}

/* Is a new one needed, and possible? */
static bool wants_station(const struct outpost *op, nsec_t now)
{
	bool current = false;
	unsigned lost = 0;

	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		const struct station *s = &op->station[i];

		if (!s->pid)
			continue;
		if (s->killed && !outpost_is_lost(s, now))
			return false; /* most likely it ends in a moment */
		lost += s->killed;
		if (s->killed || s->stopping)
			continue;
		if (!s->watching)
			return false; /* one is on its way */
		current |= s->generation == pair_generation(op->all->m->pair);
	}
	return !current && !op->closed && lost < OUTPOST_LOST_MAX && now >= op->next_try;
}

static void dismiss_stations(struct outpost *op, nsec_t now)
{
	op->dismissed = true;
	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		if (op->station[i].watching)
			outpost_stop_station(&op->station[i], now);
		else
			outpost_kill_station(&op->station[i], now);
	}
}

static void dismiss_gate(struct outpost *op, nsec_t now)
{
	op->gate_dismissed = true;
	op->gate_since = now;
	outpost_say(op->gate_control, MSG_STOP, 0, 0);
}

static bool any_station(const struct outpost *op)
{
	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		if (op->station[i].pid)
			return true;
	return false;
}

/* Who still waits is judged, and answered, as long as that takes: its marks are gone, so there will be nobody else. The gate, told
 * to end, refuses what it finds. Return: false once nothing of it is left. */
static bool look_at_retired(struct outpost *op, nsec_t now)
{
	const nsec_t age = now - op->retired_at;
	const nsec_t patience = op->all->longest_timeout + LATE_NSEC;

	if (!op->dismissed && age > QUEUED_NSEC && (fan_queued(op->group) <= 0 || age > patience))
		dismiss_stations(op, now);
	if (op->dismissed && !op->gate_dismissed && (!any_station(op) || age > patience + STOP_NSEC))
		dismiss_gate(op, now);
	return any_station(op) || op->gate != 0;
}

bool outpost_look(struct outpost *op, nsec_t now)
{
	struct manager *m = op->all->m;
	struct station *place;

	atomic_store(&op->shared->mode, m->mode);
	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		look_at(&op->station[i], now);
	outpost_watch_gate(op, now);
	if (!op->gate && !op->gate_dismissed && now >= op->gate_since + PAUSE_NSEC && outpost_start_gate(op) < 0)
		op->gate_since = now; /* tried again */
	if (op->retired)
		return look_at_retired(op, now);
	place = op->gate && wants_station(op, now) ? outpost_free_station(op) : NULL;
	if (place && outpost_start_station(op, place, now) < 0)
		outpost_fail(op, now, "no process can be started for it");
	return true;
}

void outpost_retire(struct outpost *op, bool at_once)
{
	const nsec_t now = clock_now();

	op->retired = true;
	op->retired_at = now;
	(void)fan_flush(op->group); /* what is left goes with the group */
	(void)fan_flush(op->wall);
	if (!at_once && op->blocking)
		return; /* look_at_retired() goes on */
	dismiss_stations(op, now);
	dismiss_gate(op, now);
}
