/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: names and owners the scanner may not look up itself
 *
 * Owns: asking. Must not own: the answers; the broker thread of the supervisor writes them.
 * The wait is bounded, and the opener is blocked meanwhile, so its pid stays its own.
 */
#include "daemon/scanner/scanner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "custos/clock.h"

#define WRITING_GRACE_NSEC (10 * NSEC_PER_MSEC)

static void ask(struct shared *sh, uint32_t index)
{
	const uint64_t one = 1;

	/* Release: pid and state are written before the broker sees the bit. */
	atomic_fetch_or_explicit(&sh->facts_wanted[index / 64], 1ULL << (index % 64),
	                         memory_order_release);
	(void)!write(FD_FACTS_KICK, &one, sizeof(one)); /* EAGAIN: it is awake */
}

/* Ask anew. An answer still under way to the turn before changes nothing about this one: the broker
 * publishes by compare-and-swap from WANTED, and the turn is checked when it is read. */
static uint32_t begin(struct facts *f, int pid)
{
	uint32_t turn = (atomic_load_explicit(&f->state, memory_order_acquire) | FACTS_STATE) + 1;

	f->pid = pid;
	/* Release: the broker that sees WANTED sees the pid. */
	atomic_store_explicit(&f->state, turn | FACTS_WANTED, memory_order_release);
	return turn | FACTS_WANTED;
}

/* Give up. Return: false if the answer is just being written: microseconds from here. */
static bool take_back(struct facts *f, uint32_t wanted)
{
	return atomic_compare_exchange_strong_explicit(&f->state, &wanted,
	                                               wanted & ~FACTS_STATE,
	                                               memory_order_relaxed,
	                                               memory_order_relaxed);
}

const struct facts *facts_ask(struct shared *sh, uint32_t index, int pid, nsec_t deadline)
{
	struct facts *f = &sh->facts[index];
	uint32_t wanted = begin(f, pid);
	bool grace = false;

	ask(sh, index);
	for (;;) {
		uint32_t key = waitpoint_prepare(&f->answered);
		uint32_t state = atomic_load_explicit(&f->state, memory_order_acquire);

		if ((state & FACTS_STATE) > FACTS_WRITING) {
			waitpoint_cancel(&f->answered);
			return state == ((wanted & ~FACTS_STATE) | FACTS_READY) ? f : NULL;
		}
		if (waitpoint_wait(&f->answered, key, deadline) != -ETIMEDOUT)
			continue;
		if (take_back(f, wanted) || grace)
			return NULL;
		/* Being written just now: microseconds, unless the supervisor is stopped. */
		grace = true;
		deadline = clock_now() + WRITING_GRACE_NSEC;
	}
}

const struct facts *facts_of_opener(struct scanner *sc, const struct slot *slot, nsec_t deadline)
{
	if (atomic_load_explicit(&sc->supervisor_gone, memory_order_relaxed))
		return NULL; /* nobody answers, and everybody would wait behind this one */
	return facts_ask(sc->cfg.shared, slot_index(sc->slots, slot), slot->pid, deadline);
}

unsigned facts_of_mount(struct scanner *sc, uint64_t dev, struct mount_row *rows, unsigned max)
{
	const struct mount_table *t = &sc->cfg.shared->mounts;
	unsigned n = 0;

	/* A write takes microseconds and happens when something is mounted; give up after a few
	 * tries rather than wait for a writer that was stopped. */
	for (unsigned tries = 0; tries < 100; tries++) {
		/* Acquire, and the fence below: a seqlock; pairs with mounts_publish(). */
		uint32_t before = atomic_load_explicit(&t->version, memory_order_acquire);

		if (before & 1)
			continue;
		n = 0;
		for (uint32_t i = 0; i < MIN(t->n, MOUNT_ROWS_MAX) && n < max; i++)
			if (t->row[i].dev == dev)
				rows[n++] = t->row[i];
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&t->version, memory_order_relaxed) == before)
			return n;
	}
	return 0;
}

/* The kernel's own idea of the name, as the opener's mount sees it. */
size_t facts_path(int fd, char *buf, size_t size)
{
	static const char deleted[] = " (deleted)";
	char name[12];
	ssize_t n;

	(void)snprintf(name, sizeof(name), "%d", fd); /* fits: an int has at most 11 characters */
	n = readlinkat(FD_SELF_FDS, name, buf, size - 1);
	if (n < 0)
		n = 0;
	buf[n] = '\0';
	if (n > (ssize_t)strlen(deleted) &&
	    strcmp(buf + n - strlen(deleted), deleted) == 0) {
		n -= (ssize_t)strlen(deleted);
		buf[n] = '\0';
	}
	return (size_t)n;
}
