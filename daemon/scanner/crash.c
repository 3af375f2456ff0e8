/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crash: which file was a thread working on when it faulted?
 *
 * Owns: the note left behind for the keeper. Must not own: recovery.
 * A real fault (or our own abort) names its file exactly; a signal sent from outside names nobody.
 */
#include "daemon/scanner/scanner.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "custos/clock.h"

#define FAULT_STACK_BYTES (32 * 1024)

static _Thread_local uint32_t working_on; /* slot index + 1; 0: nothing */
static struct instance *place;            /* set before the first thread starts */

void crash_working_on(uint32_t slot_index_plus_one)
{
	working_on = slot_index_plus_one;
}

/* Async-signal-safe. The seal allows no tgkill(2), so: after a fault, SA_RESETHAND and returning let
 * the instruction fault again, fatally; a signal from outside ends the process here. abort() cannot
 * raise SIGABRT under the seal and ends in an illegal instruction, which is a fault. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code <= 0)
		_exit(128 + sig);
	if (working_on)
		atomic_store(&place->crash_slot, working_on);
}

void crash_watch(struct scanner *sc)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct sigaction sa = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND,
	};

	place = &sc->cfg.shared->place[sc->cfg.place];
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaction(signals[i], &sa, NULL); /* cannot fail for a valid signal */
}

void crash_watch_thread(void)
{
	sigset_t set;
	stack_t ss = {.ss_sp = malloc(FAULT_STACK_BYTES), .ss_size = FAULT_STACK_BYTES};

	/* Without a stack a stack overflow is not attributed: only that. */
	if (ss.ss_sp)
		(void)sigaltstack(&ss, NULL);
	/* All signals are blocked in threads; the fatal ones must reach on_fault(). */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGSEGV);
	(void)sigaddset(&set, SIGBUS);
	(void)sigaddset(&set, SIGILL);
	(void)sigaddset(&set, SIGFPE);
	(void)sigaddset(&set, SIGABRT);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static bool is_about(const struct culprit *row, const struct scanner *sc, const struct job *job)
{
	return row->dev == job->st.st_dev && row->ino == job->st.st_ino &&
	       row->generation == sc->cfg.generation &&
	       row->size_bytes == (uint64_t)job->st.st_size &&
	       row->mtime_nsec == timespec_nsec(&job->st.st_mtim) &&
	       row->ctime_nsec == timespec_nsec(&job->st.st_ctim);
}

enum reason crash_of(struct scanner *sc, struct job *job)
{
	const struct culprit *row = sc->cfg.shared->culprits;

	job->suspect = 0;
	for (unsigned i = 0; i < CULPRITS_MAX; i++) {
		if (row[i].dev != job->st.st_dev || row[i].ino != job->st.st_ino)
			continue;
		if (row[i].blocked)
			return REASON_TIMEOUT;
		if (!is_about(&row[i], sc, job))
			continue;
		if (row[i].deaths >= 2)
			return REASON_CRASH;
		job->suspect = i + 1;
		job->solo = row[i].solo;
	}
	return REASON_NONE;
}

void crash_acquit(struct scanner *sc, const struct job *job)
{
	struct culprit *row = &sc->cfg.shared->culprits[job->suspect - 1];

	/* The keeper may have given the row to another meanwhile: only after a death, which would be
	 * ours or that of a scanner of other rules. */
	if (is_about(row, sc, job))
		*row = (struct culprit){0};
}
