/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outpost: the stations of one file system
 *
 * Owns: its stations: starting, listening to, ending them. Must not own: when (outpost-look.c).
 *
 * A station that hangs is killed. If it waits in the kernel for its server, even that does not end it; it keeps its
 * place then, and another takes over the events, as each place has descriptor numbers of its own. The gate answers for
 * it meanwhile, and sorts out what it had when it has ended at last.
 */
#include "daemon/supervisor/outposts-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "custos/chan.h"
#include "custos/cleanup.h"
#include "custos/clock.h"

#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/drain.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/oom.h"
#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/spawn.h"

/* After failures in a row. */
#define PAUSE_NSEC      (200 * NSEC_PER_MSEC)
#define PAUSE_MOST_NSEC (30 * NSEC_PER_SEC)
#define MESSAGES_MAX 64 /* of one in a turn of the loop */

_Static_assert(sizeof(struct message) < offsetof(struct record, path), "told apart by length");

static int on_news(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_station_exit(sd_event_source *source, const siginfo_t *si, void *userdata);

static struct manager *manager_of(const struct outpost *op)
{
	return op->all->m;
}

/* --- stations ----------------------------------------------------------------------------- */

void outpost_kill_station(struct station *s, nsec_t now)
{
	if (!s->pid || s->killed)
		return;
	(void)kill(s->pid, SIGKILL);
	s->killed = true;
	s->since = now;
}

void outpost_stop_station(struct station *s, nsec_t now)
{
	if (!s->pid || s->stopping || s->killed)
		return;
	outpost_say(s->control, MSG_STOP, s->number, 0);
	s->stopping = true;
	s->since = now;
}

void outpost_fail(struct outpost *op, nsec_t now, const char *why)
{
	nsec_t pause = PAUSE_NSEC;

	for (unsigned i = 0; i < op->n_failures && pause < PAUSE_MOST_NSEC; i++)
		pause *= 2;
	op->n_failures++;
	op->next_try = now + MIN(pause, PAUSE_MOST_NSEC);
	if (strcmp(op->why, why) == 0)
		return;
	(void)snprintf(op->why, sizeof(op->why), "%s", why);
	journal_event(manager_of(op)->journal, JOURNAL_OUTPOST, LOG_ERR, "%s (%s) is not watched: %s",
	              op->mount_point, op->fs_type, why);
}

struct station *outpost_free_station(struct outpost *op)
{
	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		struct station *s = &op->station[(op->next_place + i) % OUTPOST_PLACES];

		if (s->pid == 0 && !outpost_awaits_burial(s)) {
			op->next_place = s->number + 1;
			return s;
		}
	}
	return NULL; /* they hang, or the gate has yet to bury one */
}

static int run_station(struct outpost *op, struct station *s, int theirs)
{
	struct outposts *o = op->all;
	char uid[16], gid[16], place[16], mark[2] = {op->marked ? '0' : '1', '\0'}, word[] = "outpost";
	char *argv[] = {o->program, word, uid, gid, place, mark, NULL};
	const struct spawn_fd fds[] = {
		{op->group, OUTPOST_GROUP},
		{op->wall, OUTPOST_WALL},
		{op->shared_fd, OUTPOST_SHARED},
		{theirs, OUTPOST_CONTROL},
		{coverage_host_root(o->m->coverage), OUTPOST_ROOT},
		{op->note, OUTPOST_NOTE},
	};

	(void)snprintf(uid, sizeof(uid), "%u", o->uid); /* fits */
	(void)snprintf(gid, sizeof(gid), "%u", o->gid);
	(void)snprintf(place, sizeof(place), "%u", s->number);
	return spawn(o->program, argv, fds, ARRAY_SIZE(fds), NULL);
}

/* It has hardly begun, and nobody would be told of its end. */
static void end_unwatched(struct station *s)
{
	if (!s->pid)
		return;
	(void)kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
	outpost_bury(s->op, s->number);
}

