/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rivals
 *
 * A round looks at the descriptors of every process, in turns of TURN_NSEC so that the event loop stays alive,
 * and rests REST_FACTOR times as long as it took.
 *
 * Owns: who was seen. Must not own: how a group is found (fan-owner.h), what is watched (coverage.h).
 */
#include "daemon/supervisor/rivals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/fan-owner.h"
#include "custos/text.h"

#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/pid-walk.h"
#include "daemon/supervisor/pair.h"

#define ROUND_NSEC  (5 * NSEC_PER_SEC)  /* between rounds, or more: */
#define REST_FACTOR 400                 /* a four-hundredth of one CPU */
#define TICK_NSEC   (20 * NSEC_PER_MSEC)
#define TURN_NSEC   (2 * NSEC_PER_MSEC)
#define NAMED_MAX   4                   /* that the reason names; the others are counted */
#define NAME_BYTES  64                  /* of comm, escaped: 15 bytes of 4 */
#define REASON_BYTES 512

struct rival {
	pid_t pid;
	char name[NAME_BYTES];
};

struct seen {
	struct rival named[NAMED_MAX];
	unsigned n; /* also those without a place */
};

struct rivals {
	struct manager *m;
	sd_event_source *timer;
	struct pid_walk walk;
	nsec_t cost;
	struct seen now, before; /* of the round that runs, and of the last one */
	char reason[REASON_BYTES];
};

/* Is the file system of this mark watched by us? Those of other mount namespaces are not looked at. */
static bool meets_ours(void *userdata, const struct fan_owner_mark *mark)
{
	const struct rivals *r = userdata;

	if (!fan_owner_holds(mark))
		return false;
	return mark->on == FAN_ON_MOUNT ? coverage_watches_mount(r->m->coverage, mark->mount_id) :
	                                  coverage_watches(r->m->coverage, mark->sb);
}

static void read_comm(pid_t pid, char *ret, size_t size)
{
	_cleanup_(freep) char *safe = NULL;
	_cleanup_(fd_closep) int fd = -1;
	char path[32], comm[64] = "";
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid); /* fits */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, comm, sizeof(comm) - 1);
	comm[MAX(n, 0)] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	safe = text_escape(comm, strlen(comm));
	(void)snprintf(ret, size, "%s", safe ?: "?"); /* fits */
}

/* Ours are the supervisor and what it has started, also a scanner that was given up and waits in the kernel, and a
 * pair that is being replaced. */
static bool is_ours(const struct rivals *r, pid_t pid, const char *name)
{
	struct manager_pids p;

	manager_pids(r->m, &p);
	return pid == p.supervisor || pid == p.keeper || pid == p.anchor || pid == p.scanner ||
	       strncmp(name, "custos-", 7) == 0;
}

static void look_at(struct rivals *r, pid_t pid)
{
	struct rival one = {.pid = pid};

	if (!fan_owner_visit(pid, meets_ours, r))
		return;
	read_comm(pid, one.name, sizeof(one.name));
	if (is_ours(r, pid, one.name))
		return;
	if (r->now.n < NAMED_MAX)
		r->now.named[r->now.n] = one;
	r->now.n++;
}

static bool was_seen(const struct seen *s, pid_t pid)
{
	for (unsigned i = 0; i < MIN(s->n, (unsigned)NAMED_MAX); i++)
		if (s->named[i].pid == pid)
			return true;
	return false;
}

static void describe(const struct seen *s, char text[REASON_BYTES])
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < MIN(s->n, (unsigned)NAMED_MAX); i++)
		len += (size_t)snprintf(text + len, REASON_BYTES - len, "%s%s (pid %d)", i ? ", " : "",
		                        s->named[i].name, (int)s->named[i].pid); /* fits */
	if (s->n > NAMED_MAX)
		len += (size_t)snprintf(text + len, REASON_BYTES - len, " and %u more", s->n - NAMED_MAX);
	if (s->n)
		(void)snprintf(text + len, REASON_BYTES - len, " also answer%s for opens on file systems "
		               "that are protected here: each open waits for both; let one of them decide",
		               s->n == 1 ? "s" : "");
}

static void end_round(struct rivals *r)
{
	bool news = r->now.n != r->before.n;

	for (unsigned i = 0; i < MIN(r->now.n, (unsigned)NAMED_MAX); i++)
		news |= !was_seen(&r->before, r->now.named[i].pid);
	describe(&r->now, r->reason);
	if (news && r->now.n)
		journal_event(r->m->journal, JOURNAL_RIVAL, LOG_WARNING, "%s", r->reason);
	r->before = r->now;
}

static void look_at_pid(void *userdata, pid_t pid)
{
	look_at(userdata, pid);
}

static void take_turn(struct rivals *r)
{
	const nsec_t began = clock_now();
	bool ended;

	if (!r->walk.proc) {
		r->cost = 0;
		r->now = (struct seen){0};
	}
	ended = pid_walk_turn(&r->walk, TURN_NSEC, look_at_pid, r);
	r->cost += clock_now() - began;
	if (ended)
		end_round(r);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct rivals *r = userdata;
	nsec_t rest;

	(void)usec;
	take_turn(r);
	rest = r->walk.proc ? TICK_NSEC : MAX(ROUND_NSEC, r->cost * REST_FACTOR);
	(void)sd_event_source_set_time(source, (clock_now() + rest) / NSEC_PER_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int rivals_new(struct manager *m, struct rivals **ret)
{
	struct rivals *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->m = m;
	/* Not while the machine boots. */
	err = sd_event_add_time(m->event, &r->timer, CLOCK_MONOTONIC,
	                        (clock_now() + ROUND_NSEC) / NSEC_PER_USEC, 0, on_timer, r);
	if (err < 0) {
		(void)rivals_free(r);
		return err;
	}
	(void)sd_event_source_set_priority(r->timer, SD_EVENT_PRIORITY_IDLE);
	*ret = r;
	return 0;
}

struct rivals *rivals_free(struct rivals *r)
{
	if (!r)
		return NULL;
	r->timer = sd_event_source_disable_unref(r->timer);
	pid_walk_end(&r->walk);
	free(r);
	return NULL;
}

const char *rivals_reason(const struct rivals *r)
{
	return r && r->reason[0] ? r->reason : NULL;
}
