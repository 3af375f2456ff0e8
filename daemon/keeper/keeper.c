/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeper loop
 *
 * Owns: the generation in force, and the rule that a scanner of it is always running.
 * Must not own: file contents; it never reads an event while a scanner lives.
 * Hands off to: children.c.
 *
 * Crash recovery and reload are one mechanism: clone a scanner of the current generation; the old
 * one, if any, drains. One thread, one poll(2).
 */
#include "daemon/keeper/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "custos/chan.h"
#include "custos/clock.h"

#define TICK_MSEC 250 /* how often hanging is looked for */
/* The supervisor is gone: go on answering this long, so that a new one can take over; then finish. */
#define ORPHAN_PATIENCE_NSEC (30 * NSEC_PER_SEC)

void keeper_tell(const struct message *msg)
{
	/* A supervisor that does not read loses news, not protection. */
	(void)chan_send(FD_CONTROL, msg, sizeof(*msg), NULL, 0, MSG_DONTWAIT);
}

/* Swap generations: the new scanner reads from now on, the old one finishes what it has. */
static void activate(struct keeper *k)
{
	struct generation old = k->current;
	struct message msg = {.type = MSG_LOADED, .generation = k->pending.number};
	int place;

	k->current = k->pending;
	k->pending = (struct generation){0};
	place = children_start(k);
	if (place < 0) {
		msg.type = MSG_LOAD_FAILED;
		(void)snprintf(msg.text, sizeof(msg.text), "cannot start a scanner: %s",
		               strerror(-place));
		generation_unload(&k->current);
		k->current = old;
		keeper_tell(&msg);
		return;
	}
	msg.pid = k->child[place].pid;
	children_drain_others(k, (unsigned)place, COMMAND_DRAIN);
	generation_unload(&old);
	keeper_tell(&msg);
}

static void load(struct keeper *k, const struct message *msg, const int *fds)
{
	struct message answer = {.type = MSG_LOAD_FAILED, .generation = msg->generation};
	struct generation g;

	if (fds[0] < 0 || fds[1] < 0 || k->pending.number) {
		(void)snprintf(answer.text, sizeof(answer.text), "%s",
		               k->pending.number ? "another load is under way" :
		                                   "the message carries no images");
		keeper_tell(&answer);
		return;
	}
	if (generation_load(&g, msg, fds, answer.text, sizeof(answer.text)) < 0) {
		keeper_tell(&answer);
		return;
	}
	k->pending = g;
}

/* Return: false when the supervisor is gone. */
static bool obey(struct keeper *k)
{
	struct message msg;
	int fds[CHAN_FDS_MAX];
	ssize_t n = chan_recv(FD_CONTROL, &msg, sizeof(msg), fds, MSG_DONTWAIT);

	if (n == 0 || n == -ECONNRESET)
		return false;
	if (n == sizeof(msg) && msg.type == MSG_LOAD)
		load(k, &msg, fds);
	else if (n == sizeof(msg) && msg.type == MSG_STOP)
		k->stopping = true;
	for (unsigned i = 0; n > 0 && i < CHAN_FDS_MAX; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	return true;
}

/* Bring what is into line with what should be. */
static void settle(struct keeper *k, nsec_t now)
{
	struct child *active = children_active(k);

	if (k->stopping) {
		children_drain_others(k, N_PLACES, COMMAND_FINISH);
		if (!children_any(k))
			_exit(0);
		return;
	}
	if (k->pending.number && !(k->child[0].pid && k->child[1].pid)) {
		activate(k);
		return;
	}
	if (!active && k->current.number && now >= k->hurry)
		(void)children_start(k); /* tried again at the next tick */
}

static void drain_signals(void)
{
	struct signalfd_siginfo info;

	while (read(FD_SIGNAL, &info, sizeof(info)) > 0)
		;
}

void keeper_run(struct keeper *k)
{
	struct pollfd pfds[] = {
		{.fd = FD_CONTROL, .events = POLLIN},
		{.fd = FD_SIGNAL, .events = POLLIN},
	};
	nsec_t orphaned_at = 0;

	for (;;) {
		nsec_t now;

		(void)poll(pfds, ARRAY_SIZE(pfds), TICK_MSEC); /* EINTR: look around anyway */
		now = clock_now();
		if (pfds[1].revents) {
			drain_signals();
			children_reap(k);
		}
		if (pfds[0].revents && !obey(k)) {
			pfds[0].fd = -1; /* no more news from there */
			orphaned_at = now;
		}
		if (orphaned_at && now - orphaned_at > ORPHAN_PATIENCE_NSEC)
			k->stopping = true;
		children_check(k, now);
		settle(k, now);
	}
}
