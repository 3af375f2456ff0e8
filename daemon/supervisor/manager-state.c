/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manager: questions and orders of the admin socket
 *
 * Owns: how state is derived (nothing here is stored twice).
 * Must not own: who may ask (methods.c).
 */
#include "daemon/supervisor/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/unasked.h"

#include "daemon/shared.h"
#include "daemon/supervisor/bundles.h"
#include "daemon/supervisor/canary.h"
#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/foreign.h"
#include "daemon/supervisor/holder.h"
#include "daemon/supervisor/drain.h"
#include "daemon/supervisor/handover.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/loader.h"
#include "daemon/supervisor/outposts.h"
#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/quarantine.h"
#include "daemon/supervisor/renew.h"
#include "daemon/supervisor/requests.h"
#include "daemon/supervisor/rivals.h"
#include "daemon/supervisor/rule-report.h"

static const char *const state_names[] = {
	[STATE_STARTING] = "starting",     [STATE_ENFORCING] = "enforcing",
	[STATE_MONITORING] = "monitoring", [STATE_DEGRADED] = "degraded",
	[STATE_STOPPING] = "stopping",
};

const char *manager_state_name(enum manager_state s)
{
	return state_names[s];
}

/* The keeper cannot give up more. */
static bool nobody_scans(const struct manager *m)
{
	return pair_lost(m->pair) >= KEEPER_LOST_MAX;
}

static bool is_crash_loop(const struct manager *m)
{
	return atomic_load(&m->shared->loop_pause_sec) != 0;
}

static bool is_rescue(const struct manager *m)
{
	return atomic_load(&m->shared->rescue_until) > clock_now();
}

static bool is_degraded(const struct manager *m)
{
	const char *reason;

	return m->pair_lost || nobody_scans(m) || is_crash_loop(m) || is_rescue(m) ||
	       !pair_ready(m->pair) || m->mark_error || foreign_reason(m->foreign) ||
	       canary_reason(m->canary) || rule_report_reason(m->rule_report) ||
	       coverage_n_failed(m->coverage) > 0 || outposts_reason(m->outposts) ||
	       bundles_reasons(m->bundles, &reason, 1) > 0;
}

enum manager_state manager_state(const struct manager *m)
{
	if (m->stopping)
		return STATE_STOPPING;
	if (m->generation == 0)
		return STATE_STARTING;
	if (is_degraded(m))
		return STATE_DEGRADED;
	return m->mode == MODE_MONITOR ? STATE_MONITORING : STATE_ENFORCING;
}

/* Why less is denied than could be, or will be after a restart. */
static const char *mode_warning(const struct manager *m)
{
	if (m->mode == MODE_MONITOR)
		return m->mode_ordered ? m->mode_reason :
		                         "Mode=monitor in the configuration: nothing is denied";
	return m->conf.mode == MODE_MONITOR ?
	               "ordered by custosctl, until custosd ends: the configuration says "
	               "Mode=monitor" :
	               NULL;
}

static const char *lost_warning(const struct manager *m)
{
	if (nobody_scans(m))
		return "too many scanners were killed and wait in the kernel for files: opens are "
		       "answered as on-error= says";
	return pair_lost(m->pair) ? "a scanner was killed and waits in the kernel for a file, which "
	                            "cannot be judged until its writer or its disk goes on" :
	                            NULL;
}

static const char *group_warning(const struct manager *m)
{
	return m->operators_unknown ?
	               "OperatorGroup= names a group that this system does not know: only root may "
	               "give orders" :
	               NULL;
}

size_t manager_reasons(const struct manager *m, const char **reasons, size_t max)
{
	const char *all[] = {
		m->pair_lost ? "the scanner pair was lost; opens wait until a new one answers" : NULL,
		is_rescue(m) ? "rescue: nothing is judged in time, so opens by root are let through for a "
		               "minute; Rescue=no turns it off" :
		               NULL,
		is_crash_loop(m) ? "scanners end as soon as they start: opens are answered as on-error= "
		                   "says; tried again within 30 s. Their ends are in the journal; memory "
		                   "and the last change of rules are the first to look at" :
		                   NULL,
		lost_warning(m),
		group_warning(m),
		m->mark_error,
		outposts_reason(m->outposts),
		outposts_idle(m->outposts),
		foreign_reason(m->foreign),
		canary_reason(m->canary),
		rivals_reason(m->rivals),
		m->last_reload_error,
		rule_report_reason(m->rule_report),
		mode_warning(m),
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all) && n < max; i++)
		if (all[i])
			reasons[n++] = all[i];
	return n + bundles_reasons(m->bundles, reasons + n, max - n);
}

