/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal entry
 *
 * Owns: MESSAGE_IDs, field names (ECS names with '_' for '.'), and the MESSAGE grammar.
 * Must not own: queues, threads, sockets (journal.c), escaping rules (fields.c).
 */
#include "entry.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <syslog.h>

#include "cgroup.h"
#include "custos/types.h"

/* Made with systemd-id128 new; never reused for another meaning. */
static const char *const message_ids[N_JOURNAL_EVENTS] = {
	[JOURNAL_DETECTION] = "08108e8f5601454dbbcbe5c4f1c57b80",
	[JOURNAL_SCAN_ERROR] = "b2307aa5cab34d0ca21aaf1053d24d78",
	[JOURNAL_ACCESS] = "ba0f2a619cf14a31892c80e777ebe7b8",
	[JOURNAL_STARTED] = "e2786a8548a24ed49d680d99865c8ba6",
	[JOURNAL_STOPPING] = "e94e4a6664484726854adbaf842ba7e2",
	[JOURNAL_DEGRADED] = "bc8ef711c6564f58b826b17f5c6837a9",
	[JOURNAL_RESTORED] = "9d92c4783d444c059903d74e99e4f301",
	[JOURNAL_SCANNER_RESTARTED] = "2b2f189c9cb14871a93bd6438bc79ff5",
	[JOURNAL_CRASH_LOOP] = "f86ef9a0ca9b416195fb9478fa9f5d69",
	[JOURNAL_RESCUE] = "aa55feaa13eb426f9d4277fe5b334404",
	[JOURNAL_RELOADED] = "b7cfc1ccd0b94311a9c8ef2db2f12982",
	[JOURNAL_RELOAD_FAILED] = "563255e2393e42528338b21ada3316aa",
	[JOURNAL_MODE_CHANGED] = "83e17cb50ed241d0824c735d2b8b4350",
	[JOURNAL_CACHE_FLUSHED] = "ca2ca21d9a2b4444913121bdf656c641",
	[JOURNAL_POLICY_CHANGED] = "b8ef2b950d0c45e38bfaf98484c8d49d",
	[JOURNAL_MARK_FAILED] = "ef58eaa6d6294f86a66129a172217a48",
	[JOURNAL_GAP] = "ccf979ba06274bd7b4e21a02fecbfc63",
	[JOURNAL_RIVAL] = "ba58b2c88ace4419961c28e412b4fb83",
	[JOURNAL_CANARY] = "88a4f41263a94c8590f632fe53ec8e73",
	[JOURNAL_OVERFLOW] = "5f7431402c734334847992d395f20e6f",
	[JOURNAL_QUARANTINED] = "6dffe9982ef54b64abc30d302f01ccd3",
	[JOURNAL_QUARANTINE_FAILED] = "bfebd98f77b84981afa0a5a1da8e29de",
	[JOURNAL_QUARANTINE_RELEASED] = "b7575728368146758e76736cb8360ee6",
	[JOURNAL_QUARANTINE_EXPORTED] = "f1af99e0f88c4c8c87db073fa58be7f0",
	[JOURNAL_BUNDLE_ACCEPTED] = "38bfccfb7e8e421684c713cbea253e77",
	[JOURNAL_BUNDLE_REFUSED] = "f066fa40938741b1b277292e012e0397",
	[JOURNAL_BUNDLE_ROLLED_BACK] = "7e8a31c2aa0b4a469e82e4c1edb6e8e5",
	[JOURNAL_BUNDLE_STALE] = "32acaf4657a64f4c90d767f8d9e9cc5d",
	[JOURNAL_RULES_LEFT_OUT] = "fec08bfeea1c41fbacf2a9586249500f",
	[JOURNAL_OUTPOST] = "de6d6b95be6a4c309e8cfc9b22caf124",
	[JOURNAL_DROPPED] = "9eeb3bde69db41459b3216d7b63ec533",
};

bool entry_is_detection(const struct record *r)
{
	return r->verdict == VERDICT_MALICIOUS || r->action == RECORD_DENY ||
	       r->action == RECORD_QUARANTINE;
}

static enum journal_event event_of(const struct record *r)
{
	if (r->verdict == VERDICT_MALICIOUS)
		return JOURNAL_DETECTION;
	return r->verdict == VERDICT_ERROR ? JOURNAL_SCAN_ERROR : JOURNAL_ACCESS;
}

static int priority_of(const struct record *r)
{
	/* Judged after the deadline had let it through: somebody has it open now. */
	if (r->verdict == VERDICT_MALICIOUS && (r->flags & RECORD_LATE) &&
	    !(r->flags & RECORD_LOG_ONLY) && r->action != RECORD_DENY)
		return LOG_ERR;
	if (entry_is_detection(r))
		return LOG_WARNING;
	return r->verdict == VERDICT_ERROR ? LOG_NOTICE : LOG_INFO;
}

