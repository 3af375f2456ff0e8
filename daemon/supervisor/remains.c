/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Remains: scanners that outlive their keeper, or that nobody can end, and the events they had
 *
 * Owns: which scanners there are, when to lose patience with one, and answering what nobody will.
 * Must not own: keepers (pair.c).
 */
#include "daemon/supervisor/remains.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/fan.h"

#include "daemon/shared.h"
#include "daemon/supervisor/outposts.h"
#include "daemon/supervisor/pair.h"

/* A scanner without a keeper has this long to finish: the longest time-out there is,
 * and a bit. When it is killed, nobody has its files any more. */
#define DISMISSED_PATIENCE_NSEC (62 * NSEC_PER_SEC)
/* So long only while somebody waits for it; and when it is killed, this long to end. */
#define UNWANTED_PATIENCE_NSEC (1 * NSEC_PER_SEC)
#define KILLED_PATIENCE_NSEC   (100 * NSEC_PER_MSEC)
/* A deadline that it has missed by so much: it does not work at all. */
#define OVERDUE_NSEC (1 * NSEC_PER_SEC)
/* Not gone after this: it may have been stopped, and nobody pings it any more (keeper/watch.c). */
#define STOPPED_NSEC (100 * NSEC_PER_MSEC)

void remains_started(struct remains *r, pid_t pid)
{
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (r->scanners[i] == pid)
			return;
	for (unsigned i = 0; i < REMAINS_LOST; i++)
		if (r->lost[i] == pid)
			return;
	memmove(r->scanners, r->scanners + 1, sizeof(r->scanners) - sizeof(pid_t));
	r->scanners[REMAINS_SCANNERS - 1] = pid;
}

static void change_lost(struct remains *r, pid_t from, pid_t to)
{
	for (unsigned i = 0; i < REMAINS_LOST; i++)
		if (r->lost[i] == from) {
			r->lost[i] = to;
			return;
		}
}

void remains_lost(struct remains *r, pid_t pid)
{
	change_lost(r, 0, pid);
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (r->scanners[i] == pid)
			r->scanners[i] = 0; /* nobody waits for its end */
}

/* Another child of ours, whose end somebody else waits for. */
static bool is_helper(const struct remains *r, pid_t pid)
{
	if (outposts_has(r->m->outposts, pid))
		return true;
	for (unsigned i = 0; i < OWN_PIDS_MAX; i++)
		if (atomic_load(&r->m->shared->own_pids[i]) == (uint32_t)pid)
			return true;
	return false;
}

/* Of a scanner whose keeper is no more. */
static int on_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct remains *r = userdata;

	/* As the keeper does for its own (lost.c). */
	for (unsigned i = 0; i < CULPRITS_MAX; i++)
		if (r->m->shared->culprits[i].blocked == (uint32_t)si->si_pid)
			r->m->shared->culprits[i] = (struct culprit){0};
	remains_ended(r, si->si_pid);
	pair_tell_gone(r->m->pair, si);
	(void)sd_event_source_disable_unref(source);
	return 0;
}

/* Is it a child of ours, alive or to be reaped? Numbers come from processes that read
 * hostile bytes. */