void manager_pids(const struct manager *m, struct manager_pids *ret)
{
	*ret = (struct manager_pids){
		.supervisor = getpid(),
		.keeper = pair_keeper(m->pair),
		.anchor = pair_anchor(m->pair),
		.scanner = pair_scanner(m->pair),
	};
	outposts_pids(m->outposts, ret);
}

/* Between scanner and supervisor, and between supervisor and journald. */
static void add_losses(const struct manager *m, struct manager_counters *ret)
{
	struct journal_counts n = {0};

	drain_dropped(m->drain, &ret->dropped_detections, &ret->dropped_routine);
	if (m->journal)
		journal_counts(m->journal, &n);
	ret->dropped_detections += n.dropped_detections;
	ret->dropped_routine += n.dropped_routine + n.dropped_operation;
}

static void add_remote(const struct manager *m, struct manager_counters *ret)
{
	struct outposts_counts n;

	outposts_counts(m->outposts, &n);
	ret->remote_judged = n.judged;
	ret->remote_found = n.found;
	ret->remote_refused = n.refused;
	ret->remote_late = n.late;
	ret->remote_missed = n.unreadable + n.lost;
}

void manager_counters(const struct manager *m, struct manager_counters *ret)
{
	const struct stats *s = &m->shared->stats;

	*ret = (struct manager_counters){
		.events = stats_sum(s, COUNT_EVENTS),
		.allowed = stats_sum(s, COUNT_ALLOWED),
		.denied = stats_sum(s, COUNT_DENIED),
		.cache_hits = stats_sum(s, COUNT_CACHE_HITS),
		.scans = stats_sum(s, COUNT_SCANS),
		.joined = stats_sum(s, COUNT_JOINED),
		.held_files = holder_n(m->holder),
		.rules_spared = stats_sum(s, COUNT_RULES_SPARED),
		.refused_by_kernel = stats_sum(s, COUNT_REFUSED_BY_KERNEL),
		.closes_skipped = stats_sum(s, COUNT_SKIPPED),
		.scanned_bytes = stats_sum(s, COUNT_SCANNED_BYTES),
		.timeouts = stats_sum(s, COUNT_TIMEOUTS),
		.errors = stats_sum(s, COUNT_ERRORS),
		.scanner_restarts = pair_restarts(m->pair),
		.gap_usec = handover_gap(m->handover),
		.oldest_pending_usec = slots_oldest_pending(shared_slots(m->shared), N_SLOTS,
		                                            clock_now()) / NSEC_PER_USEC,
	};
	add_losses(m, ret);
	add_remote(m, ret);
}

uint64_t manager_line_hits(const struct manager *m, unsigned index)
{
	return index < LINE_HITS_MAX ? atomic_load(&m->shared->line_hits[m->generation % 2][index]) :
	                               0;
}

size_t manager_namespaces_max(const struct manager *m)
{
	return foreign_max(m->foreign);
}

size_t manager_coverage_n(const struct manager *m)
{
	return coverage_n(m->coverage) + foreign_n(m->foreign);
}

void manager_coverage_row(const struct manager *m, size_t i, struct coverage_row *ret)
{
	const size_t n = coverage_n(m->coverage);

	*ret = i < n ? *coverage_row(m->coverage, i) : *foreign_row(m->foreign, i - n);
	ret->canary = canary_of(m->canary, ret->dev);
	outposts_row(m->outposts, ret);
}

int manager_reload(struct manager *m, manager_reload_fn done, void *userdata)
{
	if (m->ready_sent && renew_is_due())
		return renew_start(m, done, userdata);
	return loader_request(m->loader, done, userdata);
}

int manager_scan(struct manager *m, int fd, const char *path, manager_scan_fn done, void *userdata)
{
	(void)path; /* the scanner asks the kernel for the name of what it was given */
	return requests_add(m->requests, fd, done, userdata);
}

void manager_scan_cancel(struct manager *m, void *userdata)
{
	requests_cancel(m->requests, userdata);
}

const struct rules_report *manager_rules_report(const struct manager *m)
{
	return rule_report_get(m->rule_report);
}

uint64_t manager_rule_set_generation(const struct manager *m, uint32_t i)
{
	return rule_report_generation(m->rule_report, i);
}

