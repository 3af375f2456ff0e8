/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookout: a thread that takes events of its file system, one at a time
 *
 * Owns: an event from its read(2) to its close(2). Must not own: verdicts (look.c); what happens when a call does not
 * come back (the supervisor, which sees since when we are busy, and the gate, which keeps the deadlines).
 *
 * read(2) opens the event's file inside the kernel, which asks the server; so do fstat(2), reading and close(2). Each of
 * them may hang. The slot is in shared memory, so that the gate can answer meanwhile.
 *
 * Asynchronous: nobody waits for us. A file that was opened or written is judged afterwards. If it is malicious it gets a
 * mark in the wall's group, whose events the gate refuses without looking. If not, its opens are not news any more,
 * until it changes here or the kernel forgets it.
 */
#include "daemon/outpost/outpost.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/thread.h"

/* A slot is missing only while a place that was used before is being cleared. */
#define SLOT_WAIT_MSEC 1
#define DRAIN_MSEC     10

static struct outpost_place *place_of(const struct lookout *l)
{
	return &l->op->shared->place[l->op->place];
}

static void set_busy(const struct lookout *l, nsec_t since)
{
	atomic_store(&place_of(l)->busy[l->number], since);
}

/* Return: as read(2). While it runs, the event it may take is counted as in our hands. */
static ssize_t read_event(struct lookout *l, void *raw)
{
	ssize_t n;

	atomic_fetch_add(&place_of(l)->in_hand, 1);
	atomic_store(&place_of(l)->reading[l->number], clock_now());
	n = read(OUTPOST_GROUP, raw, FAN_EVENT_BYTES);
	if (n > 0)
		atomic_fetch_add(&l->op->shared->n_read, 1);
	else
		n = -errno;
	atomic_store(&place_of(l)->reading[l->number], 0);
	atomic_fetch_sub(&place_of(l)->in_hand, 1);
	return n;
}

/* --- asynchronous ------------------------------------------------------------------------- */

/* Has it changed while it was read? Then there is more news of it, or the server has changed it. */
static bool is_unchanged(const struct sighting *s)
{
	struct stat now;

	return fstat(s->fd, &now) == 0 && now.st_size == s->st.st_size &&
	       timespec_nsec(&now.st_mtim) == timespec_nsec(&s->st.st_mtim) &&
	       timespec_nsec(&now.st_ctim) == timespec_nsec(&s->st.st_ctim);
}

static void remember(struct lookout *l, struct sighting *s)
{
	struct decision *d = &s->decision;

	if (s->finding.verdict == VERDICT_MALICIOUS && d->deny) {
		/* Those from before are judged again at their next open, as after a reload. */
		if (!outpost_may_hold(l->op->shared))
			(void)fan_unignore_files(OUTPOST_WALL);
		if (fan_hold_file(OUTPOST_WALL, s->fd) < 0)
			outpost_count(l->op->shared, OUTPOST_UNHELD);
	} else if (look_is_settled(l, s) && is_unchanged(s)) {
		(void)fan_quiet_file(OUTPOST_GROUP, s->fd); /* else it is judged again */
	}
	/* Nothing was refused yet. */
	if (d->action == RECORD_DENY)
		d->action = s->finding.verdict == VERDICT_MALICIOUS ? RECORD_LOG : RECORD_ALLOW;
}

static void look_at_news(struct lookout *l, struct sighting *s)
{
	look_begin(l, s);
	if (!s->error && !S_ISREG(s->st.st_mode))
		return;
	look_judge(l, s);
	remember(l, s);
	look_report(l, s, s->finding.verdict == VERDICT_MALICIOUS);
}

static void take_news(struct lookout *l)
{
	struct outpost_shared *sh = l->op->shared;
	const nsec_t now = clock_now();
	struct sighting s = {.read_at = now, .deadline = now + UNTIMED_SCAN_NSEC};
	char raw[FAN_EVENT_BYTES];
	struct fan_event ev;
	ssize_t n;

	set_busy(l, now);
	n = read_event(l, raw);
	if (n == -EAGAIN || n == -EINTR) {
		set_busy(l, 0);
		return;
	}
	if (n < 0 || fan_parse(raw, (size_t)n, &ev) < 0) {
		outpost_count(sh, OUTPOST_UNREADABLE);
	} else if (fan_event_is_overflow(&ev)) {
		outpost_count(sh, OUTPOST_LOST_NEWS);
	} else if (ev.fd < 0) {
		outpost_count(sh, OUTPOST_UNREADABLE);
	} else {
		s.fd = ev.fd;
		s.pid = ev.pid;
		s.mask = ev.mask;
		s.wall_usec = clock_wall_usec();
		look_at_news(l, &s);
		(void)close(s.fd);
	}
	set_busy(l, 0);
}

/* --- blocking ----------------------------------------------------------------------------- */

static bool decode(struct slot *slot)
{
	struct fan_event ev;

	if (fan_parse(slot->raw, FAN_EVENT_BYTES, &ev) < 0 || ev.fd < 0)
		return false;
	slot->fd = ev.fd;
	slot->pid = ev.pid;
	slot->mask = ev.mask;
	slot->kind = ev.mask & FAN_MASK_HOLD ? SLOT_PERMISSION : SLOT_NOTICE;
	slot->read_at = clock_now();
	slot->wall_usec = clock_wall_usec();
	return true;
}

static void set_late(struct slot *slot, nsec_t deadline, bool deny)
{
	atomic_store_explicit(&slot->late_deny, deny, memory_order_relaxed);
	atomic_store_explicit(&slot->deadline, deadline, memory_order_relaxed);
}

