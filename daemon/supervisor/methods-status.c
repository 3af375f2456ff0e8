/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: Status, Stats
 *
 * Owns: their JSON. Must not own: the facts (manager.h, statistics.h).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "custos/clock.h"
#include "methods.h"
#include "statistics.h"

/* Bytes of names in one reply; what does not fit is counted. Escapes and base64 make at
 * most seven of one, so that the message stays below VARLINK_MESSAGE_MAX. */
#define COVERAGE_BYTES_MAX (96U * 1024)
/* Keys are up to 4096 bytes, and each may be sent twice. */
#define STATS_BYTES_MAX (96U * 1024)
#define STATS_TOP_DEFAULT 10

static json_t *reasons_json(const struct manager *m)
{
	const char *reasons[MANAGER_REASONS_MAX];
	size_t n = manager_reasons(m, reasons, ARRAY_SIZE(reasons));
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *one = json_object();

		/* Reasons may name paths: make them safe the same way. */
		if (varlink_set_bytes(one, "r", reasons[i], strlen(reasons[i])) == 0)
			(void)json_array_append(array, json_object_get(one, "r"));
		json_decref(one);
	}
	return array;
}

static json_t *coverage_row_json(const struct coverage_row *row)
{
	char device[32];
	json_t *o;

	snprintf(device, sizeof(device), "%u:%u", major(row->dev), minor(row->dev));
	o = json_pack("{s:s, s:s}", "device", device, "state", row->state);
	if (o && row->namespace &&
	    (json_object_set_new(o, "namespace", reply_int(row->namespace)) < 0 ||
	     json_object_set_new(o, "pid", json_integer(row->pid)) < 0)) {
		json_decref(o);
		return NULL;
	}
	if (!o ||
	    varlink_set_bytes(o, "mountPoint", row->mount_point,
	                      strlen(row->mount_point)) < 0 ||
	    varlink_set_bytes(o, "fsType", row->fs_type, strlen(row->fs_type)) < 0 ||
	    reply_set_text(o, "reason", row->reason) < 0 ||
	    reply_set_text(o, "canary", row->canary) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *coverage_json(const struct manager *m, size_t *ret_omitted)
{
	json_t *array = json_array();
	size_t n = manager_coverage_n(m), i, bytes = 0;

	for (i = 0; i < n; i++) {
		struct coverage_row row;

		manager_coverage_row(m, i, &row);
		bytes += strlen(row.mount_point) + strlen(row.fs_type) + 64;
		bytes += row.reason ? strlen(row.reason) : 0;
		bytes += row.canary ? strlen(row.canary) : 0;
		if (bytes > COVERAGE_BYTES_MAX)
			break;
		if (json_array_append_new(array, coverage_row_json(&row)) < 0)
			break;
	}
	*ret_omitted = n - i;
	return array;
}

static int add_remote(json_t *o, const struct manager_counters *n)
{
	json_t *remote = json_pack("{s:o, s:o, s:o, s:o, s:o}", "remoteJudged",
	                           reply_int(n->remote_judged), "remoteFound",
	                           reply_int(n->remote_found), "remoteRefused",
	                           reply_int(n->remote_refused), "remoteLate",
	                           reply_int(n->remote_late), "remoteMissed",
	                           reply_int(n->remote_missed));
	int r = remote ? json_object_update(o, remote) : -1;

	json_decref(remote);
	return r;
}

static json_t *counters_json(const struct manager *m)
{
	struct manager_counters n;
	json_t *o;

	manager_counters(m, &n);
	o = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o}",
		"events", reply_int(n.events), "allowed", reply_int(n.allowed),
		"denied", reply_int(n.denied), "cacheHits", reply_int(n.cache_hits),
		"scans", reply_int(n.scans), "scannedBytes", reply_int(n.scanned_bytes),
		"rulesSpared", reply_int(n.rules_spared),
		"joined", reply_int(n.joined),
		"heldFiles", reply_int(n.held_files),
		"refusedByKernel", reply_int(n.refused_by_kernel),
		"closesSkipped", reply_int(n.closes_skipped),
		"timeouts", reply_int(n.timeouts), "errors", reply_int(n.errors),
		"scannerRestarts", reply_int(n.scanner_restarts), "droppedRecords",
		reply_int(n.dropped_detections + n.dropped_routine),
		"droppedDetections", reply_int(n.dropped_detections),
		"oldestPendingUsec", reply_int(n.oldest_pending_usec), "gapUsec",
		reply_int(n.gap_usec));
	if (o && add_remote(o, &n) == 0)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *pids_json(const pid_t *pids, unsigned n)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < n; i++)
		(void)json_array_append_new(array, json_integer(pids[i])); /* fewer then */
	return array;
}

