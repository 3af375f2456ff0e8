/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real admin socket with a made-up daemon behind it, to test custosctl and foreign
 * clients without marks. Usage: custosd-double SOCKET. Files that contain "EVIL" are
 * malicious.
 *
 * Stands in for: the functions of manager.h. One policy line that must be shown safely,
 * a history of four events.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/rules-report.h"
#include "history.h"
#include "manager.h"
#include "server.h"
#include "statistics.h"

#define OUTSTANDING_MAX 8 /* few, so that clients meet -EBUSY */

struct request {
	sd_event_source *source;
	manager_scan_fn done;
	void *userdata;
	struct finding finding;
};

static struct request requests[OUTSTANDING_MAX];

enum manager_state manager_state(const struct manager *m)
{
	return m->mode == MODE_MONITOR ? STATE_MONITORING : STATE_ENFORCING;
}

const char *manager_state_name(enum manager_state s)
{
	return s == STATE_MONITORING ? "monitoring" : "enforcing";
}

size_t manager_reasons(const struct manager *m, const char **reasons, size_t max)
{
	reasons[0] = "this is a double";
	return 1;
}

void manager_pids(const struct manager *m, struct manager_pids *ret)
{
	*ret = (struct manager_pids){.supervisor = getpid()};
}

void manager_counters(const struct manager *m, struct manager_counters *ret)
{
	*ret = (struct manager_counters){.events = 7, .denied = 2, .refused_by_kernel = 3};
}

uint64_t manager_line_hits(const struct manager *m, unsigned index)
{
	(void)m;
	return 40 + index;
}

size_t manager_namespaces_max(const struct manager *m)
{
	return 0;
}

size_t manager_coverage_n(const struct manager *m)
{
	return 2;
}

void manager_coverage_row(const struct manager *m, size_t i, struct coverage_row *ret)
{
	static const struct coverage_row rows[] = {
		{"/", "ext4", "protected", NULL, 0x801},
		{"/mnt/\033[31mred\xff", "vfat", "excluded", "policy", 0x802},
	};

	*ret = rows[i];
}

int manager_reload(struct manager *m, manager_reload_fn done, void *userdata)
{
	m->generation++;
	done(userdata, m->generation,
	     m->generation % 2 ? NULL : "a.rules:3: no\nb.rules:4: nor");
	return 0;
}

void manager_flush_cache(struct manager *m, uid_t by)
{
	(void)m;
	(void)by;
}

int manager_set_mode(struct manager *m, enum mode mode, nsec_t ttl, const char *reason,
                     uid_t by)
{
	m->mode = mode;
	m->mode_until = ttl ? clock_now() + ttl : 0;
	free(m->mode_reason);
	m->mode_reason = reason ? strdup(reason) : NULL;
	return 0;
}

static int on_judged(sd_event_source *source, void *userdata)
{
	struct request *r = userdata;
	manager_scan_fn done = r->done;

	r->source = sd_event_source_disable_unref(r->source);
	r->done = NULL;
	if (done)
		done(r->userdata, &r->finding, 5);
	return 0;
}

static void judge(int fd, struct finding *ret)
{
	char text[4096];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	*ret = (struct finding){.verdict = VERDICT_CLEAN,
	                        .size_bytes = n > 0 ? (uint64_t)n : 0};
	if (n > 0 && memmem(text, (size_t)n, "EVIL", 4)) {
		ret->verdict = VERDICT_MALICIOUS;
		ret->reason = REASON_YARA;
		strcpy(ret->match.rule, "evil_rule");
		if (memmem(text, (size_t)n, "MEMBER", 6))
			ret->member = (struct member_place){2, {3, 1}};
	}
}

