/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: the ledger of files in flight, in memory that outlives the process working on them
 *
 * One slot per event (or request) from before read(2) until after close(2). A process may be killed
 * between any two instructions; slots_recover() then knows from the slot alone what is still to do:
 *
 *   FREE ──take──> READING ──hold──> HELD ──closing──> CLOSING ──> FREE
 *
 *   READING  read(2) may have put an event into `raw` (the kernel writes straight into the slot, so
 *            there is no moment at which an event has been read and nobody knows of it)
 *   HELD     `fd` is open and this slot owns it; `answer` says whether the kernel has been told
 *   CLOSING  the answer is out; `fd` may or may not be closed yet
 *
 * The answer (I2) is a second word: NONE -> CLAIMED -> SENT. One thread wins the claim; the owner
 * closes only after SENT, because the kernel matches answers by descriptor number alone and a number
 * that is closed can be given to the next event at once (fanotify.md §4).
 *
 * Who writes: `word`, `answer`, `deadline` any thread of the owning process through the functions
 * below; plain fields only the thread that took the slot, before slot_hold(), or the one the slot was
 * handed to. The recovering process (keeper) writes only slots whose owner is dead.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "custos/types.h"
#include "custos/waitpoint.h"

enum slot_state { SLOT_FREE = 0, SLOT_READING, SLOT_HELD, SLOT_CLOSING };

enum slot_kind {
	SLOT_PERMISSION = 1, /* somebody waits for an answer */
	SLOT_NOTICE,         /* nobody waits (close after write) */
	SLOT_REQUEST,        /* a descriptor that was sent to us to be looked at */
};

enum slot_answer { ANSWER_NONE = 0, ANSWER_CLAIMED = 1, ANSWER_SENT = 2, ANSWER_DENY = 4,
		   ANSWER_LATE = 8 /* claimed by slot_answer_late(), perhaps in another process */ };
#define ANSWER_FLAGS 15U /* the rest of the word counts uses of the slot */

/* Owner: number of the process instance at work on the slot; 0: nobody (free, or an orphan). */
#define SLOT_OWNER_SHIFT 3
#define SLOT_OWNER_MAX   (UINT32_MAX >> SLOT_OWNER_SHIFT)

#define SLOT_RAW_BYTES 48 /* an event without info records is 24; a control message with one fd, 24 */

struct slot {
	_Atomic uint32_t word;     /* owner << SLOT_OWNER_SHIFT | state: they change together */
	_Atomic uint32_t answer;   /* use count | enum slot_answer: a late claim on an earlier use of
	                            * the slot must fail */
	uint32_t kind;
	int32_t fd;                /* owned from HELD until closed */
	int32_t pid;               /* of the opener; 0 unknown */
	uint64_t mask;             /* of the event */
	nsec_t read_at;
	usec_t wall_usec;
	_Atomic uint64_t deadline; /* CLOCK_MONOTONIC; ~0: none */
	_Atomic uint64_t work_began; /* CLOCK_MONOTONIC while contents are being looked at, else 0;
	                              * its lowest bit: SLOT_WORK_RULES */
	_Atomic uint32_t late_deny;  /* what to answer when the deadline passes */
	uint32_t request;          /* SLOT_REQUEST: its number */
	uint32_t audited;          /* its record is out; do not send a second one after a crash */
	_Alignas(8) unsigned char raw[SLOT_RAW_BYTES]; /* written by read(2) or recvmsg(2) itself */
} _cacheline_;

#define SLOT_NO_DEADLINE UINT64_MAX
#define SLOT_WORK_RULES  UINT64_C(1) /* all bytes are in memory; from now on nothing but the CPU is needed */

struct slots {
	struct waitpoint freed;  /* readers that found no free slot */
	uint32_t n;
	struct slot slot[];
};

size_t slots_bytes(uint32_t n);
void slots_init(struct slots *s, uint32_t n);

/**
 * slots_take() - take a free slot (FREE -> READING)
 * @hint: where to start looking; each thread keeps its own
 *
 * Lock-free; no system call. Return: the slot, or NULL when none is free.
 */
struct slot *slots_take(struct slots *s, uint32_t owner, uint32_t *hint);

/* Give a slot back that never held anything (READING -> FREE). */
void slot_untake(struct slots *s, struct slot *slot);

/* Fields are filled in; the slot now owns slot->fd (READING -> HELD). */
void slot_hold(struct slot *slot);

/**
 * slot_answer() - tell the kernel, once
 * @group: fanotify group
 *
 * Context: any thread; one compare-and-swap and one write(2). No allocation, no lock (I4).
 * Return: 0 if this call answered, -EALREADY if another did (its write is finished when this
 * returns), -ENOENT if the opener is gone, or another negative errno of write(2).
 */
int slot_answer(struct slot *slot, int group, bool deny);

/* Would slot_answer_late() answer it? A moment later that may have changed. */
bool slot_is_late(const struct slot *slot, nsec_t now);

