/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots
 *
 * Owns: the life of one descriptor from before read(2) until after close(2) (I2), and finding out
 * after a crash how far it had come (I7).
 * Must not own: what the answer is, or who works on the file.
 * Hands off to: the caller's queue, by pointer.
 */
#include "custos/slots.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "custos/fan.h"

_Static_assert(sizeof(struct slot) % CACHELINE_BYTES == 0, "slots share no cache line");

size_t slots_bytes(uint32_t n)
{
	return sizeof(struct slots) + n * sizeof(struct slot);
}

void slots_init(struct slots *s, uint32_t n)
{
	memset(s, 0, slots_bytes(n));
	s->n = n;
	for (uint32_t i = 0; i < n; i++) {
		s->slot[i].fd = -1;
		/* Not zero: that would be overdue, and answered so, before its first user sets it. */
		atomic_store_explicit(&s->slot[i].deadline, SLOT_NO_DEADLINE,
		                      memory_order_relaxed);
	}
}

static void slot_clear(struct slot *slot)
{
	uint32_t answer = atomic_load_explicit(&slot->answer, memory_order_relaxed);

	/* Release: a late answer that sees the new count must not still see the old use HELD. */
	atomic_store_explicit(&slot->answer, (answer & ~ANSWER_FLAGS) + ANSWER_FLAGS + 1,
	                      memory_order_release);
	atomic_store_explicit(&slot->deadline, SLOT_NO_DEADLINE, memory_order_relaxed);
	atomic_store_explicit(&slot->work_began, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->late_deny, 0, memory_order_relaxed);
	slot->kind = 0;
	slot->fd = -1;
	slot->pid = 0;
	slot->mask = 0;
	slot->audited = 0;
	slot->request = 0;
	memset(slot->raw, 0, sizeof(slot->raw));
}

static uint32_t word_of(enum slot_state state, uint32_t owner)
{
	return owner << SLOT_OWNER_SHIFT | (uint32_t)state;
}

struct slot *slots_take(struct slots *s, uint32_t owner, uint32_t *hint)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct slot *slot = &s->slot[(*hint + i) % s->n];
		uint32_t expected = word_of(SLOT_FREE, 0);

		if (atomic_load_explicit(&slot->word, memory_order_relaxed) != expected)
			continue;
		/* Acquire: pairs with the release in slot_free(): its last user is done with it. */
		if (!atomic_compare_exchange_strong_explicit(
			    &slot->word, &expected, word_of(SLOT_READING, owner),
			    memory_order_acquire, memory_order_relaxed))
			continue;
		*hint = (*hint + i + 1) % s->n;
		return slot;
	}
	return NULL;
}

/* Cleared here and not when taken: a crash right after slots_take() must find an empty raw. */
static void slot_free(struct slots *s, struct slot *slot)
{
	slot_clear(slot);
	/* Release: everything done with the slot happens before its next taker. */
	atomic_store_explicit(&slot->word, word_of(SLOT_FREE, 0), memory_order_release);
	waitpoint_wake(&s->freed, 1);
}

void slot_untake(struct slots *s, struct slot *slot)
{
	assert(slot_state(slot) == SLOT_READING);
	slot_free(s, slot);
}

void slot_hold(struct slot *slot)
{
	assert(slot->fd >= 0 && slot->kind != 0);
	/* Release: deadline thread and recovery read the plain fields once they see HELD. */
	atomic_store_explicit(&slot->word, word_of(SLOT_HELD, slot_owner(slot)),
	                      memory_order_release);
}

/* Win the right to answer, from the state @seen, and use it. */
static int claim_and_write(struct slot *slot, int group, uint32_t *seen, bool deny, uint32_t late)
{
	const uint32_t use = *seen & ~ANSWER_FLAGS;
	const uint32_t flag = (deny ? ANSWER_DENY : 0) | late;
	int r;

	/* Acquire on failure: pairs with the release below, so the winner's write is done. */
	if (!atomic_compare_exchange_strong_explicit(&slot->answer, seen,
	                                             use | ANSWER_CLAIMED | flag,
	                                             memory_order_acquire,
	                                             memory_order_acquire))
		return -EALREADY;
	r = fan_respond(group, slot->fd, !deny);
	/* Release: the write comes before anybody's close. */
	atomic_store_explicit(&slot->answer, use | ANSWER_SENT | flag, memory_order_release);
	return r;
}

