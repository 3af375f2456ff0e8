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
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "custos/chan.h"
#include "custos/clock.h"

#include "daemon/scanner/unhold.h"

#define DYING_TICK_MSEC 20
#define TRIAL_TICK_MSEC 2 /* a new generation's scanner starts in a few milliseconds   \
	                   */
/* The holder looks after its leases four times a second. Longer than this: it is
 * stopped, and the kernel is going to let writers pass, at the earliest after
 * HOLDER_BREAK_SEC_MIN. */
#define HOLDER_SILENCE_NSEC (3 * NSEC_PER_SEC)

void keeper_tell(struct keeper *k, const struct message *msg)
{
	bool vital = msg->type == MSG_LOADED || msg->type == MSG_LOAD_FAILED;

	/* A supervisor that does not read loses news, not protection. But it waits for the outcome
	 * of a load: that is kept and sent when there is room. */
	if (chan_send(FD_CONTROL, msg, sizeof(*msg), NULL, 0, MSG_DONTWAIT) == -EAGAIN && vital)
		k->unsent = *msg;
}

static void resend(struct keeper *k)
{
	struct message msg = k->unsent;

	if (msg.type == 0)
		return;
	k->unsent.type = 0;
	keeper_tell(k, &msg);
}

/* The new scanner is sealed and reads from now on; the old one finishes what it has. */
static void commit(struct keeper *k, unsigned place)
{
	struct message msg = {
		.type = MSG_LOADED,
		.generation = k->pending.number,
		.pid = k->child[place].pid,
	};

	k->child[place].trial = false;
	generation_unload(&k->current);
	k->current = k->pending;
	k->pending = (struct generation){0};
	/* First the number: whoever marks a file looks at it afterwards. */
	atomic_store(&k->shared->generation, k->current.number);
	atomic_store(&k->shared->rules_id, id_word(ruleset_yara_id(k->current.rules)));
	children_drain_others(k, place, COMMAND_DRAIN);
	k->loaded = msg;
}

/* "Loaded" means that no event read from now on is judged by older rules. */
static void announce(struct keeper *k)
{
	struct message msg = k->loaded;

	if (msg.type == 0)
		return;
	for (unsigned i = 0; i < N_PLACES; i++)
		if (k->child[i].pid && k->child[i].generation != msg.generation &&
		    !atomic_load(&k->shared->place[i].quiet))
			return;
	k->loaded.type = 0;
	keeper_tell(k, &msg);
}

/* The old generation was never out of force. */
static void roll_back(struct keeper *k, const char *why)
{
	struct message msg = {.type = MSG_LOAD_FAILED, .generation = k->pending.number};

	(void)snprintf(msg.text, sizeof(msg.text), "%s", why);
	generation_unload(&k->pending);
	keeper_tell(k, &msg);
}

/* Try the pending generation: it is in force when a scanner of it has started and sealed itself. */
static void try_pending(struct keeper *k)
{
	int place = children_trial(k);

	if (place < 0 && k->pending.tried) {
		roll_back(k, "a scanner with the new rules does not start");
	} else if (place < 0) {
		k->pending.tried = true;
		place = children_start(k, &k->pending, true);
		if (place == -EBUSY)
			k->pending.tried = false; /* both places are taken: one is draining */
		else if (place < 0)
			roll_back(k, strerror(-place));
	} else if (atomic_load(&k->shared->place[place].sealed)) {
		commit(k, (unsigned)place);
	}
}

static void load(struct keeper *k, const struct message *msg, const int *fds)
{
	struct message answer = {.type = MSG_LOAD_FAILED, .generation = msg->generation};
	struct generation g;

	if (fds[0] < 0 || fds[1] < 0 || k->pending.number) {
		(void)snprintf(answer.text, sizeof(answer.text), "%s",
		               k->pending.number ? "another load is under way" :
		                                   "the message carries no images");
		keeper_tell(k, &answer);
		return;
	}
	if (generation_load(&g, msg, fds, answer.text, sizeof(answer.text)) < 0) {
		keeper_tell(k, &answer);
		return;
	}
	k->pending = g;
}

void keeper_anchor(struct keeper *k)
{
	/* A negative pid: none could be started; we go on without. */
	const struct message msg = {.type = MSG_ANCHOR_STARTED, .pid = anchor_start(k)};

	keeper_tell(k, &msg);
}

/* The anchor is gone: clone another, which the supervisor talks to by @fd. */
static void replace_anchor(struct keeper *k, int fd)
{
	if (fd >= 0 && dup3(fd, FD_ANCHOR, O_CLOEXEC) == FD_ANCHOR)
		keeper_anchor(k);
}

