/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judge: one event from its slot to its answer
 *
 * Owns: the slot it was handed, to the end: policy line, scan, decision, answer, close.
 * Must not own: what policy says (policy_match(), decide()) or how bytes are judged (engine).
 * Hands off to: slot_answer(), inquiry_report(), slot_release(), in this order (I2).
 */
#include "daemon/scanner/bytes.h"
#include "daemon/scanner/cached.h"
#include "daemon/scanner/join.h"
#include "daemon/scanner/rescue.h"
#include "daemon/scanner/solo.h"
#include "daemon/scanner/wish.h"

#include <errno.h>
#include <string.h>

#include "custos/clock.h"
#include "custos/unpack.h"

static void count_line(const struct inquiry *q)
{
	const struct scanner *sc = q->w->sc;

	if (q->line && q->line->index < LINE_HITS_MAX && !q->job->canary)
		atomic_fetch_add_explicit(
			&sc->cfg.shared->line_hits[sc->cfg.generation % 2][q->line->index], 1,
			memory_order_relaxed); /* a counter orders nothing */
}

static void fail(struct finding *f, enum reason reason)
{
	*f = (struct finding){.verdict = VERDICT_ERROR, .reason = reason};
}

static uint64_t max_size(const struct inquiry *q)
{
	return q->line && q->line->max_size_bytes ? q->line->max_size_bytes :
	                                            q->w->sc->cfg.settings.max_file_size_bytes;
}

/* Files nobody can or may look at. */
static bool cannot_scan(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;
	enum reason known;

	if (q->job->stat_error) {
		cache_clear(&sc->cfg.cache); /* whose verdict to forget cannot be told */
		fail(&q->finding, REASON_IO);
		return true;
	}
	known = crash_of(sc, q->job);
	if (known == REASON_NONE)
		return false;
	cached_opened(sc, q->job);
	fail(&q->finding, known);
	return true;
}

static void read_file(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;
	struct slot *slot = q->job->slot;
	const struct engine_input in = {
		.fd = slot->fd,
		.st = &q->job->st,
		.max_size_bytes = max_size(q),
		.deadline = slot->kind == SLOT_PERMISSION ?
		                    atomic_load_explicit(&slot->deadline, memory_order_relaxed) :
		                    clock_now() + UNTIMED_SCAN_NSEC,
		.path = q->query.path,
		.keep_bytes = inquiry_opens(q),
		.ret_digests = &q->digests,
		.known_clean = bytes_known,
		.userdata = q,
	};

	crash_working_on(slot_index(sc->slots, slot) + 1);
	atomic_store_explicit(&slot->work_began, clock_now() & ~SLOT_WORK_RULES, memory_order_relaxed);
	engine_scan(q->w->engine, &in, &q->finding);
	if (in.keep_bytes)
		/* At a stop nobody waits for what is no open. */
		unpack_judge(q->w->archives, q->w->payloads, q->w->engine, &in,
		             slot->kind == SLOT_PERMISSION ? NULL : &sc->finish, &q->finding);
	atomic_store_explicit(&slot->work_began, 0, memory_order_relaxed);
	crash_working_on(0);
	if (q->job->suspect && q->finding.reason != REASON_TIMEOUT)
		crash_acquit(sc, q->job);
	/* Before the answer: the opener may be the next to ask. */
	cached_keep(q);
	bytes_keep(q);
	if (q->job->canary)
		return;
	stats_add(&sc->cfg.shared->stats, q->w->shard, COUNT_SCANS, 1);
	stats_add(&sc->cfg.shared->stats, q->w->shard, COUNT_SCANNED_BYTES,
	          q->finding.size_bytes);
}