static bool is_child(pid_t pid)
{
	siginfo_t si;

	return pid > 1 &&
	       waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool remains_is_new_child(const struct remains *r, pid_t pid)
{
	return is_child(pid) && !is_helper(r, pid);
}

/* Return: @pid, or 0 when it has ended, or never was a child of ours. */
static pid_t watch(struct remains *r, pid_t pid)
{
	int err;

	if (!remains_is_new_child(r, pid)) /* a helper: the number was given again */
		return 0;
	err = sd_event_add_child(r->m->event, NULL, pid, WEXITED, on_exit, r);
	return err < 0 && err != -EBUSY ? 0 : pid; /* busy: watched already */
}

/* One that the keeper had no time to tell us of. */
static void find_untold(struct remains *r)
{
	for (unsigned i = 0; i < N_PLACES; i++) {
		pid_t pid = (pid_t)atomic_load(&r->m->shared->place[i].pid);

		if (remains_is_new_child(r, pid))
			remains_started(r, pid);
	}
}

void remains_watch(struct remains *r)
{
	find_untold(r);
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		r->scanners[i] = watch(r, r->scanners[i]);
	for (unsigned i = 0; i < REMAINS_LOST; i++)
		r->lost[i] = watch(r, r->lost[i]);
}

void remains_heirs(const struct remains *r, struct message *msg)
{
	unsigned n = 0;

	/* The newest last: more than two places are never taken. */
	for (unsigned i = REMAINS_SCANNERS; i > 0 && n < N_PLACES; i--)
		if (r->scanners[i - 1])
			msg->heirs[n++] = r->scanners[i - 1];
	msg->n_lost = remains_n_lost(r);
}

void remains_abandon(struct remains *r)
{
	r->killed_at = 0;
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (r->scanners[i])
			remains_lost(r, r->scanners[i]);
}

static bool scanners_gone(const struct remains *r)
{
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (r->scanners[i])
			return false;
	return true;
}

/* Events that were read by a pair that is no more: answer by number (fanotify.md §4). */
void remains_sweep(struct remains *r)
{
	const struct policy *policy = r->m->policy;
	size_t n = policy ? policy_n_lines(policy) : 0;
	bool deny = n && r->m->mode == MODE_ENFORCE &&
	            policy_line(policy, n - 1)->on_error == ON_ERROR_DENY;
	unsigned swept = 0;

	cache_clear(&r->m->cache); /* opens for writing among them */
	for (int fd = 0; fd < (int)NOFILE_NEEDED; fd++)
		while (fan_respond(r->group, fd, !deny) == 0)
			swept++;
	stats_add(&r->m->shared->stats, 0, COUNT_ERRORS, swept);
}

/* Those that were not even read. */
void remains_answer_queue(struct remains *r)
{
	_Alignas(8) unsigned char raw[FAN_EVENT_BYTES];
	struct pollfd pfd = {.fd = r->group, .events = POLLIN};
	struct fan_event ev;

	while (poll(&pfd, 1, 0) > 0) {
		ssize_t n = read(r->group, raw, sizeof(raw));

		if (n <= 0 || fan_parse(raw, (size_t)n, &ev) < 0 || ev.fd < 0)
			continue;
		if (fan_event_is_held(&ev))
			(void)fan_respond(r->group, ev.fd, true); /* gone: nothing to do */
		(void)close(ev.fd);
	}
}

static bool is_overdue(const struct slots *slots, nsec_t now)
{
	for (uint32_t i = 0; i < N_SLOTS; i++)
		if (slot_is_late(&slots->slot[i], now - OVERDUE_NSEC))
			return true;
	return false;
}

/* Is it time to end what the keeper left behind? */
static bool lose_patience(const struct remains *r, nsec_t waited, nsec_t now)
{
	const struct slots *slots = shared_slots(r->m->shared);

	if (waited > DISMISSED_PATIENCE_NSEC || is_overdue(slots, now))
		return true;
	return waited > UNWANTED_PATIENCE_NSEC && slots_oldest_pending(slots, N_SLOTS, now) == 0;
}

static void signal_all(const struct remains *r, int sig)
{
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (r->scanners[i])
			(void)kill(r->scanners[i], sig);
}

void remains_dismiss(const struct remains *r)
{
	signal_all(r, SIGUSR1); /* scanner.c: on_leave() */
}

void remains_end(struct remains *r)
{
	find_untold(r);
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (remains_is_new_child(r, r->scanners[i]))
			(void)kill(r->scanners[i], SIGKILL);
}

bool remains_done(struct remains *r, nsec_t lost_at)
{
	const nsec_t now = clock_now();

	if (scanners_gone(r))
		return true;
	if (r->killed_at)
		return now - r->killed_at > KILLED_PATIENCE_NSEC;
	if (!lose_patience(r, now - lost_at, now)) {
		if (now - lost_at > STOPPED_NSEC)
			signal_all(r, SIGCONT);
		return false;
	}
	signal_all(r, SIGKILL);
	r->killed_at = now;
	return false;
}

unsigned remains_n_lost(const struct remains *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < REMAINS_LOST; i++)
		n += r->lost[i] != 0;
	return n;
}

pid_t remains_newest(const struct remains *r)
{
	for (unsigned i = REMAINS_SCANNERS; i > 0; i--)
		if (r->scanners[i - 1])
			return r->scanners[i - 1];
	return 0;
}

void remains_ended(struct remains *r, pid_t pid)
{
	change_lost(r, pid, 0);
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (r->scanners[i] == pid)
			r->scanners[i] = 0;
}