static json_t *processes_json(const struct manager *m)
{
	struct manager_pids pids;

	manager_pids(m, &pids);
	return json_pack("{s:i, s:i, s:i, s:i, s:o, s:o}", "supervisor", (int)pids.supervisor,
	                 "keeper", (int)pids.keeper, "anchor", (int)pids.anchor, "scanner",
	                 (int)pids.scanner, "outposts", pids_json(pids.outpost, pids.n_outposts),
	                 "gates", pids_json(pids.gate, pids.n_gates));
}

static json_t *rules_json(const struct manager *m)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "generation", reply_int(m->generation),
	                 "yara", reply_int(m->rules.n_yara), "hashes",
	                 reply_int(m->rules.n_hashes), "allowHashes",
	                 reply_int(m->rules.n_allow_hashes));
}

/* Why and how much longer the mode differs from the configured one. */
static int set_mode_details(json_t *o, const struct manager *m)
{
	nsec_t now = clock_now();

	if (m->mode_until > now &&
	    json_object_set_new(o, "modeRemainingUsec",
	                        reply_int((m->mode_until - now) / NSEC_PER_USEC)) < 0)
		return -ENOMEM;
	if (reply_set_text(o, "modeReason", m->mode_reason) < 0)
		return -ENOMEM;
	return reply_set_errors(o, "lastReloadError", m->last_reload_error);
}

void method_status(struct connection *c, json_t *parameters)
{
	const struct manager *m = c->server->m;
	size_t omitted;
	json_t *coverage = coverage_json(m, &omitted);
	json_t *o;

	o = json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
	              manager_state_name(manager_state(m)), "reasons", reasons_json(m),
	              "mode", mode_name(m->mode), "version", CUSTOS_VERSION,
	              "uptimeUsec",
	              reply_int((clock_now() - m->started) / NSEC_PER_USEC), "rules",
	              rules_json(m), "coverage", coverage, "coverageOmitted",
	              reply_int(omitted), "processes", processes_json(m), "counters",
	              counters_json(m), "namespaces", reply_int(manager_namespaces_max(m)));
	if (o && (set_mode_details(o, m) < 0 ||
	          json_object_set_new(o, "bundles", manager_bundles(m)) < 0)) {
		json_decref(o);
		o = NULL;
	}
	call_reply(c, o, false);
}

static json_t *stats_row_json(const struct statistics_row *row)
{
	json_t *o = json_pack("{s:o, s:o, s:o}", "count", reply_int(row->n_events),
	                      "usec", reply_int(row->total_usec), "maxUsec",
	                      reply_int(row->max_usec));

	if (o && varlink_set_bytes(o, "key", row->key, strlen(row->key)) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

void method_stats(struct connection *c, json_t *parameters)
{
	struct statistics_row rows[STATISTICS_KEYS_MAX];
	const char *name = param_string(parameters, "by");
	int64_t top = param_int(parameters, "top", STATS_TOP_DEFAULT);
	enum statistics_by by = STATISTICS_PATH;
	json_t *array;
	size_t n, bytes = 0;

	if (name && !statistics_by_from_name(name, &by)) {
		call_invalid(c, "by");
		return;
	}
	if (top < 1 || top > STATISTICS_KEYS_MAX) {
		call_invalid(c, "top");
		return;
	}
	n = statistics_top(c->server->m->statistics, by, rows, (size_t)top);
	array = json_array();
	for (size_t i = 0; i < n && (bytes += strlen(rows[i].key)) < STATS_BYTES_MAX;
	     i++)
		(void)json_array_append_new(
			array, stats_row_json(&rows[i])); /* fewer rows then */
	call_reply(c,
	           json_pack("{s:s, s:o}", "by", statistics_by_name(by), "rows", array),
	           false);
}