/* Return: false when another thread will answer. */
static bool scan(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;
	struct job *job = q->job;

	if (cannot_scan(q))
		return true;
	if (sc->uses_names)
		inquiry_learn_path(q);
	if (job->slot->kind != SLOT_REQUEST) {
		join_began(job->place); /* a cached verdict is proven now: right for all who came before */
		if (cached_find(q, max_size(q)))
			return true;
		if (!job->place && join_wait(q, max_size(q)))
			return false;
		if (!job->place)
			job->place = join_open(q, max_size(q));
	}
	if (!q->may_read || !solo_begin(q)) {
		job->unpacks = job->slot->kind == SLOT_PERMISSION && inquiry_opens(q);
		scanner_queue(sc, job);
		return false;
	}
	join_began(job->place);
	read_file(q);
	solo_end(q);
	return true;
}

/* The line is known: it may be stricter about time than the default was. */
static void apply_line(struct inquiry *q)
{
	struct slot *slot = q->job->slot;
	bool deny;

	if (!q->line || slot->kind != SLOT_PERMISSION)
		return;
	deny = q->line->action == POLICY_SCAN && q->line->on_error == ON_ERROR_DENY;
	if (deny) {
		inquiry_learn_path(q);
		deny = !boot_critical(q->query.path);
	}
	atomic_store_explicit(&slot->late_deny, deny, memory_order_relaxed);
	/* Not before now: an event that has waited longer than its line allows is late by our queue,
	 * and the keeper would take us for hung. */
	if (q->line->timeout)
		atomic_store_explicit(&slot->deadline,
		                      MAX(slot->read_at + q->line->timeout, clock_now()),
		                      memory_order_relaxed);
}

static void count(struct inquiry *q, bool deny)
{
	struct stats *stats = &q->w->sc->cfg.shared->stats;

	if (q->job->canary)
		return;
	stats_add(stats, q->w->shard, deny ? COUNT_DENIED : COUNT_ALLOWED, 1);
	if (q->finding.verdict == VERDICT_ERROR)
		stats_add(stats, q->w->shard, COUNT_ERRORS, 1);
}

/* The deadline was faster than we: record what really happened. */
static void correct_late(struct inquiry *q, struct decision *d)
{
	struct slot *slot = q->job->slot;
	bool denied = slot_answered_deny(slot);

	if (d->deny != denied) {
		d->deny = denied;
		d->action = denied ? RECORD_DENY :
		            d->action == RECORD_ALLOW ? RECORD_ALLOW : RECORD_LOG;
	}
	d->flags |= RECORD_LATE | RECORD_LOGGED;
	if (q->job->rescued && q->finding.verdict != VERDICT_MALICIOUS)
		q->finding.reason = REASON_RESCUE;
	else if (q->finding.verdict == VERDICT_CLEAN)
		q->finding.reason = REASON_TIMEOUT;
}

static void send_answer(struct inquiry *q, struct decision *d)
{
	struct slot *slot = q->job->slot;
	nsec_t deadline = atomic_load_explicit(&slot->deadline, memory_order_relaxed);

	if (q->job->canary && q->finding.verdict == VERDICT_MALICIOUS)
		stats_add(&q->w->sc->cfg.shared->stats, q->w->shard, COUNT_CANARY_CAUGHT, 1);
	/* Also -EALREADY: judged again after a crash that came between answer and record. */
	if (slot_answer(slot, FD_GROUP, d->deny) == -EALREADY &&
	    (q->job->rescued || clock_now() > deadline))
		correct_late(q, d);
	if (!q->cached && clock_now() <= deadline && (q->finding.verdict == VERDICT_CLEAN ||
	                        q->finding.verdict == VERDICT_MALICIOUS))
		rescue_in_time(q->w->sc->cfg.shared);
	count(q, d->deny);
}

static void answer(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;
	struct slot *slot = q->job->slot;
	enum mode mode = (enum mode)atomic_load_explicit(&sc->cfg.shared->mode,
	                                                 memory_order_relaxed);
	struct decision d;
	nsec_t spent;

	/* Names first: a denial is logged, and only a blocked opener keeps its facts stable. */
	d = decide(q->line, &q->finding, mode, NULL);
	if (d.flags & RECORD_LOGGED || d.deny) {
		inquiry_learn_path(q);
		inquiry_learn_opener(q);
		d = decide(q->line, &q->finding, mode, q->query.path);
	}
	if (slot->kind == SLOT_PERMISSION)
		send_answer(q, &d);
	else
		atomic_fetch_sub_explicit(&sc->n_notices, 1, memory_order_relaxed);
	spent = clock_now() - slot->read_at;
	count_line(q);
	cached_note(q);
	if (q->cached)
		wish_hold(q, max_size(q));
	inquiry_report(q, &d, spent);
	slot_release(sc->slots, slot);
}

