/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canary
 *
 * Owns: when a round is due, what its results mean, its process.
 * Must not own: how a bait is made (canary-probe.c), where one is due (canary-plan.c).
 *
 * A bait that was opened is tried again after RETRY_NSEC: a file system may have been
 * unmounted, or the policy replaced, between the two halves of a round. Twice in a row
 * is a failure.
 */
#include "daemon/supervisor/canary.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"

#include "daemon/supervisor/canary-plan.h"
#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/journal.h"

#define FIRST_NSEC (1 * NSEC_PER_SEC)
#define RETRY_NSEC (1 * NSEC_PER_SEC)
#define GRACE_NSEC                                                                     \
	(2 * NSEC_PER_SEC) /* beyond the time an open may take; then it hangs */
#define FAILED_ENOUGH 2
#define LOOKS_MAX     50 /* of 0.1 ms, for the end of a process that was killed */

struct canary {
	struct manager *m;
	struct canary_board *board;
	struct canary_plan plan; /* of the last round, or the one under way */
	size_t first;            /* where its process began */
	enum mode mode;          /* when the round began */
	uint64_t generation;
	pid_t pid; /* 0: none */
	int done;  /* eventfd: the process has been everywhere */
	bool in_round, stopped;
	unsigned n_failed; /* places that failed in the last round, whether often enough
	                      or not */
	sd_event_source *timer, *io;
	char reason[CANARY_TEXT_BYTES];
};