int manager_scan(struct manager *m, int fd, const char *path, manager_scan_fn done,
                 void *userdata)
{
	_cleanup_(fd_closep) int owned = fd;
	struct stat st;

	if (fstat(owned, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	for (unsigned i = 0; i < OUTSTANDING_MAX; i++) {
		if (requests[i].source)
			continue;
		requests[i].done = done;
		requests[i].userdata = userdata;
		judge(owned, &requests[i].finding);
		return sd_event_add_defer(m->event, &requests[i].source, on_judged,
		                          &requests[i]);
	}
	return -EBUSY;
}

int manager_quarantine(struct manager *m, const struct quarantine_ask *ask,
                       manager_quarantine_fn done, void *userdata)
{
	return -EBUSY;
}

void manager_quarantine_cancel(struct manager *m, void *userdata)
{
}

/* Refuses what it is given, the way the daemon does. */
int manager_bundle(struct manager *m, const struct bundle_ask *ask, manager_bundle_fn done,
                   void *userdata)
{
	if (ask->fd >= 0)
		close(ask->fd);
	done(userdata, "serial", "serial 1 of channel base is older than 7", NULL);
	return 0;
}

void manager_bundle_cancel(struct manager *m, void *userdata)
{
}

/* A file that is left out, whose name must be shown safely, and a rule. */
const struct rules_report *manager_rules_report(const struct manager *m)
{
	static struct rules_report r = {
		.tried = {.n_stock = 3, .n_stock_all = 4, .n_rules = 9, .n_left_out = 1, .n_files = 2}};
	const struct rules_row slow = {"/r/slow.yar", "slow", "", 7, RULES_IN_FORCE, true, 4000000};
	const struct rules_row bad = {"/r/bad\033.yar", "bad", "rule bad matches /bin/sh", 3,
	                              RULES_UNFIT, false, 0};

	if (r.n_sets == 0) {
		rules_set_init(&r.sets[0].set, "site");
		r.sets[0].set.modules = 1U << RULES_ELF;
		r.sets[0].n_rules = 7;
		r.n_sets = 1;
	}
	if (r.n_rows == 0) { /* without memory there are none */
		(void)rules_report_add(&r, &slow);
		(void)rules_report_add(&r, &bad);
	}
	return &r;
}

uint64_t manager_rule_set_generation(const struct manager *m, uint32_t i)
{
	return 41;
}

json_t *manager_bundles(const struct manager *m)
{
	return json_pack("[{s:s, s:i, s:I, s:I, s:b, s:b, s:[s], s:[i,i]}]", "channel", "base",
	                 "serial", 7, "created", (json_int_t)1795406400000000, "expires",
	                 (json_int_t)1797998400000000, "used", 1, "trusted", 1, "keyIds",
	                 "7f3914d03883d06b", "kept", 6, 7);
}

const char *manager_bundles_text(const struct manager *m, uint64_t generation)
{
	return "";
}

void manager_scan_cancel(struct manager *m, void *userdata)
{
	for (unsigned i = 0; i < OUTSTANDING_MAX; i++) {
		if (requests[i].userdata == userdata)
			requests[i].done = NULL;
	}
}

static const struct policy_line lines[] = {
	{.action = POLICY_ALLOW,
         .file = "/etc/custos/policy.d/60.rules",
         .line = 3,
         .index = 0,
         .text = "allow dir=/srv reason=\"a \033[31m b\"",
         .reason = "a \033[31m b",
         .expires = 5},
	{.action = POLICY_SCAN,
         .file = "/etc/custos/policy.d/60.rules",
         .line = 9,
         .index = 1,
         .text = "scan any",
         .reason = ""},
};

int manager_explain(struct manager *m, int fd, const char *path, const char *exe,
                    uid_t uid, struct manager_explanation *ret)
{
	*ret = (struct manager_explanation){.covered = true,
	                                    .mark = "filesystem",
	                                    .line = &lines[1],
	                                    .row = {.mount_point = "/"}};
	return 0;
}

size_t policy_n_lines(const struct policy *p)
{
	return ARRAY_SIZE(lines);
}

const struct policy_line *policy_line(const struct policy *p, size_t i)
{
	return &lines[i];
}

int policy_digest(const struct policy *p, char ret_hex[65])
{
	memset(ret_hex, 'a', 64);
	ret_hex[64] = '\0';
	return 0;
}

const char *mode_name(enum mode mode)
{
	return mode == MODE_MONITOR ? "monitor" : "enforce";
}

static void add_event(struct manager *m, const char *path, enum verdict verdict)
{
	struct record r = {.wall_usec = 1700000000000000ULL,
	                   .spent_nsec = 2500000,
	                   .pid = 17,
	                   .uid = 33,
	                   .flags = RECORD_SUBJECT,
	                   .verdict = verdict,
	                   .action = verdict == VERDICT_MALICIOUS ? RECORD_DENY
	                                                          : RECORD_ALLOW};

	snprintf(r.path, sizeof(r.path), "%s", path);
	strcpy(r.exe, "/usr/bin/cat");
	history_append(m->history, &r, "60.rules:9");
	statistics_add(m->statistics, &r);
}

int main(int argc, char **argv)
{
	/* The doubles above do not look into the policy. */
	struct manager m = {.started = clock_now(), .policy = (struct policy *)&m};

	if (argc != 2 || sd_event_default(&m.event) < 0 ||
	    history_new(&m.history) < 0 || statistics_new(&m.statistics) < 0)
		return 1;
	add_event(&m, "/srv/one", VERDICT_CLEAN);
	add_event(&m, "/srv/two\n\033[31m", VERDICT_MALICIOUS);
	add_event(&m, "/srv/three\xff", VERDICT_MALICIOUS);
	add_event(&m, "/srv/four", VERDICT_CLEAN);
	if (server_new(&m, argv[1], &m.server) < 0)
		return 1;
	(void)sd_event_loop(m.event); /* until the test kills it */
	return 0;
}