void entry_from_record(struct entry *e, const struct record *r, const struct policy_line *line)
{
	/* The path is the last member: what it does not use is not copied. */
	memcpy(&e->record, r, offsetof(struct record, path));
	e->record.path_len = (uint32_t)MIN(r->path_len, sizeof(r->path) - 1);
	memcpy(e->record.path, r->path, e->record.path_len);
	e->record.path[e->record.path_len] = '\0';
	record_sanitise(&e->record);

	e->event = event_of(&e->record);
	e->priority = priority_of(&e->record);
	e->policy[0] = e->bundles[0] = '\0';
	if (line)
		(void)snprintf(e->policy, sizeof(e->policy), "%s:%u", line->file,
		               line->line); /* a longer name is cut */
}

static void pair(struct fields *f, const char *key, const char *value)
{
	if (value[0])
		fields_append_pair(f, key, value, strlen(value));
}

static const char *member_of(const struct record *r, char text[MEMBER_PLACE_BYTES])
{
	member_place_text(&r->member, text);
	return text;
}

/* One line that stands alone: "deny path=... rule=... exe=... uid=... unit=... pid=..." */
static void message_of_record(const struct entry *e, struct fields *f)
{
	const struct record *r = &e->record;
	struct container c;
	char member[MEMBER_PLACE_BYTES];

	fields_begin(f, "MESSAGE");
	fields_append(f, record_action_name(r->action));
	fields_append_pair(f, "path", r->path, r->path_len);
	pair(f, "rule", r->match.rule);
	pair(f, "member", member_of(r, member));
	if (r->flags & RECORD_SUBJECT) {
		pair(f, "exe", r->exe);
		fields_append(f, " uid=");
		fields_append_u64(f, r->uid);
		pair(f, "unit", r->unit);
		if (r->container && cgroup_container(r->cgroup, &c))
			pair(f, "container", c.id);
	}
	fields_append(f, " pid=");
	fields_append_u64(f, r->pid);
	pair(f, "verdict", verdict_name(r->verdict));
	pair(f, "reason", reason_name(r->reason));
	pair(f, "policy", e->policy);
	if (r->flags & RECORD_MONITOR)
		pair(f, "mode", "monitor");
	if (r->flags & RECORD_LATE)
		pair(f, "late", "yes");
	if (r->flags & RECORD_LOG_ONLY)
		pair(f, "level", "log");
	fields_end(f);
}

/* "file-open-denied", "file-exec-logged", ...; "file-scanned" for a request of custosctl. */
static void add_action(const struct record *r, struct fields *f)
{
	static const char *const outcomes[] = {
		[RECORD_ALLOW] = "-allowed",
		[RECORD_DENY] = "-denied",
		[RECORD_LOG] = "-logged",
		[RECORD_QUARANTINE] = "-quarantined",
	};

	fields_begin(f, "EVENT_ACTION");
	if (r->flags & RECORD_REQUEST) {
		fields_append(f, "file-scanned");
	} else {
		fields_append(f, r->event == POLICY_EXEC          ? "file-exec"
		                 : r->event == POLICY_WRITE_CLOSE ? "file-write"
		                                                  : "file-open");
		fields_append(f, outcomes[r->action]);
	}
	fields_end(f);
}

static void categorise(const struct record *r, struct fields *f)
{
	bool refused = r->action == RECORD_DENY || r->action == RECORD_QUARANTINE;
	bool malicious = r->verdict == VERDICT_MALICIOUS;

	add_action(r, f);
	/* ECS: the outcome of what the process tried, not of our judgement. */
	fields_add_str(f, "EVENT_OUTCOME", refused ? "failure" : "success");
	fields_add_str(f, "EVENT_KIND", entry_is_detection(r) ? "alert" : "event");
	fields_add_str(f, "EVENT_CATEGORY", malicious ? "malware" : "file");
	fields_add_str(f, "EVENT_TYPE", refused ? "denied" : malicious ? "info" : "allowed");
	fields_add_u64(f, "EVENT_SEQUENCE", r->seq);
	fields_add_u64(f, "EVENT_DURATION", r->spent_nsec);
}

static void add_sha256(const struct record *r, struct fields *f)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * SHA256_BYTES];

	for (size_t i = 0; i < SHA256_BYTES; i++) {
		hex[2 * i] = digits[r->sha256[i] >> 4];
		hex[2 * i + 1] = digits[r->sha256[i] & 15];
	}
	fields_add(f, "FILE_HASH_SHA256", hex, sizeof(hex));
}

static void describe_file(const struct record *r, struct fields *f)
{
	char dev[2 * 10 + 2]; /* two 32-bit numbers and a colon */

	fields_add(f, "FILE_PATH", r->path, r->path_len);
	fields_add_u64(f, "FILE_INODE", r->ino);
	(void)snprintf(dev, sizeof(dev), "%u:%u", major(r->dev), minor(r->dev));
	fields_add_str(f, "FILE_DEVICE", dev);
	fields_add_u64(f, "FILE_SIZE", r->size_bytes);
	if (r->flags & RECORD_SHA256)
		add_sha256(r, f);
}

static void add_if_set(struct fields *f, const char *name, const char *value)
{
	if (value[0])
		fields_add_str(f, name, value);
}

