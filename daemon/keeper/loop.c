/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crash loop: scanners that end before they have done anything
 *
 * Owns: when to stop starting them, for how long, and the answers meanwhile.
 * Must not own: whose fault it was (suspects.c): a death with a culprit is no loop.
 *
 * Some deaths in a row, each soon after the start and without work done, and the keeper
 * answers what is in the kernel's queue itself, as on-error= says, so that nothing
 * hangs and the machine is not busy with starting processes. It tries again after a
 * pause that doubles. A scanner that lives ends it, as does a reload whose scanner
 * starts (docs/adr/0027).
 */
#include "daemon/keeper/keeper.h"

#include "custos/clock.h"

#define DEATHS_IN_A_ROW 5
/* Living so long, or answering so many, is not failing at once. */
#define ALIVE_NSEC      (1 * NSEC_PER_SEC)
#define ALIVE_ANSWERS   16
#define PAUSE_NSEC      (1 * NSEC_PER_SEC)
#define PAUSE_MOST_NSEC (30 * NSEC_PER_SEC)

static uint64_t answers(const struct keeper *k)
{
	return stats_sum(&k->shared->stats, COUNT_ALLOWED) +
	       stats_sum(&k->shared->stats, COUNT_DENIED);
}

static bool has_lived(const struct keeper *k, const struct child *c, nsec_t now)
{
	return now - c->started > ALIVE_NSEC ||
	       answers(k) - c->answers >= ALIVE_ANSWERS;
}

static void tell(struct keeper *k, nsec_t pause)
{
	const struct message msg = {
		.type = MSG_CRASH_LOOP,
		.status = (int32_t)(pause / NSEC_PER_SEC),
	};

	atomic_store(&k->shared->loop_pause_sec, (uint32_t)(pause / NSEC_PER_SEC));
	keeper_tell(k, &msg);
}

static void end(struct keeper *k)
{
	k->n_quick_deaths = 0;
	if (!k->loop_pause)
		return;
	k->loop_pause = 0;
	tell(k, 0);
}

static void fail(struct keeper *k, nsec_t now)
{
	if (++k->n_quick_deaths < DEATHS_IN_A_ROW)
		return;
	k->loop_pause =
		k->loop_pause ? MIN(2 * k->loop_pause, PAUSE_MOST_NSEC) : PAUSE_NSEC;
	k->hurry = now + k->loop_pause;
	tell(k, k->loop_pause);
}

void loop_started(struct keeper *k, struct child *c)
{
	c->answers = answers(k);
}

void loop_died(struct keeper *k, const struct child *c, bool culprit, nsec_t now)
{
	if (culprit || has_lived(k, c, now))
		k->n_quick_deaths = 0;
	else
		fail(k, now);
}

void loop_not_started(struct keeper *k, nsec_t now)
{
	fail(k, now);
}

bool loop_stands_in(const struct keeper *k, nsec_t now)
{
	return k->loop_pause && now < k->hurry && k->current.number;
}

void loop_look(struct keeper *k, nsec_t now)
{
	const struct child *active = children_active(k);

	if (k->loop_pause && active && !active->dying && has_lived(k, active, now) &&
	    atomic_load(&k->shared->place[active - k->child].sealed))
		end(k);
}