/* A scanner of an earlier keeper has ended. */
static void bury_inherited(struct keeper *k, const struct message *msg)
{
	if (lost_buried(k, msg->pid))
		return;
	if (children_inherited(k, msg->pid)) {
		children_ended(k, msg->pid, msg->status);
		return;
	}
	k->n_strangers -= k->n_strangers > 0;
	if (heir_recover(k))
		children_adopt(k);
}

static void follow(struct keeper *k, const struct message *msg, const int *fds)
{
	switch (msg->type) {
	case MSG_LOAD:
		load(k, msg, fds);
		break;
	case MSG_STOP:
		k->stopping = true;
		break;
	case MSG_START_ANCHOR:
		replace_anchor(k, fds[0]);
		break;
	case MSG_NAMES:
		if (fds[0] >= 0)
			(void)dup3(fds[0], FD_SELF_FDS, O_CLOEXEC);
		break;
	case MSG_GONE:
		bury_inherited(k, msg);
		break;
	default:
		break;
	}
}

/* Return: false when the supervisor is gone. */
static bool obey(struct keeper *k)
{
	struct message msg;
	int fds[CHAN_FDS_MAX];
	ssize_t n = chan_recv(FD_CONTROL, &msg, sizeof(msg), fds, MSG_DONTWAIT);

	if (n == 0 || n == -ECONNRESET)
		return false;
	if (n == sizeof(msg))
		follow(k, &msg, fds);
	for (unsigned i = 0; n > 0 && i < CHAN_FDS_MAX; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	return true;
}

/* Bring what is into line with what should be. */
static void settle(struct keeper *k, nsec_t now)
{
	if (k->stopping) {
		children_drain_others(k, N_PLACES, COMMAND_FINISH);
		if (!children_any(k))
			_exit(0);
		return;
	}
	if (k->leaving_since && finish_may_stop_reading(k->leaving_since, now))
		k->leaving = true;
	if (k->leaving) {
		children_drain_others(k, N_PLACES, COMMAND_DRAIN);
		if (!children_any(k)) {
			/* The anchor need not wait until somebody has buried us. */
			atomic_store(&k->shared->own_pids[OWN_KEEPER], 0);
			_exit(0);
		}
		return;
	}
	if (k->pending.number)
		try_pending(k);
	announce(k);
	if (k->current.number)
		watch_deadlines(k, now);
	loop_look(k, now);
	if ((lost_overrun(k) && k->current.number) || loop_stands_in(k, now))
		lost_answer_queue(k);
	if (!children_active(k) && k->current.number && now >= k->hurry &&
	    children_start(k, &k->current, false) < 0)
		loop_not_started(k, now); /* else at the next tick */
}

static void drain_signals(void)
{
	struct signalfd_siginfo info;

	while (read(FD_SIGNAL, &info, sizeof(info)) > 0)
		;
}

static void watch_holder(struct keeper *k, nsec_t now)
{
	nsec_t beat = atomic_load(&k->shared->holder_beat);

	if (beat && now > beat + HOLDER_SILENCE_NSEC)
		unhold_all(k->shared, &k->cache);
}

static int tick_msec(const struct keeper *k)
{
	if (k->pending.number || k->loaded.type || k->leaving_since)
		return TRIAL_TICK_MSEC;
	return children_end_slowly(k) || k->orphaned_at ? MIN(DYING_TICK_MSEC, watch_tick_msec(k)) :
	                                 watch_tick_msec(k);
}

void keeper_run(struct keeper *k)
{
	struct pollfd pfds[] = {
		{.fd = FD_CONTROL, .events = POLLIN},
		{.fd = FD_SIGNAL, .events = POLLIN},
		{.fd = -1, .events = POLLIN}, /* the group, while there is nobody else to read it */
	};

	atomic_store(&k->shared->loop_pause_sec, 0); /* of an earlier keeper */
	for (;;) {
		nsec_t now;

		pfds[2].fd = lost_overrun(k) || loop_stands_in(k, clock_now()) ? FD_GROUP : -1;
		(void)poll(pfds, ARRAY_SIZE(pfds), tick_msec(k)); /* EINTR: look around anyway */
		now = clock_now();
		atomic_store(&k->shared->keeper_beat, now);
		if (pfds[1].revents) {
			drain_signals();
			children_reap(k);
		}
		if (pfds[0].revents && !obey(k)) {
			pfds[0].fd = -1; /* no more news from there */
			k->orphaned_at = now;
			unhold_all(k->shared, &k->cache); /* its leases ended with it */
		}
		if (k->orphaned_at && !k->leaving_since && finish_is_due())
			k->leaving_since = now;
		if (k->orphaned_at && now - k->orphaned_at > ORPHAN_PATIENCE_NSEC)
			k->stopping = true;
		resend(k);
		watch_holder(k, now);
		watch_children(k, now);
		lost_look(k, now);
		settle(k, now);
	}
}