int slot_answer(struct slot *slot, int group, bool deny)
{
	uint32_t seen = atomic_load_explicit(&slot->answer, memory_order_acquire);
	int r;

	if (!(seen & ANSWER_FLAGS)) {
		r = claim_and_write(slot, group, &seen, deny, 0);
		if (r != -EALREADY)
			return r;
	}
	/* Another thread was faster. Its claim lasts as long as one write(2); our caller may close
	 * the descriptor next and must not overtake that write (I2). */
	while (!(seen & ANSWER_SENT)) {
		(void)sched_yield();
		seen = atomic_load_explicit(&slot->answer, memory_order_acquire);
	}
	return -EALREADY;
}

bool slot_is_late(const struct slot *slot, nsec_t now)
{
	return slot_state(slot) == SLOT_HELD && slot->kind == SLOT_PERMISSION &&
	       !slot_answered(slot) &&
	       atomic_load_explicit(&slot->deadline, memory_order_relaxed) <= now;
}

int slot_answer_late(struct slot *slot, int group, nsec_t now, bool may_deny)
{
	uint32_t seen = atomic_load_explicit(&slot->answer, memory_order_acquire);

	if (seen & ANSWER_FLAGS)
		return -EALREADY;
	/* If the slot is reused between here and the claim, its use count has changed. Only a
	 * permission's owner waits for a claim before it closes: any other number may be gone. */
	if (slot_state(slot) != SLOT_HELD || slot->kind != SLOT_PERMISSION ||
	    atomic_load_explicit(&slot->deadline, memory_order_relaxed) > now)
		return -EAGAIN;
	return claim_and_write(slot, group, &seen,
	                       may_deny && atomic_load_explicit(&slot->late_deny,
	                                                        memory_order_relaxed),
	                       ANSWER_LATE);
}

void slot_release(struct slots *s, struct slot *slot)
{
	assert(slot->kind != SLOT_PERMISSION ||
	       (atomic_load_explicit(&slot->answer, memory_order_relaxed) & ANSWER_SENT));

	/* Release: recovery that sees CLOSING may rely on the answer being out. */
	atomic_store_explicit(&slot->word, word_of(SLOT_CLOSING, slot_owner(slot)),
	                      memory_order_release);
	if (slot->fd >= 0)
		(void)close(slot->fd); /* an error changes nothing: the number is free */
	slot_free(s, slot);
}

nsec_t slots_oldest_pending(const struct slots *s, uint32_t n, nsec_t now)
{
	nsec_t age = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct slot *slot = &s->slot[i];

		if (slot_state(slot) != SLOT_HELD || slot->kind != SLOT_PERMISSION ||
		    (atomic_load_explicit(&slot->answer, memory_order_relaxed) & ANSWER_SENT))
			continue;
		if (now > slot->read_at)
			age = MAX(age, now - slot->read_at);
	}
	return age;
}

bool slots_all_taken(const struct slots *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (slot_state(&s->slot[i]) == SLOT_FREE)
			return false;
	return true;
}

bool slots_any_owned(const struct slots *s, uint32_t owner)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (slot_owner(&s->slot[i]) == owner)
			return true;
	return false;
}

void slots_forget(struct slots *s, uint32_t n, uint32_t owner)
{
	for (uint32_t i = 0; i < n; i++)
		if (slot_owner(&s->slot[i]) == owner)
			slot_free(s, &s->slot[i]);
}

/* A descriptor number that another slot has taken over is not ours to close. */
static bool fd_held_elsewhere(const struct slots *s, uint32_t n, const struct slot *self)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct slot *slot = &s->slot[i];

		if (slot != self && slot->fd == self->fd && slot_state(slot) == SLOT_HELD)
			return true;
	}
	return false;
}

static void recover_closing(struct slots *s, struct slot *slot,
                            const struct slots_recover_args *args)
{
	if (slot->fd >= args->fd_low && !fd_held_elsewhere(s, args->n, slot))
		(void)close(slot->fd); /* EBADF: the dead one had got to it */
	slot_free(s, slot);
}

bool slot_finish(struct slot *slot, int group)
{
	const uint32_t answer = atomic_load_explicit(&slot->answer, memory_order_acquire);

	if (!(answer & ANSWER_FLAGS) || answer & ANSWER_SENT)
		return false;
	(void)fan_respond(group, slot->fd, !(answer & ANSWER_DENY));
	/* Release: the write comes before anybody's close. */
	atomic_store_explicit(&slot->answer, (answer & ~ANSWER_CLAIMED) | ANSWER_SENT, memory_order_release);
	return true;
}

