/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outpost: the processes of one file system
 *
 * Owns: its groups, its gate and its stations: starting, listening to, ending them.
 * Must not own: which file systems there are (outposts.c).
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

#include "custos/chan.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/fan.h"
#include "custos/shm.h"

#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/drain.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/oom.h"
#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/spawn.h"

/* Until a station has loaded its rules and marked its file system. */
#define START_NSEC (10 * NSEC_PER_SEC)
/* An asynchronous scan ends by itself after UNTIMED_SCAN_NSEC, unless its server is silent. */
#define ASYNC_NSEC (UNTIMED_SCAN_NSEC + 10 * NSEC_PER_SEC)
/* Beyond its deadline: then it waits in the kernel, or in a rule that does not end. */
#define LATE_NSEC   (500 * NSEC_PER_MSEC)
#define STOP_NSEC   (1 * NSEC_PER_SEC)
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

static void kill_station(struct station *s, nsec_t now)
{
	if (!s->pid || s->killed)
		return;
	(void)kill(s->pid, SIGKILL);
	s->killed = true;
	s->since = now;
}

static void stop_station(struct station *s, nsec_t now)
{
	if (!s->pid || s->stopping || s->killed)
		return;
	outpost_say(s->control, MSG_STOP, s->number, 0);
	s->stopping = true;
	s->since = now;
}

static void fail(struct outpost *op, nsec_t now, const char *why)
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

static struct station *free_station(struct outpost *op)
{
	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		struct station *s = &op->station[(op->next_place + i) % OUTPOST_PLACES];

		if (s->pid == 0) {
			op->next_place = s->number + 1;
			return s;
		}
	}
	return NULL;
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

static int start_station(struct outpost *op, nsec_t now)
{
	struct station *s = free_station(op);
	const struct pair *pair = manager_of(op)->pair;
	int theirs = -1, r;

	if (!s || !pair_generation(pair))
		return -EBUSY;
	*s = (struct station){.op = op, .number = s->number, .control = -1, .since = now};
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
	if (r < 0 && s->pid) {
		kill_station(s, now);
	} else if (r < 0) {
		s->io = sd_event_source_disable_unref(s->io);
		s->control = fd_close(s->control);
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
			stop_station(&op->station[i], now);
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
	else if (in.msg.type == MSG_UNABLE && in.msg.status == -EACCES && !s->op->marked)
		s->op->closed = true;
	else if (in.msg.type == MSG_UNABLE)
		fail(s->op, clock_now(), in.msg.text);
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
		fail(op, clock_now(), why);
	if (!op->retired)
		(void)outpost_look(op, clock_now());
	return 0;
}

/* --- looking after it --------------------------------------------------------------------- */

/* Longer than any of its scans takes, unless the kernel does not come back. */
static nsec_t scan_patience(const struct outpost *op)
{
	return op->blocking ? op->all->longest_timeout + LATE_NSEC : ASYNC_NSEC;
}

/* It should have ended by itself (outpost.c): it is stopped, or worse. */
static bool reads_too_long(const struct station *s, nsec_t now)
{
	const struct outpost *op = s->op;

	for (unsigned i = 0; op->blocking && i < OUTPOST_THREADS; i++) {
		const nsec_t since = atomic_load(&op->shared->place[s->number].reading[i]);

		if (since && now > since + outpost_timeout(op->shared) + LATE_NSEC)
			return true;
	}
	return false;
}

/* All its threads are, so nobody reads. What fewer of them wait for may come. */
static bool hangs(const struct station *s, nsec_t now)
{
	const struct outpost *op = s->op;

	if (reads_too_long(s, now))
		return true;
	for (unsigned i = 0; i < (op->blocking ? OUTPOST_THREADS : 1); i++) {
		const nsec_t since = atomic_load(&op->shared->place[s->number].busy[i]);

		if (!since || now < since + scan_patience(op))
			return false;
	}
	return true;
}

static void look_at(struct station *s, nsec_t now)
{
	struct outpost *op = s->op;
	const nsec_t age = now - s->since;

	if (!s->pid || s->killed)
		return;
	if (atomic_load(&op->shared->place[s->number].drain))
		stop_station(s, now); /* another one is to start */
	if ((s->stopping && age > STOP_NSEC + (op->blocking ? op->all->longest_timeout : 0)) ||
	    (s->watching && hangs(s, now))) {
		kill_station(s, now);
	} else if (!s->stopping && !s->watching && age > START_NSEC) {
		kill_station(s, now);
		fail(op, now, "its server does not answer");
	}
}

/* Is a new one needed, and possible? */
static bool wants_station(const struct outpost *op, nsec_t now)
{
	bool current = false;
	unsigned lost = 0;

	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		const struct station *s = &op->station[i];

		if (!s->pid)
			continue;
		if (s->killed && !outpost_is_lost(s, now))
			return false; /* most likely it ends in a moment */
		lost += s->killed;
		if (s->killed || s->stopping)
			continue;
		if (!s->watching)
			return false; /* one is on its way */
		current |= s->generation == pair_generation(manager_of(op)->pair);
	}
	return !current && !op->closed && lost < OUTPOST_LOST_MAX && now >= op->next_try;
}

static bool anything_runs(const struct outpost *op)
{
	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		if (op->station[i].pid)
			return true;
	return op->gate != 0;
}

bool outpost_look(struct outpost *op, nsec_t now)
{
	struct manager *m = manager_of(op);

	atomic_store(&op->shared->mode, m->mode);
	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		look_at(&op->station[i], now);
	outpost_watch_gate(op, now);
	if (op->retired)
		return anything_runs(op);
	if (!op->gate && now >= op->gate_since + PAUSE_NSEC && outpost_start_gate(op) < 0)
		op->gate_since = now; /* tried again */
	if (op->gate && wants_station(op, now) && start_station(op, now) < 0)
		fail(op, now, "no process can be started for it");
	return true;
}

void outpost_retire(struct outpost *op)
{
	const nsec_t now = clock_now();

	op->retired = true;
	op->gate_since = now;
	(void)fan_flush(op->group); /* what is left goes with the group */
	(void)fan_flush(op->wall);
	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		if (op->station[i].watching)
			stop_station(&op->station[i], now);
		else
			kill_station(&op->station[i], now);
	}
	outpost_say(op->gate_control, MSG_STOP, 0, 0);
}