/* The line says enough: nobody looks at the bytes. */
static void pass(struct inquiry *q)
{
	if (q->job->slot->kind == SLOT_PERMISSION)
		cached_opened(q->w->sc, q->job);
	q->finding = (struct finding){.verdict = VERDICT_UNKNOWN, .reason = REASON_POLICY};
}

/* Somebody has scanned its file since it came. The line is found once more: facts of the opener are not
 * kept meanwhile. Return: false when it has to be judged anew. */
static bool judge_shared(struct worker *w, struct job *job, const struct finding *f)
{
	struct inquiry q = {.w = w, .job = job, .finding = *f};

	(void)inquiry_find_line(&q, 0);
	if (!q.line || q.line->action != POLICY_SCAN)
		return false; /* its line has expired */
	stats_add(&w->sc->cfg.shared->stats, w->shard, COUNT_JOINED, 1);
	answer(&q);
	return true;
}

/* It came too late for the scan that is done. Return: it has joined those of @leader. */
static bool wait_again(struct worker *w, struct job *job, const struct job *leader)
{
	struct inquiry q = {.w = w, .job = job};

	if (!leader->place)
		return false;
	(void)inquiry_find_line(&q, 0);
	if (w->sc->uses_names)
		inquiry_learn_path(&q);
	return join_wait(&q, max_size(&q));
}

/* The first of those who came too late is scanned for all of them. */
static void lead(struct worker *w, struct job *job)
{
	struct inquiry q = {.w = w, .job = job};

	(void)inquiry_find_line(&q, 0);
	if (w->sc->uses_names)
		inquiry_learn_path(&q);
	job->place = join_open(&q, max_size(&q));
}

/* Those who came while @f was being found. */
static void judge_joined(struct worker *w, struct job *job, const struct finding *f, nsec_t began)
{
	struct job *leader = NULL;

	for (struct job *next; job; job = next) {
		next = job->joined;
		if (join_shares(job, f, began) && judge_shared(w, job, f))
			continue;
		if (!leader) {
			leader = job;
			lead(w, job);
		} else if (!wait_again(w, job, leader)) {
			scanner_requeue(w->sc, job);
		}
	}
	if (leader)
		scanner_requeue(w->sc, leader);
}

void worker_foresee(struct worker *w, struct job *job)
{
	struct inquiry q = {.w = w, .job = job};

	if (inquiry_find_line(&q, POLICY_FACT_SUBJECT))
		apply_line(&q);
}

void worker_judge(struct worker *w, struct job *job, bool may_read)
{
	struct scanner *sc = w->sc;
	struct inquiry q = {.w = w, .job = job, .may_read = may_read};
	struct job *joined;
	struct finding f;
	nsec_t began;

	if (job->slot->kind == SLOT_REQUEST) {
		(void)scan(&q); /* a worker may read */
		request_reply(sc, job->slot, &q.finding, clock_now() - job->slot->read_at);
		slot_release(sc->slots, job->slot);
		return;
	}
	(void)inquiry_find_line(&q, 0);
	apply_line(&q);
	/* Archives take long: not in a reader, and not in all workers at once. */
	if (job->slot->kind == SLOT_PERMISSION && inquiry_opens(&q) && !job->unpacks)
		q.may_read = false;
	if (!q.line || q.line->action != POLICY_SCAN)
		pass(&q);
	else if (!scan(&q))
		return;
	joined = join_end(sc, job->place, &began);
	if (joined)
		f = q.finding; /* answering may change what it says of this event */
	answer(&q);
	if (joined)
		judge_joined(w, joined, &f, began);
}