/**
 * slot_answer_late() - answer an event whose deadline has passed with its late_deny
 * @may_deny: false: the answer is yes whatever late_deny says
 *
 * Safe on a slot that its owner answers, releases or takes again at the same moment: then nothing
 * is written. Context: any thread. Return: 0 if this call answered, -EAGAIN if it is not due (or not
 * waiting), -EALREADY if another thread answered, -ENOENT if the opener is gone.
 */
int slot_answer_late(struct slot *slot, int group, nsec_t now, bool may_deny);

/**
 * slot_finish() - give the answer that a process which has ended had claimed, and perhaps written
 *
 * The descriptor's number must not belong to another event yet. Return: there was such a claim.
 */
bool slot_finish(struct slot *slot, int group);

/* The same for all of @n slots that slot_answer_late() had claimed in such a process: their owners wait for it. */
void slots_finish_late(struct slots *s, uint32_t n, int group);

/* Has this use of the slot been answered (or claimed)? */
static inline bool slot_answered(const struct slot *slot)
{
	return atomic_load_explicit(&slot->answer, memory_order_acquire) &
	       (ANSWER_CLAIMED | ANSWER_SENT);
}

/* What was answered; only meaningful once slot_answered(). */
static inline bool slot_answered_deny(const struct slot *slot)
{
	return atomic_load_explicit(&slot->answer, memory_order_acquire) & ANSWER_DENY;
}

/* Close the descriptor and free the slot. Only the owning thread, only after slot_answer() for
 * SLOT_PERMISSION (asserted: I2). */
void slot_release(struct slots *s, struct slot *slot);

static inline enum slot_state slot_state(const struct slot *slot)
{
	/* Acquire: whoever sees HELD may read the plain fields. */
	return (enum slot_state)(atomic_load_explicit(&slot->word, memory_order_acquire) &
	                         ((1U << SLOT_OWNER_SHIFT) - 1));
}

static inline uint32_t slot_owner(const struct slot *slot)
{
	return atomic_load_explicit(&slot->word, memory_order_acquire) >> SLOT_OWNER_SHIFT;
}

static inline uint32_t slot_index(const struct slots *s, const struct slot *slot)
{
	return (uint32_t)(slot - s->slot);
}

/* Oldest unanswered permission event among @n slots (the caller's own number: those who work on the
 * slots may have changed s->n): its age in nanoseconds, 0 when there is none. */
nsec_t slots_oldest_pending(const struct slots *s, uint32_t n, nsec_t now);

/* Is none free? @n as for slots_oldest_pending(). */
bool slots_all_taken(const struct slots *s, uint32_t n);

/* Does instance @owner still hold anything? */
bool slots_any_owned(const struct slots *s, uint32_t owner);

/* How to read `raw` after a crash; fills in kind, fd, pid, mask. Return: false if raw holds nothing. */
typedef bool (*slot_decode_fn)(struct slot *slot);

struct slots_recovery {
	unsigned n_orphaned;  /* to be judged again by the next instance */
	unsigned n_completed; /* were only waiting to be closed */
};

struct slots_recover_args {
	uint32_t n;            /* of slots, as given to slots_init(): s->n is not trusted */
	uint32_t owner;        /* the dead instance; it has been reaped, or lingers */
	int group;             /* fanotify group: half-sent answers are sent (again: ENOENT then) */
	int fd_low;            /* descriptors below this number are no events: never closed */
	bool alone;            /* no other instance shares the descriptor table just now */
	bool lingers;          /* it was killed but has not been reaped: calls may be under way in
	                        * the kernel. To be called again, at the end without this */
	slot_decode_fn decode; /* for slots in READING */
};

/**
 * slots_recover() - sort out what a dead instance left behind
 *
 * Orphans keep HELD with owner 0. A slot in CLOSING whose descriptor may or may not be closed is
 * left for a later call unless @args->alone: another instance could be given the same number between
 * our look and our close.
 *
 * One that lingers keeps what a call under way may still be about: what it has begun to answer or to
 * close stays open, and an event is taken over only at the second call that finds it. What it had
 * not begun to answer it never will: it runs no instruction of its own any more.
 *
 * Context: only the process that shares the dead one's descriptor table (I1). Bounded: two passes.
 */
void slots_recover(struct slots *s, const struct slots_recover_args *args,
                   struct slots_recovery *ret);

/**
 * slots_forget() - free the slots of an instance that has ended, and its descriptors with it
 * @n: of slots, as given to slots_init()
 *
 * For one that shared its descriptor table with nobody: its files are gone, so nobody can judge them again. Whoever
 * waits must have been answered by number before. Context: any process but those that use slots of @owner.
 */
void slots_forget(struct slots *s, uint32_t n, uint32_t owner);

/* Take over one orphan (owner 0 -> @owner). Return: false if another thread was faster. */
bool slot_adopt(struct slot *slot, uint32_t owner);