static void set_timer(struct canary *c, nsec_t in)
{
	(void)sd_event_source_set_time(c->timer, (clock_now() + in) / NSEC_PER_USEC);
	(void)sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

/* Return: false when the kernel does not let go of it. */
static bool end_process(struct canary *c)
{
	if (c->pid == 0)
		return true;
	(void)kill(c->pid, SIGKILL);
	for (int i = 0; i < LOOKS_MAX; i++) {
		siginfo_t si = {0};

		if (waitid(P_PID, (id_t)c->pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    si.si_pid) {
			/* In this order: its number is nobody else's before it was
			 * waited for. */
			atomic_store(&c->m->shared->own_pids[OWN_CANARY], 0);
			(void)waitpid(c->pid, NULL, WNOHANG);
			c->pid = 0;
			return true;
		}
		(void)usleep(100);
	}
	return false;
}

static int start_process(struct canary *c, size_t first)
{
	const struct canary_orders o = {
		.shared = c->m->shared,
		.board = c->board,
		.places = c->plan.places,
		.first = first,
		.n = c->plan.n_places,
		.host_root = coverage_host_root(c->m->coverage),
		.done = c->done,
	};
	pid_t pid;

	c->first = first;
	atomic_store(&c->board->at, (uint32_t)first);
	pid = canary_fork(&o);
	if (pid < 0)
		return pid;
	c->pid = pid;
	return 0;
}

/* Somebody who knows the period could wait for the gap. */
static nsec_t jittered(nsec_t period)
{
	uint32_t lot = 0;

	(void)!getrandom(&lot, sizeof(lot), GRND_NONBLOCK);
	return period / 4 * 3 + (nsec_t)((unsigned __int128)(period / 2) * lot >> 32);
}

static bool is_failure(const struct canary *c, uint32_t outcome)
{
	return outcome == CANARY_OPENED || outcome == CANARY_HUNG ||
	       (outcome == CANARY_SEEN && c->mode == MODE_ENFORCE);
}

static void judge_place(struct canary *c, size_t i)
{
	struct canary_target *t = &c->plan.targets[c->plan.which[i]];
	const struct canary_result *r = &c->board->result[i];
	const uint32_t outcome = atomic_load(&r->outcome);

	t->n_failed = is_failure(c, outcome) ? t->n_failed + 1 : 0;
	c->n_failed += t->n_failed > 0;
	if (outcome == CANARY_NOT_TRIED || outcome == CANARY_UNKNOWN)
		(void)snprintf(t->text, sizeof(t->text), "not tried: %s",
		               strerror(r->error));
	else
		(void)snprintf(t->text, sizeof(t->text), "%s",
		               outcome == CANARY_REFUSED ? "refused"
		               : outcome == CANARY_SEEN  ? "seen"
		               : outcome == CANARY_HUNG  ? "failed: hangs"
		                                         : "failed: opened");
}

/* Degraded or not, and a message when that changes. */
static void say(struct canary *c)
{
	const struct canary_target *worst = NULL;
	char before[CANARY_TEXT_BYTES];
	size_t n = 0;

	memcpy(before, c->reason, sizeof(before));
	c->reason[0] = '\0';
	for (size_t i = 0; i < c->plan.n; i++)
		if (c->plan.targets[i].n_failed >= FAILED_ENOUGH && n++ == 0)
			worst = &c->plan.targets[i];
	if (worst)
		(void)snprintf(c->reason, sizeof(c->reason),
		               "canary: on %s the EICAR test file %s; file systems "
		               "where that is so: %zu",
		               worst->place.mount_point,
		               strcmp(worst->text, "failed: hangs") == 0
		                       ? "is never answered"
		                       : "can be opened",
		               n);
	if (strcmp(before, c->reason) == 0)
		return;
	if (worst)
		journal_event(c->m->journal, JOURNAL_CANARY, LOG_CRIT, "%s", c->reason);
	else
		journal_event(c->m->journal, JOURNAL_RESTORED, LOG_NOTICE,
		              "canary: the EICAR test file is refused again");
}

static void end_round(struct canary *c)
{
	c->in_round = false;
	c->n_failed = 0;
	/* What was expected may not be what the answers followed. */
	if (c->generation == c->m->generation && c->mode == c->m->mode) {
		for (size_t i = 0; i < c->plan.n_places; i++)
			judge_place(c, i);
		say(c);
	}
	set_timer(c, c->n_failed ? MIN(RETRY_NSEC, c->m->conf.canary)
	                         : jittered(c->m->conf.canary));
}

/* So long nothing is wrong with the place in work. */
static nsec_t patience(const struct canary *c)
{
	const size_t at = atomic_load(&c->board->at);

	return GRACE_NSEC + 3 * (at < c->plan.n_places
	                                 ? c->plan.targets[c->plan.which[at]].timeout
	                                 : 0);
}

static void begin_round(struct canary *c)
{
	int r;

	if (!end_process(c)) { /* dead, but in the kernel: what it was on has failed,
		                  and still does */
		set_timer(c, RETRY_NSEC);
		return;
	}
	c->mode = c->m->mode;
	c->generation = c->m->generation;
	r = canary_plan(c->m, &c->plan);
	memset(c->board, 0, sizeof(*c->board));
	if (r == 0 && c->plan.n_places)
		r = start_process(c, 0);
	c->in_round = r == 0 && c->plan.n_places;
	if (c->in_round)
		set_timer(c, patience(c));
	else if (r == 0)
		end_round(c);
	else
		set_timer(c, RETRY_NSEC); /* no memory */
}

/* The place in work is lost; those after it are not. */
static void give_up_place(struct canary *c)
{
	const size_t at = atomic_load(&c->board->at);

	if (at < c->plan.n_places)
		atomic_store(&c->board->result[at].outcome, CANARY_HUNG);
	if (!end_process(c) || at + 1 >= c->plan.n_places ||
	    start_process(c, at + 1) < 0)
		end_round(c);
	else
		set_timer(c, patience(c));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct canary *c = userdata;

	(void)source;
	(void)usec;
	if (c->stopped || c->m->stopping || c->m->conf.canary == 0)
		return 0;
	if (!c->in_round)
		begin_round(c);
	else if (atomic_load(&c->board->at) != c->first) {
		c->first = atomic_load(&c->board->at); /* it goes on */
		set_timer(c, patience(c));
	} else
		give_up_place(c);
	return 0;
}

static int on_done(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct canary *c = userdata;
	char buf[8];

	(void)source;
	(void)revents;
	(void)!read(fd, buf, sizeof(buf));
	if (c->in_round && !c->stopped &&
	    atomic_load(&c->board->at) >= c->plan.n_places)
		end_round(c);
	return 0;
}

int canary_new(struct manager *m, struct canary **ret)
{
	struct canary *c = calloc(1, sizeof(*c));
	void *board = mmap(NULL, sizeof(*c->board), PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	if (!c || board == MAP_FAILED) {
		free(c);
		return -ENOMEM;
	}
	*c = (struct canary){
		.m = m, .board = board, .done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	r = c->done < 0
	            ? -errno
	            : sd_event_add_io(m->event, &c->io, c->done, EPOLLIN, on_done, c);
	if (r >= 0)
		r = sd_event_add_time(m->event, &c->timer, CLOCK_MONOTONIC, UINT64_MAX,
		                      1000, on_timer, c);
	if (r < 0) {
		(void)canary_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct canary *canary_free(struct canary *c)
{
	if (!c)
		return NULL;
	canary_stop(c);
	c->timer = sd_event_source_disable_unref(c->timer);
	c->io = sd_event_source_disable_unref(c->io);
	canary_plan_deinit(&c->plan);
	(void)munmap(c->board, sizeof(*c->board));
	(void)fd_close(c->done);
	free(c);
	return NULL;
}

void canary_configure(struct canary *c)
{
	if (c->m->conf.canary == 0) {
		(void)end_process(c);
		c->in_round = false;
		canary_plan_deinit(&c->plan);
		c->reason[0] = '\0';
		(void)sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
		return;
	}
	if (!c->in_round)
		set_timer(c, MIN(FIRST_NSEC, c->m->conf.canary));
}

void canary_stop(struct canary *c)
{
	c->stopped = true;
	(void)end_process(c);
	(void)sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
}

const char *canary_reason(const struct canary *c)
{
	return c && c->reason[0] ? c->reason : NULL;
}

const char *canary_of(const struct canary *c, dev_t dev)
{
	const struct canary_target *t = c ? canary_plan_find(&c->plan, dev) : NULL;

	return t && t->text[0] ? t->text : NULL;
}
