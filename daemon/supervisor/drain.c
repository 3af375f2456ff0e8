/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drain
 *
 * Owns: the consumer's end of both rings, in memory of its own. Must not own: what becomes of a record.
 * Hands off to: history (events), journal, statistics, quarantine.
 *
 * Records come from the process that reads hostile files: each is copied out, then checked, then
 * used (record_sanitise()).
 */
#include "daemon/supervisor/drain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/clock.h"

#include "daemon/shared.h"
#include "daemon/supervisor/broker.h"
#include "daemon/supervisor/history.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/news.h"
#include "daemon/supervisor/quarantine.h"
#include "daemon/supervisor/statistics.h"

/* Statistics may wait this long; detections come with a kick. */
#define IDLE_USEC (250 * 1000)
/* Per turn of the loop, so that the admin socket stays responsive under a flood. */
#define BATCH 256

struct drain {
	struct manager *m;
	sd_event_source *io, *timer;
	struct ring_consumer detections, routine;
	uint64_t detections_seen, routine_seen; /* drops already reported */
};

static const struct policy_line *line_of(const struct manager *m, const struct record *r)
{
	const struct policy *p = NULL;

	if (r->generation == (uint32_t)m->generation)
		p = m->policy;
	else if (r->generation == (uint32_t)m->previous_generation)
		p = m->previous_policy;
	if (!p || r->policy_index >= policy_n_lines(p))
		return NULL;
	return policy_line(p, r->policy_index);
}

/* A sampled record did not ask the broker while its opener waited; mostly it is still there. */
static void add_opener(struct record *r)
{
	struct facts f = {0};

	if (r->flags & (RECORD_SUBJECT | RECORD_REQUEST) || r->pid == 0 ||
	    !broker_look_up((pid_t)r->pid, &f))
		return;
	r->uid = f.uid;
	r->gid = f.gid;
	memcpy(r->exe, f.exe, sizeof(r->exe));
	memcpy(r->unit, f.unit, sizeof(r->unit));
}

static void pass_on(struct manager *m, struct record *r)
{
	const struct policy_line *line = line_of(m, r);
	char where[512] = "";

	if (line)
		(void)snprintf(where, sizeof(where), "%s:%u", line->file, line->line);
	if (r->flags & RECORD_LOGGED) {
		r->seq = history_append(m->history, r, line ? where : NULL);
		journal_set_bundles(m->journal, manager_bundles_text(m, r->generation));
		journal_record(m->journal, r, line);
	} else {
		add_opener(r);
	}
	quarantine_take(m->quarantine, r, line);
	statistics_add(m->statistics, r);
}

void drain_take(struct manager *m, struct record *r)
{
	add_opener(r); /* its opener did not wait to be asked about; mostly it is still there */
	pass_on(m, r);
}

/* Return: true when there was more than one batch. */
static bool take(struct manager *m, struct ring_consumer *ring)
{
	static struct record r; /* 5 KiB; the loop thread alone */

	for (unsigned i = 0; i < BATCH; i++) {
		const struct record *cell = ring_peek(ring, clock_now());

		if (!cell)
			return false;
		memcpy(&r, cell, sizeof(r));
		ring_pop(ring);
		record_sanitise(&r);
		pass_on(m, &r);
	}
	return true;
}

void drain_dropped(const struct drain *d, uint64_t *ret_detections, uint64_t *ret_routine)
{
	const struct ring_consumer *det = &d->detections, *rou = &d->routine;

	*ret_detections = atomic_load(&det->ring->n_dropped) + det->n_lost;
	*ret_routine = atomic_load(&rou->ring->n_dropped) + rou->n_lost;
}

static void report_drops(struct drain *d)
{
	uint64_t detections, routine;

	drain_dropped(d, &detections, &routine);
	if (detections != d->detections_seen)
		journal_event(d->m->journal, JOURNAL_OVERFLOW, LOG_ERR,
		              "%llu detection records were lost on the way from the scanner",
		              (unsigned long long)(detections - d->detections_seen));
	d->detections_seen = detections;
	d->routine_seen = routine;
}

static bool take_all(struct drain *d)
{
	bool more = take(d->m, &d->detections);

	more |= take(d->m, &d->routine);
	report_drops(d);
	news_rescue(d->m);
	return more;
}

static int on_kick(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct drain *d = userdata;
	const uint64_t one = 1;
	uint64_t n;

	(void)source;
	(void)revents;
	(void)!read(fd, &n, sizeof(n)); /* EAGAIN: somebody kicked and it was taken already */
	if (take_all(d))
		(void)!write(fd, &one, sizeof(one)); /* come back after the others had a turn */
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)take_all(userdata);
	(void)sd_event_source_set_time(source, usec + IDLE_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void drain_run(struct drain *d)
{
	while (take_all(d))
		;
}

int drain_new(struct manager *m, struct drain **ret)
{
	struct drain *d = calloc(1, sizeof(*d));
	uint64_t now;
	int r;

	if (!d)
		return -ENOMEM;
	d->m = m;
	ring_consumer_init(&d->detections, shared_detections(m->shared), DETECTION_CELLS,
	                   sizeof(struct record));
	ring_consumer_init(&d->routine, shared_routine(m->shared), ROUTINE_CELLS,
	                   sizeof(struct record));
	r = sd_event_add_io(m->event, &d->io, m->audit_kick, EPOLLIN, on_kick, d);
	if (r >= 0)
		r = sd_event_now(m->event, CLOCK_MONOTONIC, &now);
	if (r >= 0)
		r = sd_event_add_time(m->event, &d->timer, CLOCK_MONOTONIC, now + IDLE_USEC,
		                      IDLE_USEC / 4, on_timer, d);
	if (r < 0) {
		(void)drain_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

struct drain *drain_free(struct drain *d)
{
	if (!d)
		return NULL;
	d->io = sd_event_source_disable_unref(d->io);
	d->timer = sd_event_source_disable_unref(d->timer);
	free(d);
	return NULL;
}
