/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate: answers that need no look at a file, and no server
 *
 * Owns: the refusal of files that were found malicious, and the deadlines of a blocking file system.
 * Must not own: verdicts, or what an outpost is doing.
 *
 * It may have no further descriptor (RLIMIT_NOFILE). An event it reads needs one for its file, so the kernel does not
 * open the file - which is what asks the server - but refuses the opener and gives us an event without one
 * (fanotify.md section 0, 2). That is all the wall needs. It keeps nothing: another gate goes on in its place.
 *
 * An open of a blocking file system that an outpost has read is answered here at its deadline, by number, as its policy
 * line says. One that none has read for so long can only be refused: without its file there is no number to say yes to.
 */
#include "daemon/outpost/outpost.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "custos/chan.h"
#include "custos/clock.h"
#include "custos/shm.h"

#define GATE_EPOLL OUTPOST_ROOT
/* How often a blocking one looks at deadlines; the shortest time-out is 50 ms. */
#define TICK_MSEC 10
#define SLOW_TICK_MSEC 200
#define REFUSALS_MAX 256 /* in a turn: orders are heard all the while */
#define SAMPLES   32 /* a deadline is kept to one part in so many of a time-out */
/* Told to stop: opens that were on their way when the marks went. */
#define LAST_NSEC (100 * NSEC_PER_MSEC)

/* How many events there had been at a time: those that were taken by then, and those that waited. */
struct sample {
	nsec_t at;
	uint64_t n_events;
};

struct gate {
	struct outpost_shared *shared;
	pid_t pid[OUTPOST_PLACES]; /* as the supervisor told us; 0: nobody */
	bool blocking;
	uint64_t n_refused;    /* events of the group that we took */
	struct sample sample[SAMPLES];
	unsigned next_sample;
	nsec_t orphaned;       /* the supervisor is gone since; 0: it is not */
	nsec_t stopping;       /* since; 0: not */
	bool stopped_by_order; /* and its marks are gone */
};

/* --- the wall ----------------------------------------------------------------------------- */

static void tell_refused(int pid)
{
	const struct message msg = {.type = MSG_REFUSED, .pid = pid};

	(void)chan_send(OUTPOST_CONTROL, &msg, sizeof(msg), NULL, 0, MSG_DONTWAIT);
}

/* Take one event, which refuses it. Return: false when there is none; *ret_pid 0: nobody knows whose. */
static bool refuse(int group, int *ret_pid)
{
	char raw[FAN_EVENT_BYTES];
	struct fan_event ev = {0};
	const ssize_t n = read(group, raw, sizeof(raw));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* A kernel that cannot put an errno into the event returns it, and has refused as well. */
	if (n > 0)
		(void)fan_parse(raw, (size_t)n, &ev);
	*ret_pid = ev.pid;
	return true;
}

static void guard_wall(struct gate *g)
{
	int pid;

	for (unsigned i = 0; i < REFUSALS_MAX && refuse(OUTPOST_WALL, &pid); i++) {
		outpost_count(g->shared, OUTPOST_REFUSED);
		tell_refused(pid);
	}
}

/* --- deadlines ---------------------------------------------------------------------------- */

static void answer_late(struct gate *g, nsec_t now)
{
	struct slots *slots = outpost_slots(g->shared);
	const bool may_deny = atomic_load(&g->shared->mode) != MODE_MONITOR;

	for (unsigned i = 0; i < OUTPOST_SLOTS; i++)
		if (slot_answer_late(&slots->slot[i], OUTPOST_GROUP, now, may_deny) == 0)
			outpost_count(g->shared, OUTPOST_LATE);
}

/* Of all events, those that are in somebody's hands, or were. */
static uint64_t n_taken(const struct gate *g)
{
	uint64_t n = atomic_load(&g->shared->n_read) + g->n_refused;

	for (unsigned i = 0; i < OUTPOST_PLACES; i++)
		n += atomic_load(&g->shared->place[i].in_hand);
	return n;
}