/* The line is known: its time-out and its answer hold. */
static void apply_line(struct lookout *l, struct slot *slot, struct sighting *s)
{
	const struct policy_line *line = s->line;
	const nsec_t timeout = line && line->timeout ? line->timeout :
	                                               l->op->generation.settings.timeout;

	s->deadline = MAX(slot->read_at + timeout, clock_now());
	set_late(slot, s->deadline,
	         line && line->action == POLICY_SCAN && line->on_error == ON_ERROR_DENY &&
	                 !boot_critical(l->path));
}

/* The gate was faster: say what really happened. */
static void correct(struct sighting *s, bool denied)
{
	struct decision *d = &s->decision;

	if (d->deny != denied)
		d->action = denied ? RECORD_DENY :
		            d->action == RECORD_ALLOW ? RECORD_ALLOW : RECORD_LOG;
	d->deny = denied;
	d->flags |= RECORD_LOGGED;
	if (s->finding.verdict == VERDICT_CLEAN)
		s->finding.reason = REASON_TIMEOUT;
}

static void answer(struct lookout *l, struct slot *slot, struct sighting *s)
{
	bool late;

	late = slot_answer(slot, OUTPOST_GROUP, s->decision.deny) == -EALREADY;
	if (late)
		correct(s, slot_answered_deny(slot));
	look_report(l, s, late);
}

static void look_at_held(struct lookout *l, struct slot *slot)
{
	struct sighting s = {
		.fd = slot->fd,
		.pid = slot->pid,
		.mask = slot->mask,
		.read_at = slot->read_at,
		.wall_usec = slot->wall_usec,
	};

	look_begin(l, &s);
	apply_line(l, slot, &s);
	look_judge(l, &s);
	answer(l, slot, &s);
}

static void take_held(struct lookout *l)
{
	struct outpost_shared *sh = l->op->shared;
	struct slots *slots = outpost_slots(sh);
	struct slot *slot = slots_take(slots, l->op->place + 1, &l->hint);
	ssize_t n;

	if (!slot) {
		(void)poll(NULL, 0, SLOT_WAIT_MSEC);
		return;
	}
	set_busy(l, clock_now());
	n = read_event(l, slot->raw);
	if (n > 0 && decode(slot)) {
		set_late(slot, slot->read_at + atomic_load(&sh->timeout), atomic_load(&sh->late_deny));
		slot_hold(slot);
		look_at_held(l, slot);
		slot_release(slots, slot);
	} else {
		if (n != -EAGAIN && n != -EINTR)
			outpost_count(sh, OUTPOST_UNREADABLE); /* the kernel has refused it */
		slot_untake(slots, slot);
	}
	set_busy(l, 0);
}

/* --- the thread --------------------------------------------------------------------------- */

static void await_start(struct outpost *op)
{
	atomic_fetch_add(&op->n_running, 1);
	waitpoint_wake(&op->start, OUTPOST_THREADS + 1);
	for (;;) {
		const uint32_t key = waitpoint_prepare(&op->start);

		if (atomic_load(&op->go)) {
			waitpoint_cancel(&op->start);
			return;
		}
		(void)waitpoint_wait(&op->start, key, 0);
	}
}

static void *lookout_main(void *arg)
{
	struct lookout *l = arg;
	struct outpost *op = l->op;
	struct epoll_event ev;

	await_start(op);
	while (!atomic_load(&op->stop)) {
		if (epoll_wait(l->epoll_fd, &ev, 1, -1) <= 0 || atomic_load(&op->stop))
			continue;
		if (atomic_load(&place_of(l)->drain)) {
			(void)poll(NULL, 0, DRAIN_MSEC); /* until we are told to end */
			continue;
		}
		if (op->shared->blocking)
			take_held(l);
		else
			take_news(l);
	}
	if (atomic_fetch_sub(&op->n_running, 1) == 1)
		_exit(0);
	return NULL;
}

static int watch(struct lookout *l)
{
	/* One of all outposts' threads is woken by each event. */
	struct epoll_event group = {.events = EPOLLIN | EPOLLEXCLUSIVE};
	struct epoll_event stop = {.events = EPOLLIN};

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, OUTPOST_GROUP, &group) < 0 ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, OUTPOST_STOP, &stop) < 0)
		return -errno;
	return 0;
}

/* Afterwards, that is, when nobody waits. */
static bool any_opens_archives(const struct policy *p)
{
	for (size_t i = 0; i < policy_n_lines(p); i++)
		if (policy_line(p, i)->action == POLICY_SCAN && policy_line(p, i)->archives != ARCHIVES_NO)
			return true;
	return false;
}

int lookout_start(struct outpost *op, unsigned number)
{
	const struct ruleset *rules = op->generation.rules;
	const struct settings *settings = &op->generation.settings;
	static struct known *known; /* of all threads; the main thread sets it with the first */
	struct lookout *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	if (!known && !ruleset_uses_names(rules) && !ruleset_uses_owner(rules) &&
	    !ruleset_uses_time(rules))
		known = known_new();
	*l = (struct lookout){.op = op,
	                      .number = number,
	                      .known = known,
	                      .opens_archives = any_opens_archives(op->generation.policy),
	                      .hint = op->place * OUTPOST_THREADS};
	r = engine_new(rules, settings->whole_bytes, &l->engine);
	if (r == 0)
		r = arc_walker_new(&settings->archives, &l->archives);
	if (r == 0 && settings->payloads)
		r = payload_walker_new(&payload_limits_default, &l->payloads);
	if (r == 0)
		r = watch(l);
	if (r == 0)
		r = thread_start("lookout", lookout_main, l, NULL);
	return r;
}