int outpost_start_station(struct outpost *op, struct station *s, nsec_t now)
{
	const struct pair *pair = manager_of(op)->pair;
	int theirs = -1, r;

	if (!pair_generation(pair))
		return -EBUSY;
	*s = (struct station){
		.op = op, .number = s->number, .burial = s->burial, .control = -1, .since = now};
	r = outpost_open_channel(op, &s->control, &s->io, on_news, s, &theirs);
	if (r >= 0)
		r = pair_order(pair, s->control, &s->generation);
	if (r >= 0)
		r = run_station(op, s, theirs);
	(void)fd_close(theirs);
	if (r > 0) {
		s->pid = r;
		outpost_say(op->gate_control, MSG_PLACED, s->number, s->pid);
		oom_prefer(s->pid);
		r = sd_event_add_child(manager_of(op)->event, &s->child, s->pid, WEXITED,
		                       on_station_exit, s);
	}
	if (r < 0) {
		s->io = sd_event_source_disable_unref(s->io);
		s->control = fd_close(s->control);
		end_unwatched(s);
	}
	return r < 0 ? r : 0;
}

static void now_watching(struct station *s)
{
	struct outpost *op = s->op;
	const nsec_t now = clock_now();

	s->watching = true;
	s->since = now;
	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		if (&op->station[i] != s)
			outpost_stop_station(&op->station[i], now);
	if (s->generation != op->generation)
		outpost_forget(op);
	op->generation = s->generation;
	op->n_failures = 0;
	if (op->why[0])
		journal_event(manager_of(op)->journal, JOURNAL_OUTPOST, LOG_NOTICE,
		              "%s (%s) is watched again", op->mount_point, op->fs_type);
	op->why[0] = '\0';
}

static void take_record(struct outpost *op, struct record *r, size_t len)
{
	memset((char *)r + len, 0, sizeof(*r) - len);
	record_sanitise(r);
	/* It is never moved: whoever does that would wait for the server. */
	if (r->action == RECORD_QUARANTINE)
		r->action = RECORD_DENY;
	drain_take(manager_of(op), r);
}

/* FUSE without allow_other lets nobody in. A network's server that lets root in no further may let others. */
static bool may_be_closed(const struct outpost *op)
{
	return !op->marked && strncmp(op->fs_type, "fuse", 4) == 0;
}

/* Return: false when it has gone. */
static bool take_one(struct station *s)
{
	static union {
		struct message msg;
		struct record record;
	} in; /* the loop's thread alone */
	int fds[CHAN_FDS_MAX];
	const ssize_t n = chan_recv(s->control, &in, sizeof(in), fds, MSG_DONTWAIT);

	for (unsigned i = 0; i < CHAN_FDS_MAX; i++)
		(void)fd_close(fds[i]); /* it sends none */
	if (n > (ssize_t)offsetof(struct record, path))
		take_record(s->op, &in.record, (size_t)n);
	if (n != sizeof(in.msg))
		return n > 0;
	in.msg.text[sizeof(in.msg.text) - 1] = '\0';
	if (in.msg.type == MSG_MARKED)
		s->op->marked = true;
	else if (in.msg.type == MSG_WATCHING && !s->killed && !s->stopping)
		now_watching(s);
	else if (in.msg.type == MSG_UNABLE && in.msg.status == -EACCES && may_be_closed(s->op))
		s->op->closed = true;
	else if (in.msg.type == MSG_UNABLE)
		outpost_fail(s->op, clock_now(), in.msg.text);
	return true;
}

static int on_news(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct station *s = userdata;
	unsigned i = 0;

	(void)source;
	(void)fd;
	while (i < MESSAGES_MAX && take_one(s))
		i++;
	if (i == 0 && revents & (EPOLLHUP | EPOLLERR))
		s->io = sd_event_source_disable_unref(s->io);
	return 0;
}

static int on_station_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct station *s = userdata;
	struct outpost *op = s->op;
	bool ours = s->killed || s->stopping ||
	                  atomic_load(&op->shared->place[s->number].drain); /* it said so */
	char why[64];

	s->child = sd_event_source_disable_unref(source);
	while (s->io && take_one(s))
		; /* its last words */
	s->io = sd_event_source_disable_unref(s->io);
	s->control = fd_close(s->control);
	ours |= op->closed;
	s->pid = 0;
	outpost_bury(op, s->number);
	if (s->generation != op->generation)
		outpost_forget(op); /* it was still at work when others were */
	(void)snprintf(why, sizeof(why), "what read its files has ended (%s %d)",
	               si->si_code == CLD_EXITED ? "status" : "signal", si->si_status);
	if (!ours && (si->si_code != CLD_EXITED || op->n_failures == 0))
		outpost_fail(op, clock_now(), why);
	if (!op->retired)
		(void)outpost_look(op, clock_now());
	return 0;
}