static void refuse_unread(struct gate *g, uint64_t n)
{
	int pid;

	for (; n > 0 && refuse(OUTPOST_GROUP, &pid); n--) {
		g->n_refused++;
		outpost_count(g->shared, OUTPOST_UNREAD);
	}
}

/* The newest sample that is as old as a time-out; NULL: none is. */
static const struct sample *due(const struct gate *g, nsec_t now, nsec_t timeout)
{
	const struct sample *found = NULL;

	for (unsigned i = 0; i < SAMPLES; i++) {
		const struct sample *s = &g->sample[i];

		if (s->at && now - s->at >= timeout && (!found || s->at > found->at))
			found = s;
	}
	return found;
}

/* First come, first read: who was in the queue a time-out ago and has not been read is late. */
static void watch_queue(struct gate *g, nsec_t now)
{
	const nsec_t timeout = outpost_timeout(g->shared);
	const int queued = fan_queued(OUTPOST_GROUP);
	const uint64_t taken = n_taken(g);
	const struct sample *last = &g->sample[(g->next_sample + SAMPLES - 1) % SAMPLES];
	const struct sample *old = due(g, now, timeout);

	if (old && queued > 0 && old->n_events > taken)
		refuse_unread(g, old->n_events - taken);
	if (last->at && now - last->at < timeout / (SAMPLES - 4))
		return;
	g->sample[g->next_sample] = (struct sample){now, taken + (uint64_t)MAX(queued, 0)};
	g->next_sample = (g->next_sample + 1) % SAMPLES;
}

/* --- an outpost has ended ----------------------------------------------------------------- */

/* What it had read is answered by number, as each line says; its files are gone. */
static void answer_for(struct gate *g, unsigned place)
{
	struct slots *slots = outpost_slots(g->shared);
	const bool may_deny = atomic_load(&g->shared->mode) != MODE_MONITOR;
	const bool deny = may_deny && atomic_load(&g->shared->late_deny);

	for (unsigned i = 0; g->blocking && i < OUTPOST_SLOTS; i++) {
		struct slot *slot = &slots->slot[i];

		/* What it was about to answer, it had judged. */
		if (slot_owner(slot) == place + 1 && slot_state(slot) == SLOT_HELD &&
		    slot->fd >= OUTPOST_FIRST(place) && slot->fd < OUTPOST_FIRST(place + 1) &&
		    !slot_finish(slot, OUTPOST_GROUP))
			(void)slot_answer_late(slot, OUTPOST_GROUP, SLOT_NO_DEADLINE, may_deny);
	}
	for (int fd = OUTPOST_FIRST(place); g->blocking && fd < OUTPOST_FIRST(place + 1); fd++)
		while (fan_respond(OUTPOST_GROUP, fd, !deny) == 0)
			;
	slots_forget(slots, OUTPOST_SLOTS, place + 1);
	atomic_fetch_add(&g->shared->n_read, atomic_exchange(&g->shared->place[place].in_hand, 0));
}

/* Numbers and slots of a place are those of the next outpost there, too: none is started before we have said that the last one
 * is buried, and an order that is repeated, for want of that word, is obeyed once. */
static void bury(struct gate *g, const struct message *order)
{
	const unsigned place = (unsigned)order->status;
	const uint32_t number = (uint32_t)order->pid;

	if (place >= OUTPOST_PLACES || atomic_load(&g->shared->place[place].buried) == number)
		return;
	g->pid[place] = 0;
	answer_for(g, place);
	atomic_store(&g->shared->place[place].buried, number);
}

/* --- the end ------------------------------------------------------------------------------ */

static bool any_outpost_lives(const struct gate *g)
{
	for (unsigned i = 0; i < OUTPOST_PLACES; i++) {
		/* Landlock may forbid even to ask. */
		if (g->pid[i] > 1 && (kill(g->pid[i], 0) == 0 || errno == EPERM))
			return true;
	}
	return false;
}

