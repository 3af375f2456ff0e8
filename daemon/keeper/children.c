/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children: scanners, at most one at work and one draining
 *
 * Owns: cloning, commanding, reaping them, and what becomes of their slots (I7).
 * Must not own: rules (generation.c), talk with the supervisor (keeper.c).
 * Hands off to: scanner_run() in the child; keeper_tell() for news.
 *
 * clone3(CLONE_FILES) without CLONE_VM: own memory, one descriptor table. A scanner that dies leaves
 * its files open and their numbers valid, and the next one judges them (architecture.md §2).
 */
#include "daemon/keeper/keeper.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/clock.h"

#include "daemon/scanner/scanner.h"

/* After a reload the old scanner may finish its files; then it is killed and the new one gets them. */
#define DRAIN_PATIENCE_NSEC (10 * NSEC_PER_SEC)

static int free_place(const struct keeper *k)
{
	for (int i = 0; i < N_PLACES; i++)
		if (k->child[i].pid == 0)
			return i;
	return -1;
}

struct child *children_active(struct keeper *k)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (k->child[i].pid && !k->child[i].draining && !k->child[i].trial)
			return &k->child[i];
	return NULL;
}

int children_trial(const struct keeper *k)
{
	for (int i = 0; i < N_PLACES; i++)
		if (k->child[i].pid && k->child[i].trial)
			return i;
	return -1;
}

bool children_any(const struct keeper *k)
{
	return k->child[0].pid || k->child[1].pid;
}

static void reset_eventfd(int fd)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n)); /* EAGAIN: it was zero */
}

bool children_end_slowly(const struct keeper *k)
{
	return k->child[0].dying || k->child[1].dying;
}

/* Unlike any in use: earlier keepers' scanners may still run, or have left slots. */
static uint32_t next_number(struct keeper *k)
{
	uint32_t number = atomic_load(&k->shared->last_number) % SLOT_OWNER_MAX + 1;

	atomic_store(&k->shared->last_number, number);
	return number;
}

static void prepare_place(struct keeper *k, unsigned place, uint32_t number, uint32_t generation)
{
	struct instance *in = &k->shared->place[place];

	atomic_store(&in->commands, 0);
	atomic_store(&in->crash_slot, 0);
	atomic_store(&in->solo_slot, 0);
	atomic_store(&in->sealed, 0);
	atomic_store(&in->quiet, 0);
	atomic_store(&in->pongs, 0);
	atomic_store(&in->pid, 0);
	atomic_store(&in->main_thread, 1); /* until the kernel has set it */
	atomic_store(&in->generation, generation);
	atomic_store(&in->number, number);
	reset_eventfd(FD_STOP + (int)place);
	for (unsigned i = 0; i < READERS_MAX; i++)
		reset_eventfd(FD_BACK + (int)(place * READERS_MAX + i));
}

/* The kernel clears *@main_thread when the main thread ends while others do not. */
static pid_t clone_scanner(_Atomic uint32_t *main_thread)
{
	struct clone_args args = {
		.flags = CLONE_FILES | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
		.child_tid = (uintptr_t)main_thread,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 ? -errno : (pid_t)pid;
}

/* In the child. What the keeper has mapped besides, this scanner would keep for as long as it lives: a table of 50
 * million hashes is 1.9 GB (docs/adr/0030). */
_Noreturn static void become_scanner(struct keeper *k, const struct generation *g, const struct scanner_config *cfg)
{
	if (g != &k->current)
		generation_unload(&k->current);
	if (g != &k->pending)
		generation_unload(&k->pending);
	scanner_run(cfg);
}

int children_start(struct keeper *k, const struct generation *g, bool trial)
{
	int place = free_place(k);
	struct scanner_config cfg;
	struct message msg = {.type = MSG_SCANNER_STARTED, .generation = g->number};
	uint32_t number;
	pid_t pid;

	if (place < 0)
		return -EBUSY;
	number = next_number(k);
	prepare_place(k, (unsigned)place, number, g->number);
	cfg = (struct scanner_config){
		.shared = k->shared,
		.cache = k->cache,
		.place = (unsigned)place,
		.all_woken = k->all_woken,
		.locks_memory = k->locks_memory,
		.number = number,
		.generation = g->number,
		.settings = g->settings,
		.rules = g->rules,
		.policy = g->policy,
	};
	pid = clone_scanner(&k->shared->place[place].main_thread);
	if (pid < 0)
		return pid;
	if (pid == 0)
		become_scanner(k, g, &cfg);
	k->child[place] = (struct child){
		.pid = pid,
		.number = number,
		.generation = g->number,
		.started = clock_now(),
		.trial = trial,
	};
	loop_started(k, &k->child[place]);
	msg.pid = pid;
	keeper_tell(k, &msg);
	return place;
}

void children_command(struct keeper *k, unsigned place, uint32_t command)
{
	const uint64_t one = 1;

	atomic_fetch_or(&k->shared->place[place].commands, command);
	(void)!write(FD_COMMAND + (int)place, &one, sizeof(one)); /* cannot fill up: it is read */
}

void children_drain_others(struct keeper *k, unsigned keep_place, uint32_t command)
{
	for (unsigned i = 0; i < N_PLACES; i++) {
		if (i == keep_place || !k->child[i].pid || k->child[i].draining)
			continue;
		k->child[i].draining = true;
		k->child[i].drain_by = clock_now() + DRAIN_PATIENCE_NSEC;
		children_command(k, i, command);
	}
}

struct slots_recover_args children_recover_args(uint32_t number)
{
	return (struct slots_recover_args){
		.n = N_SLOTS,
		.owner = number,
		.group = FD_GROUP,
		.fd_low = FD_LOW,
		.decode = scanner_decode,
	};
}

void children_adopt(struct keeper *k)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (k->child[i].pid)
			children_command(k, i, COMMAND_ADOPT);
}

static void buried(struct keeper *k, unsigned place, int status)
{
	struct child c = k->child[place];
	struct slots_recovery found;
	struct message msg = {
		.type = MSG_SCANNER_DIED,
		.generation = c.generation,
		.pid = c.pid,
		.status = status,
		.hung = c.hung,
	};
	struct slots_recover_args args = children_recover_args(c.number);

	if (status != 0)
		suspects_of_death(k, place, &c, &msg);
	k->child[place] = (struct child){0};
	args.alone = !children_any(k) && !lost_any(k);
	if (args.alone)
		waitpoint_reset(&shared_slots(k->shared)->freed);
	slots_recover(shared_slots(k->shared), &args, &found);
	msg.n_orphaned = found.n_orphaned;
	/* Also after an orderly end: a request may have arrived at the last moment. */
	if (found.n_orphaned)
		children_adopt(k);
	if (status == 0 && c.draining)
		return; /* as ordered */
	loop_died(k, &c, msg.culprit, clock_now());
	keeper_tell(k, &msg);
}

bool children_inherited(const struct keeper *k, pid_t pid)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (k->child[i].pid == pid && k->child[i].inherited)
			return true;
	return false;
}

void children_ended(struct keeper *k, pid_t pid, int status)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (k->child[i].pid == pid && k->child[i].inherited)
			buried(k, i, status);
}

void children_reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; !lost_buried(k, pid) && i < N_PLACES; i++)
			if (k->child[i].pid == pid)
				buried(k, i, status);
}