int manager_quarantine(struct manager *m, const struct quarantine_ask *ask,
                       manager_quarantine_fn done, void *userdata)
{
	return quarantine_ask(m->quarantine, ask, done, userdata);
}

void manager_quarantine_cancel(struct manager *m, void *userdata)
{
	quarantine_cancel(m->quarantine, userdata);
}

const char *manager_bundles_text(const struct manager *m, uint64_t generation)
{
	return bundles_text(m->bundles, generation);
}

void manager_flush_cache(struct manager *m, uid_t by)
{
	/* In this order: what is held after it was judged after it, too. */
	cache_clear(&m->cache);
	holder_forget(m->holder);
	outposts_forget(m->outposts);
	journal_event(m->journal, JOURNAL_CACHE_FLUSHED, LOG_NOTICE,
	              "all verdicts were forgotten by order of uid %u", by);
}

/* Values come from memory that scanners can write: only what they say of clean files is believed, and
 * it goes no further than the answer. */
static void explain_cached(const struct manager *m, const struct stat *st,
                           struct manager_explanation *ret)
{
	const struct cache_key key = {st->st_dev, st->st_ino};
	const usec_t now = clock_wall_usec();
	struct cache_value v;
	usec_t when;

	if (!cache_get(&m->cache, &key, &v) ||
	    v.word[CACHED_SIZE] != (uint64_t)st->st_size ||
	    v.word[CACHED_MTIME] != (uint64_t)timespec_nsec(&st->st_mtim) ||
	    v.word[CACHED_CTIME] != (uint64_t)timespec_nsec(&st->st_ctim) ||
	    CACHED_REASON(v.word[CACHED_ABOUT]) == CACHED_SEEN ||
	    v.word[CACHED_RULES] != atomic_load(&m->shared->rules_id))
		return;
	when = MIN(CACHED_WHEN_SEC(v.word[CACHED_ABOUT]) * USEC_PER_SEC, now);
	ret->cached = true;
	ret->verdict = VERDICT_CLEAN;
	ret->age_usec = now - when;
}

/* The file system's facts, as the scanner would learn them. */
static void explain_mount(const struct manager *m, dev_t dev, struct policy_query *q,
                          const char **points, struct manager_explanation *ret)
{
	const struct coverage_row *row = coverage_find(m->coverage, dev);

	q->dev = dev;
	q->mount_points = points;
	for (size_t i = 0; i < coverage_n(m->coverage) && q->n_mount_points < MOUNTS_PER_FILE; i++)
		if (coverage_row(m->coverage, i)->dev == dev)
			points[q->n_mount_points++] = coverage_row(m->coverage, i)->mount_point;
	if (!row)
		row = foreign_find(m->foreign, dev);
	if (!row)
		return;
	ret->row = *row;
	outposts_row(m->outposts, &ret->row);
	ret->covered = strcmp(ret->row.state, "protected") == 0 ||
	               strcmp(ret->row.state, OUTPOSTS_BLOCKING) == 0;
	ret->mark = ret->covered ? "filesystem" :
	            strcmp(ret->row.state, OUTPOSTS_ASYNC) == 0 ? "afterwards" : "none";
	q->fs_type = row->fs_type;
	q->watched = ret->covered;
}

int manager_explain(struct manager *m, int fd, const char *path, const char *exe, uid_t uid,
                    struct manager_explanation *ret)
{
	const char *points[MOUNTS_PER_FILE];
	struct policy_query q = {
		.known = POLICY_FACT_PATH | POLICY_FACT_MOUNT | POLICY_FACT_SUBJECT,
		.event = POLICY_OPEN,
		.path = path,
		.fs_type = "",
		.uid = uid,
		.gid = (gid_t)-1,
		.exe = exe ?: "",
		.unit = "",
		.slice = "",
		.cgroup = "",
	};
	struct stat st;
	int r;

	/* The file may be of a server that does not answer. */
	r = unasked_stat(fd, &st);
	if (r < 0)
		return r;
	*ret = (struct manager_explanation){.mark = "none"};
	q.size_bytes = (uint64_t)st.st_size;
	q.owner = st.st_uid;
	explain_mount(m, st.st_dev, &q, points, ret);
	explain_cached(m, &st, ret);
	(void)policy_match(m->policy, &q, (int64_t)(clock_wall_usec() / USEC_PER_SEC),
	                   &ret->line);
	return 0;
}
