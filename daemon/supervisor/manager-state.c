/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manager: questions and orders of the admin socket
 *
 * Owns: how state is derived (nothing here is stored twice) and the mode in force.
 * Must not own: who may ask (methods.c).
 */
#include "daemon/supervisor/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/clock.h"

#include "daemon/shared.h"
#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/holder.h"
#include "daemon/supervisor/drain.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/loader.h"
#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/quarantine.h"
#include "daemon/supervisor/requests.h"

/* Longest time monitor mode may be asked for: weakening always ends. */
#define MODE_TTL_MAX (7 * 24 * 3600 * NSEC_PER_SEC)

static const char *const state_names[] = {
	[STATE_STARTING] = "starting",     [STATE_ENFORCING] = "enforcing",
	[STATE_MONITORING] = "monitoring", [STATE_DEGRADED] = "degraded",
	[STATE_STOPPING] = "stopping",
};

const char *manager_state_name(enum manager_state s)
{
	return state_names[s];
}

static bool is_degraded(const struct manager *m)
{
	return m->pair_lost || !pair_ready(m->pair) || m->mark_error ||
	       coverage_n_failed(m->coverage) > 0;
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

size_t manager_reasons(const struct manager *m, const char **reasons, size_t max)
{
	const char *all[] = {
		m->pair_lost ? "the scanner pair was lost; opens wait until a new one answers" : NULL,
		m->mark_error,
		m->last_reload_error,
		m->mode == MODE_MONITOR && !m->mode_reason ? "Mode=monitor in the configuration: "
		                                             "nothing is denied" :
		                                             NULL,
		m->mode_reason,
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all) && n < max; i++)
		if (all[i])
			reasons[n++] = all[i];
	return n;
}

void manager_pids(const struct manager *m, struct manager_pids *ret)
{
	*ret = (struct manager_pids){
		.supervisor = getpid(),
		.keeper = pair_keeper(m->pair),
		.scanner = pair_scanner(m->pair),
	};
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
		.held_files = holder_n(m->holder),
		.rules_spared = stats_sum(s, COUNT_RULES_SPARED),
		.scanned_bytes = stats_sum(s, COUNT_SCANNED_BYTES),
		.timeouts = stats_sum(s, COUNT_TIMEOUTS),
		.errors = stats_sum(s, COUNT_ERRORS),
		.scanner_restarts = pair_restarts(m->pair),
		.oldest_pending_usec = slots_oldest_pending(shared_slots(m->shared), N_SLOTS,
		                                            clock_now()) / NSEC_PER_USEC,
	};
	drain_dropped(m->drain, &ret->dropped_detections, &ret->dropped_routine);
}

uint64_t manager_line_hits(const struct manager *m, unsigned index)
{
	return index < LINE_HITS_MAX ? atomic_load(&m->shared->line_hits[m->generation % 2][index]) :
	                               0;
}

size_t manager_coverage_n(const struct manager *m)
{
	return coverage_n(m->coverage);
}

void manager_coverage_row(const struct manager *m, size_t i, struct coverage_row *ret)
{
	*ret = *coverage_row(m->coverage, i);
}

int manager_reload(struct manager *m, manager_reload_fn done, void *userdata)
{
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

int manager_quarantine(struct manager *m, const struct quarantine_ask *ask,
                       manager_quarantine_fn done, void *userdata)
{
	return quarantine_ask(m->quarantine, ask, done, userdata);
}

void manager_quarantine_cancel(struct manager *m, void *userdata)
{
	quarantine_cancel(m->quarantine, userdata);
}

static void put_mode(struct manager *m, enum mode mode, nsec_t until, char *reason)
{
	m->mode = mode;
	m->mode_until = until;
	free(m->mode_reason);
	m->mode_reason = reason;
	atomic_store(&m->shared->mode, mode);
}

static int on_mode_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	(void)usec;
	put_mode(m, m->conf.mode, 0, NULL);
	journal_event(m->journal, JOURNAL_MODE_CHANGED, LOG_NOTICE,
	              "the time for another mode is over: %s", mode_name(m->mode));
	return 0;
}

int manager_set_mode(struct manager *m, enum mode mode, nsec_t ttl, const char *reason, uid_t by)
{
	char *text = NULL;
	uint64_t now;
	int r;

	if (mode == MODE_MONITOR && (!reason || !*reason || ttl == 0 || ttl > MODE_TTL_MAX))
		return -EINVAL;
	if (reason && *reason && !(text = strdup(reason)))
		return -ENOMEM;
	m->mode_timer = sd_event_source_disable_unref(m->mode_timer);
	r = sd_event_now(m->event, CLOCK_MONOTONIC, &now);
	if (r >= 0 && ttl)
		r = sd_event_add_time(m->event, &m->mode_timer, CLOCK_MONOTONIC,
		                      now + ttl / NSEC_PER_USEC, 1, on_mode_timer, m);
	if (r < 0) {
		free(text);
		return r;
	}
	journal_event(m->journal, JOURNAL_MODE_CHANGED,
	              mode == MODE_MONITOR ? LOG_WARNING : LOG_NOTICE,
	              "mode %s for %llu s by uid %u: %s", mode_name(mode),
	              (unsigned long long)(ttl / NSEC_PER_SEC), by, text ?: "no reason given");
	put_mode(m, mode, ttl ? clock_now() + ttl : 0, text);
	return 0;
}

void manager_flush_cache(struct manager *m, uid_t by)
{
	/* In this order: what is held after it was judged after it, too. */
	cache_clear(&m->cache);
	holder_forget(m->holder);
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

int manager_explain(struct manager *m, int fd, const char *path, const char *exe, uid_t uid,
                    struct manager_explanation *ret)
{
	const struct coverage_row *row;
	const char *points[1];
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

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct manager_explanation){.mark = "none"};
	q.dev = st.st_dev;
	q.size_bytes = (uint64_t)st.st_size;
	q.owner = st.st_uid;
	row = coverage_find(m->coverage, st.st_dev);
	if (row) {
		ret->row = *row;
		ret->covered = strcmp(row->state, "protected") == 0;
		ret->mark = ret->covered ? "filesystem" : "none";
		points[0] = row->mount_point;
		q.fs_type = row->fs_type;
		q.mount_points = points;
		q.n_mount_points = 1;
	}
	explain_cached(m, &st, ret);
	(void)policy_match(m->policy, &q, (int64_t)(clock_wall_usec() / USEC_PER_SEC),
	                   &ret->line);
	return 0;
}
