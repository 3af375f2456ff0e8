/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finish: the end of a pair whose supervisor is gone
 *
 * Owns: knowing that another pair has taken over, and how ours leaves.
 * Must not own: scanners (children.c).
 *
 * The next custosd has set marks of its own before it writes into the FIFO. So an event of our group that was
 * queued later was put to its pair as well, and whatever becomes of ours does not matter. Those queued
 * earlier come first: once the queue has been seen empty they have all been read, and are answered before the
 * last process ends (docs/adr/0035).
 */
#include "daemon/keeper/keeper.h"

#include <poll.h>
#include <signal.h>

#include "custos/clock.h"

#include "daemon/scanner/unhold.h"

/* A queue that never empties: our scanner does not keep up, or there is none. */
#define BACKLOG_PATIENCE_NSEC (5 * NSEC_PER_SEC)
/* An anchor waits for the others, who have their deadlines. */
#define OTHERS_PATIENCE_NSEC  (65 * NSEC_PER_SEC)
#define ROUSE_NSEC    (500 * NSEC_PER_MSEC)
#define LOOK_MSEC     2
#define DUE_LOOK_MSEC 20
/* An open that began before the new marks were set may not have got as far as our queue. */
#define LATECOMERS_NSEC (100 * NSEC_PER_MSEC)

bool finish_is_due(void)
{
	struct pollfd pfd = {.fd = FD_HEIR, .events = POLLIN};

	/* Without a writer poll(2) speaks of a hang-up at once: it cannot be waited for. */
	return poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN);
}

bool finish_may_stop_reading(nsec_t since, nsec_t now)
{
	struct pollfd pfd = {.fd = FD_GROUP, .events = POLLIN};

	if (now - since < LATECOMERS_NSEC)
		return false;
	return poll(&pfd, 1, 0) <= 0 || now - since > BACKLOG_PATIENCE_NSEC;
}

/* Numbers of processes that may be gone: another one of that number costs patience, nothing else. */
static bool is_alive(uint32_t pid)
{
	return pid > 1 && kill((pid_t)pid, 0) == 0;
}

static bool keeper_is_alive(const struct keeper *k)
{
	return is_alive(atomic_load(&k->shared->own_pids[OWN_KEEPER]));
}

static bool others_are_done(const struct keeper *k)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (is_alive(atomic_load(&k->shared->place[i].pid)))
			return false;
	return !keeper_is_alive(k);
}

static void dismiss_scanners(struct keeper *k)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (is_alive(atomic_load(&k->shared->place[i].pid)))
			children_command(k, i, COMMAND_DRAIN);
}

/* One that is stopped goes on; to any other it means nothing. */
static void rouse(const struct keeper *k)
{
	for (unsigned i = 0; i < N_PLACES; i++) {
		const uint32_t pid = atomic_load(&k->shared->place[i].pid);

		if (pid > 1)
			(void)kill((pid_t)pid, SIGCONT);
	}
}

/* Keeper and supervisor are gone: the little that can be done without rules. */
static void stand_in(struct keeper *k, nsec_t *roused)
{
	const nsec_t now = clock_now();

	if (keeper_is_alive(k))
		return;
	/* A scanner that does not go on cannot keep deadlines either; one that does comes first. */
	watch_answer_late(k, now - AFTER_DEADLINE_NSEC);
	if (now - *roused > ROUSE_NSEC) {
		rouse(k);
		*roused = now;
	}
}

static void end_others(const struct keeper *k)
{
	const uint32_t keeper = atomic_load(&k->shared->own_pids[OWN_KEEPER]);

	for (unsigned i = 0; i < N_PLACES; i++)
		if (is_alive(atomic_load(&k->shared->place[i].pid)))
			(void)kill((pid_t)atomic_load(&k->shared->place[i].pid), SIGKILL);
	if (is_alive(keeper))
		(void)kill((pid_t)keeper, SIGKILL);
}

void finish_alone(struct keeper *k)
{
	bool dismissed = false;
	nsec_t began = clock_now(), roused = 0;

	unhold_all(k->shared, &k->cache); /* the keeper may be gone as well, or stopped */
	/* Nobody has come: the keeper ends by itself at that time. */
	while (!finish_is_due() && !others_are_done(k) &&
	       clock_now() - began < ORPHAN_PATIENCE_NSEC + NSEC_PER_SEC) {
		stand_in(k, &roused);
		(void)poll(NULL, 0, DUE_LOOK_MSEC);
	}
	began = clock_now();
	/* Once they are gone nobody reads, and who is in the queue waits for our end. */
	while (!others_are_done(k) && clock_now() - began < OTHERS_PATIENCE_NSEC) {
		if (!dismissed && !keeper_is_alive(k) && /* else it tells them */
		    finish_may_stop_reading(began, clock_now())) {
			dismiss_scanners(k);
			dismissed = true;
		}
		stand_in(k, &roused);
		(void)poll(NULL, 0, LOOK_MSEC);
	}
	/* Whoever is left holds the group, and whoever waits for it would wait for ever. Files that were read and not
	 * judged are answered as the policy says; for all others the kernel speaks (docs/adr/0035). */
	end_others(k);
	watch_answer_late(k, SLOT_NO_DEADLINE - 1);
}