void slots_finish_late(struct slots *s, uint32_t n, int group)
{
	for (uint32_t i = 0; i < n; i++)
		if (atomic_load_explicit(&s->slot[i].answer, memory_order_acquire) & ANSWER_LATE)
			(void)slot_finish(&s->slot[i], group);
}

/* Claimed, perhaps written. The descriptor is still open, so its number belongs to no other event and
 * writing again is safe: ENOENT if it had been written. Return: the answer as it is now. */
static uint32_t finish_answer(struct slot *slot, const struct slots_recover_args *args)
{
	(void)slot_finish(slot, args->group);
	return atomic_load_explicit(&slot->answer, memory_order_relaxed);
}

/* Return: true if the slot has to be judged again. */
static bool recover_held(struct slots *s, struct slot *slot,
                         const struct slots_recover_args *args)
{
	uint32_t answer = finish_answer(slot, args);

	atomic_store_explicit(&slot->work_began, 0, memory_order_relaxed);
	if (slot->audited && (slot->kind != SLOT_PERMISSION || (answer & ANSWER_SENT))) {
		recover_closing(s, slot, args);
		return false;
	}
	atomic_store_explicit(&slot->word, word_of(SLOT_HELD, 0), memory_order_release);
	return true;
}

/* Written by a read(2) that may not have ended: for a moment longer the kernel would not know the
 * number. Return: true if the slot has to be judged again. */
static bool inherit_reading(struct slot *slot, const struct slots_recover_args *args)
{
	if (slot->fd < args->fd_low) {
		(void)args->decode(slot); /* nothing there yet: next time, perhaps */
		return false;
	}
	atomic_store_explicit(&slot->word, word_of(SLOT_HELD, 0), memory_order_release);
	return true;
}

static bool inherit_held(struct slot *slot, const struct slots_recover_args *args)
{
	if (atomic_load_explicit(&slot->answer, memory_order_relaxed) & ANSWER_FLAGS) {
		(void)finish_answer(slot, args);
		return false;
	}
	atomic_store_explicit(&slot->work_began, 0, memory_order_relaxed);
	atomic_store_explicit(&slot->word, word_of(SLOT_HELD, 0), memory_order_release);
	return true;
}

static void inherit(struct slots *s, const struct slots_recover_args *args,
                    struct slots_recovery *ret)
{
	for (uint32_t i = 0; i < args->n; i++) {
		struct slot *slot = &s->slot[i];

		if (slot_owner(slot) != args->owner)
			continue;
		if ((slot_state(slot) == SLOT_READING && inherit_reading(slot, args)) ||
		    (slot_state(slot) == SLOT_HELD && inherit_held(slot, args)))
			ret->n_orphaned++;
	}
}

static void recover_reading(struct slots *s, struct slot *slot,
                            const struct slots_recover_args *args)
{
	if (args->decode(slot) && slot->fd >= args->fd_low)
		slot_hold(slot);
	else
		slot_free(s, slot);
}

void slots_recover(struct slots *s, const struct slots_recover_args *args,
                   struct slots_recovery *ret)
{
	*ret = (struct slots_recovery){0};
	if (args->lingers) {
		inherit(s, args, ret);
		return;
	}

	/* READING first: afterwards every open event descriptor belongs to a HELD slot, which
	 * recover_closing() relies on. */
	for (uint32_t i = 0; i < args->n; i++)
		if (slot_owner(&s->slot[i]) == args->owner &&
		    slot_state(&s->slot[i]) == SLOT_READING)
			recover_reading(s, &s->slot[i], args);

	for (uint32_t i = 0; i < args->n; i++) {
		struct slot *slot = &s->slot[i];
		bool dead = slot_owner(slot) == args->owner;

		if (dead && slot_state(slot) == SLOT_HELD) {
			if (recover_held(s, slot, args))
				ret->n_orphaned++;
			else
				ret->n_completed++;
		}
		if (slot_state(slot) == SLOT_CLOSING && (dead || slot_owner(slot) == 0)) {
			if (args->alone) {
				recover_closing(s, slot, args);
				ret->n_completed++;
			} else {
				atomic_store(&slot->word, word_of(SLOT_CLOSING, 0));
			}
		}
	}
}

bool slot_adopt(struct slot *slot, uint32_t owner)
{
	uint32_t orphan = word_of(SLOT_HELD, 0);

	return atomic_compare_exchange_strong_explicit(&slot->word, &orphan,
	                                               word_of(SLOT_HELD, owner),
	                                               memory_order_acq_rel,
	                                               memory_order_relaxed);
}
