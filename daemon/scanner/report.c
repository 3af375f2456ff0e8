/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report: what becomes of an event in the journal, the events and the statistics
 *
 * Owns: the record, and the choice of what is worth one. Must not own: rings (audit.c).
 * Runs after the answer: nobody waits for it any more.
 */
#include "daemon/scanner/inquiry.h"

#include <string.h>

#include "custos/clock.h"

/* Of quick clean scans, one in this many goes into the statistics, with this weight. */
#define SAMPLE_EVERY 16
#define SLOW_NSEC    (5 * NSEC_PER_MSEC)

static void put_opener(struct record *r, const struct facts *f)
{
	r->flags |= RECORD_SUBJECT;
	r->uid = f->uid;
	r->gid = f->gid;
	r->container = f->container;
	memcpy(r->exe, f->exe, sizeof(r->exe));
	memcpy(r->unit, f->unit, sizeof(r->unit));
	memcpy(r->cgroup, f->cgroup, sizeof(r->cgroup));
}

static void put_finding(struct record *r, const struct inquiry *q)
{
	const struct finding *f = &q->finding;

	r->verdict = f->verdict;
	r->reason = f->reason;
	r->size_bytes = (uint64_t)q->job->st.st_size;
	if (q->cached)
		r->flags |= RECORD_CACHED;
	if (f->partial)
		r->flags |= RECORD_PARTIAL;
	if (f->windows)
		r->flags |= RECORD_WINDOWS;
	if (f->has_sha256) {
		r->flags |= RECORD_SHA256;
		memcpy(r->sha256, f->sha256, sizeof(r->sha256));
	}
	r->member = f->member;
	r->match = f->match;
}

static void make_record(struct inquiry *q, const struct decision *d, nsec_t spent)
{
	const struct slot *slot = q->job->slot;
	struct record *r = &q->w->record;

	memset(r, 0, offsetof(struct record, path));
	r->wall_usec = slot->wall_usec;
	r->spent_nsec = spent;
	r->dev = q->job->st.st_dev;
	r->ino = q->job->st.st_ino;
	r->mtime_nsec = timespec_nsec(&q->job->st.st_mtim);
	r->pid = (uint32_t)slot->pid;
	r->event = q->query.event;
	r->action = d->action;
	r->flags = d->flags;
	r->policy_index = q->line ? q->line->index : RECORD_POLICY_NONE;
	r->generation = q->w->sc->cfg.generation;
	r->weight = 1;
	put_finding(r, q);
	if (q->opener)
		put_opener(r, q->opener);
	r->path_len = (uint32_t)q->path_len;
	memcpy(r->path, q->w->path, q->path_len);
	r->path[q->path_len] = '\0';
}

/* Does this scan go into the statistics? Slow ones always, quick ones by sample. */
static unsigned sample_weight(struct worker *w, nsec_t spent)
{
	if (spent >= SLOW_NSEC)
		return 1;
	return ++w->sample % SAMPLE_EVERY == 0 ? SAMPLE_EVERY : 0;
}

void inquiry_report(struct inquiry *q, const struct decision *d, nsec_t spent)
{
	struct slot *slot = q->job->slot;
	bool detection = d->action != RECORD_ALLOW;
	unsigned weight = 1;

	if (slot->audited || q->job->canary)
		return;
	/* With log=none too, the supervisor must hear of what it has to put away. */
	if (!(d->flags & RECORD_LOGGED) && d->action != RECORD_QUARANTINE) {
		weight = sample_weight(q->w, spent);
		if (weight == 0)
			return;
	}
	if (!q->path_len)
		inquiry_learn_path(q);
	make_record(q, d, spent);
	q->w->record.weight = weight;
	audit_push(q->w->sc, &q->w->record, detection);
	slot->audited = 1;
}
