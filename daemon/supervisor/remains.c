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

/* A scanner without a keeper has this long to finish: the longest time-out there is, and a bit. When
 * it is killed, nobody has its files any more. */
#define ORPHAN_PATIENCE_NSEC (62 * NSEC_PER_SEC)
/* So long only while somebody waits for it; and when it is killed, this long to end. */
#define UNWANTED_PATIENCE_NSEC (1 * NSEC_PER_SEC)
#define KILLED_PATIENCE_NSEC   (100 * NSEC_PER_MSEC)

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
	for (unsigned i = 0; i < OWN_PIDS_MAX; i++)
		if (atomic_load(&r->m->shared->own_pids[i]) == (uint32_t)pid)
			return true;
	return false;
}

static int on_lost_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct remains *r = userdata;

	/* Its keeper is no more, which would have done this (lost.c). */
	for (unsigned i = 0; i < CULPRITS_MAX; i++)
		if (r->m->shared->culprits[i].blocked == (uint32_t)si->si_pid)
			r->m->shared->culprits[i] = (struct culprit){0};
	change_lost(r, si->si_pid, 0);
	(void)sd_event_source_disable_unref(source);
	return 0;
}

/* Those the keeper had given up, and those it left behind and we give up. */
void remains_abandon(struct remains *r)
{
	r->killed_at = 0;
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (r->scanners[i] > 0)
			remains_lost(r, r->scanners[i]);
	for (unsigned i = 0; i < REMAINS_LOST; i++) {
		int err = r->lost[i] ? sd_event_add_child(r->m->event, NULL, r->lost[i], WEXITED,
		                                          on_lost_exit, r) :
		                       0;

		if (err < 0 && err != -EBUSY) /* not waited for already */
			r->lost[i] = 0; /* it has ended */
	}
}

/* Scanners the keeper left behind are our children now (subreaper). */
static bool scanners_gone(struct remains *r)
{
	bool gone = true;

	/* One that the keeper had no time to tell us of. The number comes from memory a scanner can
	 * write: waiting for what is no child of ours, or is another one, ends at once. */
	for (unsigned i = 0; i < N_PLACES; i++) {
		pid_t pid = (pid_t)atomic_exchange(&r->m->shared->place[i].pid, 0);

		if (pid > 1 && !is_helper(r, pid) && waitpid(pid, NULL, WNOHANG) == 0)
			remains_started(r, pid);
	}
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++) {
		if (r->scanners[i] <= 0)
			continue;
		/* ECHILD: reaped by the keeper before it died, or by us just now. */
		if (waitpid(r->scanners[i], NULL, WNOHANG) == 0)
			gone = false;
		else
			r->scanners[i] = 0;
	}
	return gone;
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

/* Is it time to end what the keeper left behind? */
static bool lose_patience(const struct remains *r, nsec_t waited, nsec_t now)
{
	if (waited > ORPHAN_PATIENCE_NSEC)
		return true;
	return waited > UNWANTED_PATIENCE_NSEC &&
	       slots_oldest_pending(shared_slots(r->m->shared), N_SLOTS, now) == 0;
}

/* Return: nothing reads the group any more. */
bool remains_done(struct remains *r, nsec_t lost_at)
{
	const nsec_t now = clock_now();

	if (scanners_gone(r))
		return true;
	if (r->killed_at)
		return now - r->killed_at > KILLED_PATIENCE_NSEC;
	if (!lose_patience(r, now - lost_at, now))
		return false;
	for (unsigned i = 0; i < REMAINS_SCANNERS; i++)
		if (r->scanners[i] > 0)
			(void)kill(r->scanners[i], SIGKILL);
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
	return r->scanners[REMAINS_SCANNERS - 1];
}

void remains_ended(struct remains *r, pid_t pid)
{
	change_lost(r, pid, 0);
}
