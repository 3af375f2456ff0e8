/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl metrics: the status in the text format of Prometheus
 *
 * Names have base units, counters end in _total, and no label holds a path, a user or a rule: their number is
 * bounded (prometheus.io/docs/practices/naming).
 *
 * Owns: names, and the file it is written to. Must not own: the facts (the daemon's Status).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "custos/cleanup.h"
#include "output.h"

#define USEC 1e-6

static const char *const states[] = {"starting", "enforcing", "monitoring", "degraded", "stopping"};
static const char *const mount_states[] = {"protected", "async", "blocking", "excluded", "unsupported", "failed"};

/* One number of the status, by the member that holds it and its own name. */
struct metric {
	const char *name, *help, *in, *key;
	double unit;
};

static const struct metric counters[] = {
	{"events_total", "Opens and executions the kernel asked about", "counters", "events", 1},
	{"cache_hits_total", "Answers out of the verdict cache", "counters", "cacheHits", 1},
	{"joined_total", "Answers that shared a scan with others of the same file", "counters", "joined", 1},
	{"scans_total", "Files that were read", "counters", "scans", 1},
	{"scanned_bytes_total", "Bytes of them", "counters", "scannedBytes", 1},
	{"rules_spared_total", "Scans of bytes that the rules had seen", "counters", "rulesSpared", 1},
	{"refused_by_kernel_total", "Opens that the kernel could not repeat for custos, and refused", "counters",
	 "refusedByKernel", 1},
	{"closes_skipped_total", "Written files that were not scanned, too many at once", "counters",
	 "closesSkipped", 1},
	{"remote_judged_total", "Files judged on network and FUSE file systems", "counters", "remoteJudged", 1},
	{"remote_found_total", "Of these, malicious", "counters", "remoteFound", 1},
	{"remote_refused_total", "Opens of files found malicious there", "counters", "remoteRefused", 1},
	{"remote_late_total", "Opens there that were not judged in time", "counters", "remoteLate", 1},
	{"remote_missed_total", "Files there that could not be judged, or records lost", "counters", "remoteMissed", 1},
	{"scanner_restarts_total", "Scanners that were replaced", "counters", "scannerRestarts", 1},
};

static const struct metric gauges[] = {
	{"held_files", "Files that nobody need ask about", "counters", "heldFiles", 1},
	{"oldest_pending_seconds", "How long the oldest open has waited for its answer", "counters",
	 "oldestPendingUsec", USEC},
	{"gap_seconds", "How long nobody had answered for opens when the daemon started, at most", "counters",
	 "gapUsec", USEC},
	{"uptime_seconds", "Age of the daemon", NULL, "uptimeUsec", USEC},
	{"generation", "Generation of rules and policy in force", "rules", "generation", 1},
};

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	(void)fprintf(f, "# HELP custos_%s %s\n# TYPE custos_%s %s\n", name, help, name, type);
}

static void write_simple(FILE *f, json_t *s, const struct metric *m, const char *type)
{
	json_t *in = m->in ? json_object_get(s, m->in) : s;

	head(f, m->name, type, m->help);
	if (m->unit == 1)
		(void)fprintf(f, "custos_%s %" PRId64 "\n", m->name, out_int(in, m->key));
	else
		(void)fprintf(f, "custos_%s %.6f\n", m->name, (double)out_int(in, m->key) * m->unit);
}

/* One name with a value for each of a few labels. */
struct labelled {
	const char *value, *key;
};

static void write_labelled(FILE *f, json_t *in, const char *name, const char *label,
                           const struct labelled *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)fprintf(f, "custos_%s{%s=\"%s\"} %" PRId64 "\n", name, label, values[i].value,
		              out_int(in, values[i].key));
}

