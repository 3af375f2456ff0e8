/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outpost: its gate, and the sockets of its processes
 *
 * Owns: the gate of one file system: starting and listening to it. Must not own: stations (outpost-life.c).
 */
#include "daemon/supervisor/outposts-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "custos/chan.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/fan.h"
#include "custos/record.h"

#include "daemon/shared.h"
#include "daemon/supervisor/drain.h"
#include "daemon/supervisor/spawn.h"

#define MESSAGES_MAX 64 /* in a turn of the loop */
/* What it does at once, undone for so long. */
#define GATE_PATIENCE_NSEC (1 * NSEC_PER_SEC)
#define GATE_START_NSEC    (5 * NSEC_PER_SEC) /* on a busy machine */
#define RETIRED_NSEC       (5 * NSEC_PER_SEC)

static int on_gate_exit(sd_event_source *source, const siginfo_t *si, void *userdata);

static struct manager *manager_of(const struct outpost *op)
{
	return op->all->m;
}

void outpost_say(int fd, uint32_t type, unsigned place, pid_t pid)
{
	const struct message msg = {.type = type, .pid = pid, .status = (int32_t)place};

	if (fd >= 0)
		(void)chan_send(fd, &msg, sizeof(msg), NULL, 0, MSG_DONTWAIT);
}

/* Our end, watched; theirs is *ret. */
int outpost_open_channel(struct outpost *op, int *ours, sd_event_source **io,
                         sd_event_io_handler_t fn, void *userdata, int *ret)
{
	int pair[2], r = chan_pair(pair);

	if (r < 0)
		return r;
	*ours = pair[0];
	*ret = pair[1];
	return sd_event_add_io(manager_of(op)->event, io, pair[0], EPOLLIN, fn, userdata);
}

/* An open of a file that was found malicious. Which one, nobody was told: its file was not opened. */
static void report_refusal(struct outpost *op, pid_t pid)
{
	static struct record r; /* 5 KiB; the loop's thread alone */

	memset(&r, 0, offsetof(struct record, path));
	r.wall_usec = clock_wall_usec();
	r.dev = op->dev;
	r.pid = (uint32_t)pid;
	r.event = POLICY_OPEN;
	r.action = RECORD_DENY;
	r.verdict = VERDICT_MALICIOUS;
	r.flags = RECORD_LOGGED | RECORD_CACHED;
	r.policy_index = RECORD_POLICY_NONE;
	r.generation = (uint32_t)manager_of(op)->generation;
	r.weight = 1;
	r.path_len = (uint32_t)snprintf(r.path, sizeof(r.path), "%s", op->mount_point);
	drain_take(manager_of(op), &r);
}

static int on_gate_news(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct outpost *op = userdata;
	struct message msg;
	int fds[CHAN_FDS_MAX];
	ssize_t n = 1;

	(void)source;
	(void)revents;
	for (unsigned i = 0; i < MESSAGES_MAX && n > 0; i++) {
		n = chan_recv(fd, &msg, sizeof(msg), fds, MSG_DONTWAIT);
		if (n == sizeof(msg) && msg.type == MSG_REFUSED)
			report_refusal(op, msg.pid);
	}
	if (n == 0 || n == -ECONNRESET)
		op->gate_io = sd_event_source_disable_unref(op->gate_io);
	return 0;
}

bool outpost_awaits_burial(const struct station *s)
{
	return s->pid == 0 && atomic_load(&s->op->shared->place[s->number].buried) != s->burial;
}

static void say_buried(struct outpost *op, unsigned place)
{
	outpost_say(op->gate_control, MSG_BURIED, place, (pid_t)op->station[place].burial);
}

void outpost_bury(struct outpost *op, unsigned place)
{
	struct outpost_place *p = &op->shared->place[place];

	for (unsigned i = 0; i < OUTPOST_THREADS; i++) {
		atomic_store(&p->busy[i], 0);
		atomic_store(&p->reading[i], 0);
	}
	atomic_store(&p->drain, 0);
	op->station[place].burial++;
	say_buried(op, place);
}

int outpost_start_gate(struct outpost *op)
{
	struct outposts *o = op->all;
	char uid[16], gid[16], word[] = "gate";
	char *argv[] = {o->program, word, uid, gid, NULL};
	int theirs = -1, r;

	op->gate_control = fd_close(op->gate_control);
	op->gate_io = sd_event_source_disable_unref(op->gate_io);
	r = outpost_open_channel(op, &op->gate_control, &op->gate_io, on_gate_news, op, &theirs);
	if (r >= 0) {
		const struct spawn_fd fds[] = {
			{op->group, OUTPOST_GROUP},
			{op->wall, OUTPOST_WALL},
			{op->shared_fd, OUTPOST_SHARED},
			{theirs, OUTPOST_CONTROL},
		};

		(void)snprintf(uid, sizeof(uid), "%u", o->uid); /* fits */
		(void)snprintf(gid, sizeof(gid), "%u", o->gid);
		r = spawn(o->program, argv, fds, ARRAY_SIZE(fds), NULL);
	}
	(void)fd_close(theirs);
	if (r < 0)
		return r;
	op->gate = r;
	op->gate_since = clock_now();
	r = sd_event_add_child(o->m->event, &op->gate_child, op->gate, WEXITED, on_gate_exit, op);
	/* It knows nothing of what the one before was told. */
	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		if (outpost_awaits_burial(&op->station[i]))
			say_buried(op, i);
		else if (op->station[i].pid)
			outpost_say(op->gate_control, MSG_PLACED, i, op->station[i].pid);
	return r < 0 ? r : 0;
}

/* Does anybody wait for what it does at once? */
static bool gate_is_wanted(const struct outpost *op, nsec_t now)
{
	const struct slots *slots = outpost_slots(op->shared);

	if (fan_queued(op->wall) > 0)
		return true;
	for (unsigned i = 0; now - op->gate_since > GATE_START_NSEC && i < OUTPOST_PLACES; i++)
		if (outpost_awaits_burial(&op->station[i]))
			return true;
	for (unsigned i = 0; op->blocking && i < OUTPOST_SLOTS; i++)
		if (slot_is_late(&slots->slot[i], now - GATE_PATIENCE_NSEC))
			return true;
	return false;
}

void outpost_watch_gate(struct outpost *op, nsec_t now)
{
	const uint64_t work = atomic_load(&op->shared->n[OUTPOST_REFUSED]);

	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		if (outpost_awaits_burial(&op->station[i]))
			say_buried(op, i); /* its socket may have been full */
	if (op->gate_dismissed ? now - op->gate_since < RETIRED_NSEC : !gate_is_wanted(op, now)) {
		op->gate_idle = 0;
	} else if (!op->gate_idle || work != op->gate_work) {
		op->gate_idle = now;
		op->gate_work = work;
	} else if (op->gate && now - op->gate_idle > GATE_PATIENCE_NSEC) {
		(void)kill(op->gate, SIGKILL); /* it keeps nothing: another goes on */
	}
}

static int on_gate_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct outpost *op = userdata;

	(void)si;
	op->gate_child = sd_event_source_disable_unref(source);
	op->gate = 0;
	if (!op->retired)
		(void)outpost_look(op, clock_now()); /* another one */
	return 0;
}
