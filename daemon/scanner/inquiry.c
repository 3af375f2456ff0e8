/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inquiry
 *
 * Owns: which facts about an event are asked for, each once and only when a line wants it.
 * Must not own: what follows from the line (judge.c), or how a fact is found (facts.c).
 */
#include "daemon/scanner/inquiry.h"

#include "custos/clock.h"
#include "custos/fan.h"

/* The opener is blocked while the broker looks it up; microseconds normally. */
#define FACTS_WAIT_NSEC (100 * NSEC_PER_MSEC)

void inquiry_learn_path(struct inquiry *q)
{
	struct worker *w = q->w;

	if (!q->path_len)
		q->path_len = facts_path(q->job->slot->fd, w->path, sizeof(w->path));
	q->query.path = w->path;
	q->query.known |= POLICY_FACT_PATH;
}

static void learn_mount(struct inquiry *q)
{
	unsigned n = facts_of_mount(q->w->sc, q->job->st.st_dev, q->mounts, MOUNTS_PER_FILE);

	for (unsigned i = 0; i < n; i++)
		q->mount_points[i] = q->mounts[i].mount_point;
	q->query.dev = q->job->st.st_dev;
	q->query.fs_type = n ? q->mounts[0].fs_type : "";
	q->query.mount_points = q->mount_points;
	q->query.n_mount_points = n;
	q->query.known |= POLICY_FACT_MOUNT;
}

/* Unknown subject facts are empty strings, which no predicate matches. */
void inquiry_learn_opener(struct inquiry *q)
{
	const struct facts *f = NULL;

	if (!q->asked_opener && q->job->slot->pid > 0)
		f = facts_of_opener(q->w->sc, q->job->slot, clock_now() + FACTS_WAIT_NSEC);
	q->asked_opener = true;
	q->opener = f ? f : q->opener;
	f = q->opener;
	q->query.uid = f ? f->uid : (uid_t)-1;
	q->query.gid = f ? f->gid : (gid_t)-1;
	q->query.exe = f ? f->exe : "";
	q->query.unit = f ? f->unit : "";
	q->query.slice = f ? f->slice : "";
	q->query.cgroup = f ? f->cgroup : "";
	q->query.container = f && f->container;
	q->query.known |= POLICY_FACT_SUBJECT;
}

static enum policy_event event_of(const struct slot *slot)
{
	if (slot->kind == SLOT_NOTICE)
		return POLICY_WRITE_CLOSE;
	return slot->mask & FAN_OPEN_EXEC_PERM ? POLICY_EXEC : POLICY_OPEN;
}

bool inquiry_opens(const struct inquiry *q)
{
	switch (q->job->slot->kind) {
	case SLOT_REQUEST:
		return q->w->sc->cfg.settings.archives_on_demand;
	case SLOT_NOTICE:
		return q->line && q->line->archives != ARCHIVES_NO;
	default:
		return q->line && q->line->archives == ARCHIVES_YES;
	}
}

bool inquiry_find_line(struct inquiry *q, unsigned unasked)
{
	const struct policy *policy = q->w->sc->cfg.policy;
	const int64_t now_sec = (int64_t)(q->job->slot->wall_usec / USEC_PER_SEC);
	unsigned missing;

	q->query.watched = true;
	q->query.event = event_of(q->job->slot);
	q->query.size_bytes = (uint64_t)q->job->st.st_size;
	q->query.owner = q->job->st.st_uid;
	/* At most three rounds: each learns a kind of fact for good. */
	while ((missing = policy_match(policy, &q->query, now_sec, &q->line))) {
		if (missing & unasked)
			return false;
		if (missing & POLICY_FACT_PATH)
			inquiry_learn_path(q);
		if (missing & POLICY_FACT_MOUNT)
			learn_mount(q);
		if (missing & POLICY_FACT_SUBJECT)
			inquiry_learn_opener(q);
	}
	return true;
}
