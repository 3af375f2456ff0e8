/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heir: a keeper that takes over from one that is no more
 *
 * Owns: which scanners are inherited, and the slots of those that are not among the
 * living. Must not own: what is done with them from then on (children.c).
 *
 * A scanner does not notice that its keeper has died: it goes on reading and answering.
 * Its process is not our child, so the supervisor, which it now belongs to, tells us
 * when it has ended (MSG_GONE). Once the rules are loaded it is replaced as after any
 * reload, without a moment in which nobody reads.
 */
#include "daemon/keeper/keeper.h"

#include "custos/clock.h"

static bool is_heir(const struct message *msg, pid_t pid)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (pid > 0 && msg->heirs[i] == pid)
			return true;
	return false;
}

static void inherit_place(struct keeper *k, const struct message *msg, unsigned place)
{
	struct instance *in = &k->shared->place[place];
	const pid_t pid = (pid_t)atomic_load(&in->pid);

	if (!is_heir(msg, pid))
		return;
	k->child[place] = (struct child){
		.pid = pid,
		.number = atomic_load(&in->number),
		.generation = atomic_load(&in->generation),
		.started = clock_now(),
		.pings = atomic_load(&in->pongs),
		.inherited = true,
	};
}

/* At most one reads; one that the keeper before was only trying, or was sending away,
 * leaves. */
static void settle_places(struct keeper *k)
{
	const uint32_t in_force = atomic_load(&k->shared->generation);

	for (unsigned i = 0; i < N_PLACES; i++) {
		const struct instance *in = &k->shared->place[i];

		if (k->child[i].pid && atomic_load(&in->sealed) &&
		    !atomic_load(&in->quiet) && k->child[i].generation == in_force) {
			children_drain_others(k, i, COMMAND_DRAIN);
			return;
		}
	}
	children_drain_others(k, N_PLACES, COMMAND_DRAIN);
}

static bool is_known(const struct keeper *k, uint32_t owner)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (k->child[i].pid && k->child[i].number == owner)
			return true;
	for (unsigned i = 0; i < KEEPER_LOST_MAX; i++)
		if (k->lost[i].pid && k->lost[i].number == owner)
			return true;
	return owner == 0;
}

unsigned heir_recover(struct keeper *k)
{
	struct slots *s = shared_slots(k->shared);
	unsigned n = 0;

	for (uint32_t i = 0; i < N_SLOTS; i++) {
		const uint32_t owner = slot_owner(&s->slot[i]);
		struct slots_recover_args args = children_recover_args(owner);
		struct slots_recovery found;

		/* Free ones keep no owner. The first slot of each is enough: all of its
		 * are recovered; what lingers is met again, and found as it was left.
		 */
		if (is_known(k, owner) || slot_state(&s->slot[i]) == SLOT_FREE)
			continue;
		args.lingers = k->n_strangers > 0;
		args.alone = !args.lingers && !children_any(k) && !lost_any(k);
		slots_recover(s, &args, &found);
		n += found.n_orphaned;
	}
	return n;
}

/* Free rows first: those in use tell what not to try again. */
static unsigned first_free_culprit(const struct keeper *k)
{
	for (unsigned i = 0; i < CULPRITS_MAX; i++)
		if (k->shared->culprits[i].generation == 0)
			return i;
	return 0;
}

void heir_inherit(struct keeper *k, const struct message *msg)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		inherit_place(k, msg, i);
	settle_places(k);
	k->n_strangers = msg->n_lost;
	k->n_culprits = first_free_culprit(k);
	if (!children_any(k) && !lost_any(k))
		waitpoint_reset(&shared_slots(k->shared)->freed);
	if (heir_recover(k))
		children_adopt(k);
}