static void write_answers(FILE *f, json_t *s)
{
	static const struct labelled answers[] = {{"allow", "allowed"}, {"deny", "denied"}};
	static const struct labelled rules[] = {
		{"yara", "yara"}, {"hash", "hashes"}, {"allowed_hash", "allowHashes"}};
	json_t *n = json_object_get(s, "counters");
	int64_t timeouts = out_int(n, "timeouts"), dropped = out_int(n, "droppedDetections");

	head(f, "decisions_total", "counter", "Answers given");
	write_labelled(f, n, "decisions_total", "answer", answers, ARRAY_SIZE(answers));
	head(f, "decision_errors_total", "counter", "Opens that could not be judged: in time, or (other) at all; one may be both");
	(void)fprintf(f, "custos_decision_errors_total{reason=\"timeout\"} %" PRId64 "\n"
	              "custos_decision_errors_total{reason=\"other\"} %" PRId64 "\n",
	              timeouts, out_int(n, "errors"));
	head(f, "dropped_records_total", "counter", "Records of decisions that were lost; the decisions were not");
	(void)fprintf(f, "custos_dropped_records_total{class=\"detection\"} %" PRId64 "\n"
	              "custos_dropped_records_total{class=\"routine\"} %" PRId64 "\n",
	              dropped, out_int(n, "droppedRecords") - dropped);
	head(f, "rules", "gauge", "Rules in force");
	write_labelled(f, json_object_get(s, "rules"), "rules", "kind", rules, ARRAY_SIZE(rules));
}

static void write_state(FILE *f, json_t *s)
{
	const char *state = json_string_value(json_object_get(s, "state")) ?: "";
	const char *mode = json_string_value(json_object_get(s, "mode")) ?: "";
	_cleanup_(freep) char *version = out_text(s, "version");

	head(f, "build_info", "gauge", "Version of the daemon");
	(void)fprintf(f, "custos_build_info{version=\"%s\"} 1\n", version ?: "");
	head(f, "state", "gauge", "1 for the state it is in");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		(void)fprintf(f, "custos_state{state=\"%s\"} %d\n", states[i], strcmp(states[i], state) == 0);
	head(f, "enforcing", "gauge", "1 when the mode is enforce");
	(void)fprintf(f, "custos_enforcing %d\n", strcmp(mode, "enforce") == 0);
	head(f, "reasons", "gauge", "Reasons that status shows");
	(void)fprintf(f, "custos_reasons %zu\n", json_array_size(json_object_get(s, "reasons")));
	head(f, "reload_failed", "gauge", "1 when the last reload failed");
	(void)fprintf(f, "custos_reload_failed %d\n", json_object_get(s, "lastReloadError") != NULL);
}

static void write_coverage(FILE *f, json_t *s)
{
	int64_t n[ARRAY_SIZE(mount_states)][2] = {0}, baits = 0, bad_baits = 0;
	json_t *row;
	size_t i, k;

	json_array_foreach (json_object_get(s, "coverage"), i, row) {
		const char *state = json_string_value(json_object_get(row, "state")) ?: "";
		const char *canary = json_string_value(json_object_get(row, "canary"));

		for (k = 0; k < ARRAY_SIZE(mount_states); k++)
			n[k][out_int(row, "pid") > 0] += strcmp(state, mount_states[k]) == 0;
		baits += canary && strncmp(canary, "not tried", 9) != 0;
		bad_baits += canary && strncmp(canary, "failed", 6) == 0;
	}
	head(f, "mounts", "gauge", "Mounts by what custos does there and where they are seen");
	for (k = 0; k < ARRAY_SIZE(mount_states); k++)
		(void)fprintf(f, "custos_mounts{state=\"%s\",seen=\"host\"} %" PRId64 "\n"
		              "custos_mounts{state=\"%s\",seen=\"namespace\"} %" PRId64 "\n",
		              mount_states[k], n[k][0], mount_states[k], n[k][1]);
	head(f, "mounts_omitted", "gauge", "Mounts that did not fit into the status and are not counted");
	(void)fprintf(f, "custos_mounts_omitted %" PRId64 "\n", out_int(s, "coverageOmitted"));
	head(f, "canaries", "gauge", "Mounts where opens of a bait are tried");
	(void)fprintf(f, "custos_canaries %" PRId64 "\n", baits);
	head(f, "canaries_failed", "gauge", "Mounts where the bait was not refused");
	(void)fprintf(f, "custos_canaries_failed %" PRId64 "\n", bad_baits);
}