static void describe_subject(const struct record *r, struct fields *f)
{
	struct container c;

	fields_add_u64(f, "PROCESS_PID", r->pid);
	/* journald adds OBJECT_SYSTEMD_UNIT and others of this process by itself. */
	fields_add_u64(f, "OBJECT_PID", r->pid);
	if (!(r->flags & RECORD_SUBJECT))
		return;
	fields_add_u64(f, "USER_ID", r->uid);
	add_if_set(f, "PROCESS_EXECUTABLE", r->exe);
	add_if_set(f, "CUSTOS_UNIT", r->unit);
	add_if_set(f, "CUSTOS_CGROUP", r->cgroup);
	if (!r->container || !cgroup_container(r->cgroup, &c))
		return;
	fields_add_str(f, "CUSTOS_CONTAINER", "1");
	add_if_set(f, "CONTAINER_ID", c.id);
	add_if_set(f, "CONTAINER_RUNTIME", c.runtime);
}

static void describe_decision(const struct entry *e, struct fields *f)
{
	const struct record *r = &e->record;
	char member[MEMBER_PLACE_BYTES];

	add_if_set(f, "RULE_NAME", r->match.rule);
	add_if_set(f, "RULE_RULESET", r->match.set);
	add_if_set(f, "CUSTOS_MEMBER", member_of(r, member));
	fields_add_str(f, "CUSTOS_ACTION", record_action_name(r->action));
	fields_add_str(f, "CUSTOS_VERDICT", verdict_name(r->verdict));
	fields_add_str(f, "CUSTOS_REASON", reason_name(r->reason));
	add_if_set(f, "CUSTOS_POLICY", e->policy);
	fields_add_u64(f, "CUSTOS_GENERATION", r->generation);
	add_if_set(f, "CUSTOS_BUNDLES", e->bundles);
	fields_add_u64(f, "CUSTOS_TIME_USEC", r->wall_usec);
	fields_add_str(f, "CUSTOS_CACHE", r->flags & RECORD_CACHED ? "hit" : "miss");
	if (r->flags & RECORD_PARTIAL)
		fields_add_str(f, "CUSTOS_PARTIAL", "1");
	if (r->flags & RECORD_WINDOWS)
		fields_add_str(f, "CUSTOS_WINDOWS", "1");
	if (r->flags & RECORD_MONITOR)
		fields_add_str(f, "CUSTOS_MONITOR", "1");
	if (r->flags & RECORD_LATE)
		fields_add_str(f, "CUSTOS_LATE", "1");
	if (r->flags & RECORD_LOG_ONLY)
		fields_add_str(f, "CUSTOS_LOG_ONLY", "1");
}

static bool is_record(const struct entry *e)
{
	return e->event <= JOURNAL_ACCESS;
}

static void identify(const struct entry *e, struct fields *f)
{
	/* authpriv for what concerns files, so that rsyslog puts it into auth.log. */
	int facility = is_record(e) ? LOG_AUTHPRIV : LOG_DAEMON;

	fields_add_str(f, "MESSAGE_ID", message_ids[e->event]);
	fields_add_u64(f, "PRIORITY", (uint64_t)e->priority);
	fields_add_str(f, "SYSLOG_IDENTIFIER", "custosd");
	fields_add_u64(f, "SYSLOG_FACILITY", (uint64_t)LOG_FAC(facility));
}

void entry_fields(const struct entry *e, struct fields *f)
{
	fields_init(f);
	if (is_record(e)) {
		message_of_record(e, f);
		identify(e, f);
		categorise(&e->record, f);
		describe_file(&e->record, f);
		describe_subject(&e->record, f);
		describe_decision(e, f);
		return;
	}
	fields_begin(f, "MESSAGE");
	fields_append_escaped(f, e->text, strlen(e->text));
	fields_end(f);
	identify(e, f);
	/* The escaped line is for people; every line as it was is for programs. */
	if (strchr(e->text, '\n'))
		fields_add_str(f, "CUSTOS_DETAIL", e->text);
}

void entry_fields_losses(const struct entry_losses *l, struct fields *f)
{
	const struct entry e = {.event = JOURNAL_DROPPED, .priority = LOG_WARNING};

	fields_init(f);
	fields_begin(f, "MESSAGE");
	fields_append(f, "dropped journal records: detections=");
	fields_append_u64(f, l->detections);
	fields_append(f, " operation=");
	fields_append_u64(f, l->operation);
	fields_append(f, " routine=");
	fields_append_u64(f, l->routine);
	fields_append(f, " suppressed=");
	fields_append_u64(f, l->suppressed);
	fields_end(f);
	identify(&e, f);
	fields_add_u64(f, "CUSTOS_DROPPED", l->detections + l->operation + l->routine);
	fields_add_u64(f, "CUSTOS_DROPPED_DETECTIONS", l->detections);
	fields_add_u64(f, "CUSTOS_DROPPED_OPERATION", l->operation);
	fields_add_u64(f, "CUSTOS_DROPPED_ROUTINE", l->routine);
	fields_add_u64(f, "CUSTOS_SUPPRESSED", l->suppressed);
}
