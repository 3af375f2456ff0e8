/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspects: which file brings scanners down (I7)
 *
 * Owns: the table of culprits. Must not own: the death itself (children.c, lost.c);
 * trying a suspect alone (scanner/solo.c).
 *
 * A fault names its file, and so does a rule that does not end (watch.c). SIGKILL by
 * the kernel short of memory, or any death that comes from outside, names nobody: then
 * all files that were in work are suspects, and the next scanner tries them one at a
 * time. The guilty one is alone at its second death. A file that is judged to the end
 * is a suspect no more (docs/adr/0029).
 */
#include "daemon/keeper/keeper.h"

#include <sys/stat.h>

#include "custos/clock.h"

#define DEATHS_OF_A_CULPRIT 2 /* I7 */

static bool is_free(const struct culprit *row)
{
	return row->generation == 0 && row->blocked == 0;
}

/* A free row, else the next in turn. */
static struct culprit *take_row(struct keeper *k)
{
	for (unsigned i = 0; i < CULPRITS_MAX; i++)
		if (is_free(&k->shared->culprits[i]))
			return &k->shared->culprits[i];
	return &k->shared->culprits[k->n_culprits++ % CULPRITS_MAX];
}

/* Return: false when the file cannot be told. */
static bool describe(const struct slot *slot, uint32_t generation, struct culprit *ret)
{
	struct stat st;

	if (fstat(slot->fd, &st) < 0)
		return false;
	*ret = (struct culprit){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size_bytes = (uint64_t)st.st_size,
		.mtime_nsec = timespec_nsec(&st.st_mtim),
		.ctime_nsec = timespec_nsec(&st.st_ctim),
		.generation = generation,
	};
	return true;
}

static struct culprit *find(struct keeper *k, const struct culprit *c)
{
	for (unsigned i = 0; i < CULPRITS_MAX; i++) {
		struct culprit *row = &k->shared->culprits[i];

		if (row->dev == c->dev && row->ino == c->ino &&
		    row->size_bytes == c->size_bytes &&
		    row->mtime_nsec == c->mtime_nsec &&
		    row->ctime_nsec == c->ctime_nsec &&
		    row->generation == c->generation && !row->blocked)
			return row;
	}
	return NULL;
}

void suspects_block(struct keeper *k, const struct slot *slot, const struct child *c)
{
	struct culprit new;

	if (!describe(slot, c->generation, &new))
		return;
	new.blocked = (uint32_t)c->pid;
	*take_row(k) = new;
}

/* @named: it was this one and no other. Return: it is a culprit. */
static bool accuse(struct keeper *k, const struct slot *slot, const struct child *c,
                   bool named)
{
	struct culprit new, *row;

	if (!describe(slot, c->generation, &new))
		return false;
	row = find(k, &new);
	if (!row) {
		row = take_row(k);
		*row = new;
	}
	if (named || row->deaths == 0)
		row->deaths++;
	row->solo = !named;
	return row->deaths >= DEATHS_OF_A_CULPRIT;
}

static bool in_work(const struct slot *slot, const struct child *c)
{
	return slot_owner(slot) == c->number && slot_state(slot) == SLOT_HELD &&
	       slot->fd >= FD_LOW && atomic_load(&slot->work_began) != 0;
}

static unsigned count_in_work(struct keeper *k, const struct child *c)
{
	const struct slots *s = shared_slots(k->shared);
	unsigned n = 0;

	for (uint32_t i = 0; i < N_SLOTS; i++)
		n += in_work(&s->slot[i], c);
	return n;
}

static void accuse_all(struct keeper *k, const struct child *c, struct message *msg)
{
	struct slots *s = shared_slots(k->shared);
	const unsigned n = count_in_work(k, c);

	for (uint32_t i = 0; i < N_SLOTS; i++)
		if (in_work(&s->slot[i], c))
			msg->culprit += accuse(k, &s->slot[i], c, n == 1);
	msg->n_suspects = n;
}

void suspects_of_death(struct keeper *k, unsigned place, const struct child *c,
                       struct message *msg)
{
	struct instance *in = &k->shared->place[place];
	uint32_t index = atomic_load(&in->crash_slot);
	struct slot *slot;

	if (index == 0 && c->hung)
		return; /* stopped, or its queue stood still: no file's fault */
	if (index == 0)
		index = atomic_load(&in->solo_slot);
	if (index == 0 || index > N_SLOTS) {
		accuse_all(k, c, msg);
		return;
	}
	slot = &shared_slots(k->shared)->slot[index - 1];
	if (slot_owner(slot) != c->number || slot_state(slot) != SLOT_HELD ||
	    slot->fd < FD_LOW)
		return;
	msg->crash_slot = index;
	msg->culprit = accuse(k, slot, c, true);
}