static void write_processes(FILE *f, json_t *s)
{
	static const char *const names[] = {"supervisor", "keeper", "anchor", "scanner"};
	json_t *pids = json_object_get(s, "processes");

	head(f, "process_running", "gauge", "1 when the process is there");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)fprintf(f, "custos_process_running{process=\"%s\"} %d\n", names[i],
		              out_int(pids, names[i]) > 0);
}

/* Channels are named by whoever signed; custosd takes letters, digits and -_. alone. */
static void write_bundles(FILE *f, json_t *s)
{
	static const char *const keys[] = {"created", "expires"};
	json_t *bundles = json_object_get(s, "bundles"), *b;
	size_t i;

	for (size_t k = 0; k < ARRAY_SIZE(keys) && json_array_size(bundles) > 0; k++) {
		(void)fprintf(f, "# HELP custos_bundle_%s_timestamp_seconds When the signed rules in force "
		              "were or will be %s\n# TYPE custos_bundle_%s_timestamp_seconds gauge\n",
		              keys[k], keys[k], keys[k]);
		json_array_foreach (bundles, i, b) {
			_cleanup_(freep) char *channel = out_text(b, "channel");

			if (json_object_get(b, keys[k]))
				(void)fprintf(f, "custos_bundle_%s_timestamp_seconds{channel=\"%s\"} %.0f\n",
				              keys[k], channel ?: "", (double)out_int(b, keys[k]) * USEC);
		}
	}
}

static void write_all(FILE *f, json_t *s)
{
	head(f, "up", "gauge", "1 when the daemon answered");
	(void)fputs("custos_up 1\n", f);
	write_state(f, s);
	write_answers(f, s);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		write_simple(f, s, &counters[i], "counter");
	for (size_t i = 0; i < ARRAY_SIZE(gauges); i++)
		write_simple(f, s, &gauges[i], "gauge");
	write_coverage(f, s);
	write_processes(f, s);
	write_bundles(f, s);
}

/* @s NULL: nobody answers, and whoever reads the file shall see that. */
static int write_to(FILE *f, json_t *s)
{
	if (s) {
		write_all(f, s);
	} else {
		head(f, "up", "gauge", "1 when the daemon answered");
		(void)fputs("custos_up 0\n", f);
	}
	return fflush(f) == 0 && !ferror(f) ? 0 : -EIO;
}

/* A reader sees the old file or the new one, never half of one. */
static int write_file(const char *path, json_t *s)
{
	_cleanup_(freep) char *temporary = NULL;
	FILE *f = NULL;
	int fd, r = 0;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return ctl_error("out of memory");
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		r = ctl_error("%s: %s", path, strerror(errno));
		(void)fd_close(fd);
		return r;
	}
	if (write_to(f, s) < 0 || fchmod(fd, 0644) < 0)
		r = ctl_error("%s: %s", path, strerror(errno));
	if (fclose(f) != 0 && r == 0)
		r = ctl_error("%s: %s", path, strerror(errno));
	if (r == 0 && rename(temporary, path) < 0)
		r = ctl_error("%s: %s", path, strerror(errno));
	if (r != 0)
		(void)unlink(temporary);
	return r;
}

int verb_metrics(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {0}};
	const char *path = NULL;
	json_t *s = NULL;
	int o, r, answered;

	while ((o = getopt_long(argc, argv, "o:", options, NULL)) >= 0) {
		if (o != 'o')
			return CTL_ERROR;
		path = optarg;
	}
	if (!ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	answered = client_call(ctl, "Status", NULL, CLIENT_TIMEOUT_MSEC, &s);
	/* Without a right to ask there is nothing to tell of the daemon. */
	if (answered == CTL_DENIED)
		return answered;
	r = path ? write_file(path, s) : write_to(stdout, s) < 0 ? CTL_ERROR : CTL_OK;
	json_decref(s);
	return r == CTL_OK ? answered : r;
}