static void finish(struct gate *g, nsec_t now)
{
	if (g->blocking) {
		answer_late(g, SLOT_NO_DEADLINE);
		refuse_unread(g, UINT64_MAX);
	}
	if (now - g->stopping < LAST_NSEC)
		return;
	/* While one hangs its marks would hold opens that nobody answers. */
	if (g->stopped_by_order || !g->blocking || !any_outpost_lives(g))
		_exit(0);
}

static void stop(struct gate *g, nsec_t now, bool by_order)
{
	g->stopped_by_order |= by_order;
	if (!g->stopping)
		g->stopping = now;
}

/* The supervisor has been gone for as long as outposts go on. Once they have ended so do we, at once and without a word: with
 * its last holder the group goes, and the kernel lets pass whoever waits. What still lives after a time-out more hangs. */
static void leave(struct gate *g, nsec_t now)
{
	if (!any_outpost_lives(g))
		_exit(0);
	if (now - g->orphaned > OUTPOST_ORPHAN_NSEC + outpost_timeout(g->shared) + NSEC_PER_SEC)
		stop(g, now, false);
}

static void obey(struct gate *g, nsec_t now)
{
	struct message msg;
	int fds[CHAN_FDS_MAX];
	const ssize_t n = chan_recv(OUTPOST_CONTROL, &msg, sizeof(msg), fds, MSG_DONTWAIT);

	if (n == sizeof(msg) && msg.type == MSG_STOP)
		stop(g, now, true);
	else if (n == sizeof(msg) && msg.type == MSG_BURIED)
		bury(g, &msg);
	else if (n == sizeof(msg) && msg.type == MSG_PLACED && (unsigned)msg.status < OUTPOST_PLACES)
		g->pid[msg.status] = msg.pid;
	if ((n != 0 && n != -ECONNRESET) || g->orphaned)
		return;
	(void)epoll_ctl(GATE_EPOLL, EPOLL_CTL_DEL, OUTPOST_CONTROL, NULL);
	g->orphaned = now;
}

/* --- the loop ----------------------------------------------------------------------------- */

static int tick_msec(const struct gate *g)
{
	if (g->blocking || g->stopping)
		return TICK_MSEC;
	return g->orphaned ? SLOW_TICK_MSEC : -1;
}

static _Noreturn void run(struct gate *g)
{
	struct epoll_event ev[2];

	/* The gate before was killed, perhaps in the middle of an answer: its outpost waits for the end of that. */
	if (g->blocking)
		slots_finish_late(outpost_slots(g->shared), OUTPOST_SLOTS, OUTPOST_GROUP);
	for (;;) {
		const int n = epoll_wait(GATE_EPOLL, ev, ARRAY_SIZE(ev), tick_msec(g));
		const nsec_t now = clock_now();

		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == OUTPOST_WALL)
				guard_wall(g);
			else
				obey(g, now);
		}
		if (g->blocking) {
			answer_late(g, now);
			watch_queue(g, now);
		}
		if (g->orphaned && now - g->orphaned > OUTPOST_ORPHAN_NSEC)
			leave(g, now);
		if (g->stopping)
			finish(g, now);
	}
}

static int watch(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(GATE_EPOLL, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int prepare(struct gate *g)
{
	sigset_t all;
	int fd, r = shm_map(OUTPOST_SHARED, sizeof(*g->shared), (void **)&g->shared);

	(void)sigfillset(&all);
	if (r == 0 && g->shared->layout != OUTPOST_LAYOUT)
		r = -EPROTO;
	if (r == 0 && sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		r = -errno;
	if (r < 0)
		return r;
	g->blocking = g->shared->blocking;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0 || (fd != GATE_EPOLL && dup2(fd, GATE_EPOLL) < 0))
		return -errno;
	r = watch(OUTPOST_WALL);
	return r == 0 ? watch(OUTPOST_CONTROL) : r;
}

_Noreturn void gate_main(uid_t uid, gid_t gid)
{
	static struct gate gate;
	int r;

	(void)prctl(PR_SET_NAME, "custos-gate");
	r = prepare(&gate);
	if (r == 0)
		r = gate_seal(uid, gid);
	if (r < 0)
		_exit(1);
	run(&gate);
}
