/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchor: keeps the descriptor table when keeper and scanner die at the same moment
 *
 * Owns: cloning a keeper when the supervisor says that there is none.
 * Must not own: rules, events, scanners; it reads no byte that anybody outside has
 * written. Hands off to: heir_inherit() and keeper_run() in the child.
 *
 * Events that were read can be judged only by who has their descriptors, and those live
 * as long as one process has the table. Keeper and anchor can each clone the other
 * (docs/adr/0034). Both are children of the supervisor (CLONE_PARENT), which alone
 * learns that one of them has died.
 */
#include "daemon/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/chan.h"

/* A sibling with the same descriptor table and a memory of its own. The exit signal is
 * ours. */
static pid_t clone_sibling(void)
{
	struct clone_args args = {.flags = CLONE_FILES | CLONE_PARENT};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 ? -errno : (pid_t)pid;
}

static void start_keeper(struct keeper *k, const struct message *order, int control)
{
	struct message msg = {.type = MSG_KEEPER_STARTED};

	if (dup3(control, FD_CONTROL, O_CLOEXEC) < 0)
		return; /* the supervisor loses patience with us */
	msg.pid = clone_sibling();
	if (msg.pid == 0) {
		/* @control stays the anchor's to close: there is one table, and its number may be an
		 * event's a moment later. */
		(void)prctl(PR_SET_NAME, "custos-keeper");
		keeper_lock_memory(k);
		heir_inherit(k, order);
		keeper_run(k);
	}
	(void)chan_send(FD_ANCHOR, &msg, sizeof(msg), NULL, 0, MSG_DONTWAIT);
}

/* Return: false when the supervisor is gone. */
static bool obey(struct keeper *k)
{
	struct message msg;
	int fds[CHAN_FDS_MAX];
	ssize_t n = chan_recv(FD_ANCHOR, &msg, sizeof(msg), fds, 0);

	if (n == 0 || n == -ECONNRESET)
		return false;
	if (n == sizeof(msg) && msg.type == MSG_START_KEEPER && fds[0] >= 0)
		start_keeper(k, &msg, fds[0]);
	for (unsigned i = 0; n > 0 && i < CHAN_FDS_MAX; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	return true;
}

static _Noreturn void anchor_run(struct keeper *k)
{
	(void)prctl(PR_SET_NAME, "custos-anchor");
	/* Of what the keeper had in its memory an heir needs nothing; its rules would
	 * only cost room. */
	generation_unload(&k->current);
	generation_unload(&k->pending);
	keeper_lock_memory(k);
	*k = (struct keeper){
		.shared = k->shared, .cache = k->cache, .all_woken = k->all_woken,
		.locks_memory = k->locks_memory};
	while (obey(k))
		;
	/* Not known to the supervisor (the keeper died before it could say so), or not needed any more. */
	if (atomic_load(&k->shared->own_pids[OWN_ANCHOR]) != (uint32_t)getpid())
		_exit(0);
	/* The supervisor is gone. Keeper and scanner go on for a while, then end; so do we, after them. */
	finish_alone(k);
	_exit(0);
}

pid_t anchor_start(struct keeper *k)
{
	pid_t pid = clone_sibling();

	if (pid == 0)
		anchor_run(k);
	return pid;
}
