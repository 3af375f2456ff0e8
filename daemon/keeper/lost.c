/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lost: scanners that were killed and do not end
 *
 * Owns: giving them up, the slots they still have, and the answers while there are too many of them.
 * Must not own: the decision that a scanner hangs (watch.c).
 *
 * A thread that waits in the kernel without taking signals, for the lock of a file whose writer stands
 * still or for a disk, keeps its process from ending, for ever if need be. The others in it have ended:
 * none of them runs an instruction of its own after the SIGKILL. So another scanner is started and
 * takes over, with three exceptions that hold until the old one is reaped (docs/adr/0014):
 *
 *  - A descriptor whose answer was begun stays open: a write(2) still under way in the kernel must not
 *    meet another event of the same number.
 *  - A read(2) still under way may yet bring an event. It is looked for at each tick.
 *  - The file it waits for is not tried again.
 */
#include "daemon/keeper/keeper.h"
#include "daemon/scanner/rescue.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/fan.h"

/* Killed threads end in microseconds. Giving up one that would have ended costs nothing but memory. */
#define GIVE_UP_AFTER_NSEC (100 * NSEC_PER_MSEC)
/* What was being looked at for so long when the scanner was killed is what it may wait for. */
#define BLOCKED_AFTER_NSEC (500 * NSEC_PER_MSEC)
#define ANSWERS_AT_ONCE 256

bool lost_any(const struct keeper *k)
{
	if (k->n_strangers)
		return true;
	for (unsigned i = 0; i < KEEPER_LOST_MAX; i++)
		if (k->lost[i].pid)
			return true;
	return false;
}

static struct lost *free_row(struct keeper *k)
{
	unsigned n = k->n_strangers;

	for (unsigned i = 0; i < KEEPER_LOST_MAX; i++)
		n += k->lost[i].pid != 0;
	if (n >= KEEPER_LOST_MAX)
		return NULL;
	for (unsigned i = 0; i < KEEPER_LOST_MAX; i++)
		if (!k->lost[i].pid)
			return &k->lost[i];
	return NULL;
}

/* Return: how many have to be judged again. */
static unsigned recover(const struct keeper *k, const struct lost *l)
{
	struct slots_recover_args args = children_recover_args(l->number);
	struct slots_recovery found;

	args.lingers = true;
	slots_recover(shared_slots(k->shared), &args, &found);
	return found.n_orphaned;
}

/* Return: how many files. */
static unsigned blame_blocked(struct keeper *k, const struct child *c, nsec_t now)
{
	struct slots *s = shared_slots(k->shared);
	unsigned n = 0;

	for (uint32_t i = 0; i < N_SLOTS; i++) {
		const struct slot *slot = &s->slot[i];
		nsec_t began = atomic_load(&slot->work_began);

		if (slot_owner(slot) != c->number || slot_state(slot) != SLOT_HELD ||
		    slot->fd < FD_LOW || began == 0 || began + BLOCKED_AFTER_NSEC > now)
			continue;
		suspects_block(k, slot, c);
		n++;
	}
	return n;
}

static void give_up(struct keeper *k, unsigned place, nsec_t now)
{
	struct child c = k->child[place];
	struct lost *row = free_row(k);
	struct message msg = {
		.type = MSG_SCANNER_DIED,
		.generation = c.generation,
		.pid = c.pid,
		.status = SIGKILL,
		.hung = c.hung,
		.lost = 1,
	};

	if (!row)
		return; /* lost_overrun() */
	msg.culprit = blame_blocked(k, &c, now);
	*row = (struct lost){c.pid, c.number};
	k->child[place] = (struct child){0};
	msg.n_orphaned = recover(k, row);
	if (msg.n_orphaned)
		children_adopt(k);
	keeper_tell(k, &msg);
}

/* It died by itself, or by somebody else's signal, and a thread of it stayed behind. */
static bool has_lost_its_head(const struct keeper *k, unsigned place)
{
	return atomic_load(&k->shared->place[place].main_thread) == 0;
}

void lost_look(struct keeper *k, nsec_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < KEEPER_LOST_MAX; i++)
		if (k->lost[i].pid)
			n += recover(k, &k->lost[i]);
	if (k->n_strangers)
		n += heir_recover(k);
	if (n)
		children_adopt(k);
	for (unsigned i = 0; i < N_PLACES; i++) {
		struct child *c = &k->child[i];

		if (!c->pid)
			continue;
		if (!c->dying && (c->hung || has_lost_its_head(k, i)))
			c->dying = now;
		else if (c->dying && now - c->dying > GIVE_UP_AFTER_NSEC)
			give_up(k, i, now);
	}
}

static void forgive(struct keeper *k, pid_t pid)
{
	for (unsigned i = 0; i < CULPRITS_MAX; i++)
		if (k->shared->culprits[i].blocked == (uint32_t)pid)
			k->shared->culprits[i] = (struct culprit){0};
}

bool lost_buried(struct keeper *k, pid_t pid)
{
	struct message msg = {.type = MSG_SCANNER_ENDED, .pid = pid};

	for (unsigned i = 0; i < KEEPER_LOST_MAX; i++) {
		struct slots_recover_args args = children_recover_args(k->lost[i].number);
		struct slots_recovery found;

		if (k->lost[i].pid != pid)
			continue;
		k->lost[i] = (struct lost){0};
		forgive(k, pid);
		slots_recover(shared_slots(k->shared), &args, &found);
		if (found.n_orphaned)
			children_adopt(k);
		keeper_tell(k, &msg);
		return true;
	}
	return false;
}

bool lost_overrun(struct keeper *k)
{
	const struct child *active = children_active(k);

	return active && active->dying && !free_row(k);
}

static bool is_ours(const struct keeper *k, int pid)
{
	for (unsigned i = 0; i < OWN_PIDS_MAX; i++)
		if (atomic_load(&k->shared->own_pids[i]) == (uint32_t)pid)
			return true;
	return false;
}

/* Nobody can look at the file: as for any other that cannot be judged. */
static void answer_unjudged(struct keeper *k, const struct fan_event *ev)
{
	const size_t n = policy_n_lines(k->current.policy);
	const bool deny = n && atomic_load(&k->shared->mode) != MODE_MONITOR &&
	                  policy_line(k->current.policy, n - 1)->on_error == ON_ERROR_DENY &&
	                  !is_ours(k, ev->pid) &&
	                  !rescue_at_deadline(k->shared, k->current.settings.rescue, RESCUE_KEEPER,
	                                      ev->pid);

	cache_clear(&k->cache); /* it may be an open for writing */
	if (fan_event_is_held(ev))
		(void)fan_respond(FD_GROUP, ev->fd, !deny); /* gone: nothing to do */
	(void)close(ev->fd);
	stats_add(&k->shared->stats, 0, COUNT_EVENTS, 1);
	stats_add(&k->shared->stats, 0, COUNT_ERRORS, 1);
	stats_add(&k->shared->stats, 0, deny ? COUNT_DENIED : COUNT_ALLOWED, 1);
}

void lost_answer_queue(struct keeper *k)
{
	_Alignas(8) unsigned char raw[FAN_EVENT_BYTES];
	struct pollfd pfd = {.fd = FD_GROUP, .events = POLLIN};
	struct fan_event ev;

	for (unsigned i = 0; i < ANSWERS_AT_ONCE && poll(&pfd, 1, 0) > 0; i++) {
		ssize_t n = read(FD_GROUP, raw, sizeof(raw));

		if (n > 0 && fan_parse(raw, (size_t)n, &ev) == 0 && ev.fd >= FD_LOW)
			answer_unjudged(k, &ev);
	}
}
