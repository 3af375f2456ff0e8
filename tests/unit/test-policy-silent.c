/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "custos/cleanup.h"
#include "custos/decide.h"
#include "custos/policy.h"
#include "unit.h"

#define OBJECT_FACTS   (POLICY_FACT_PATH | POLICY_FACT_MOUNT)
#define MAX_SIZE_BYTES 2000
#define NOW            INT64_C(1800000000) /* 2027-01-15 */
#define LATER          INT64_C(4000000000)

static const char *const mounts[] = {"/srv", "/mnt/x"};

static struct policy_query query(unsigned known)
{
	return (struct policy_query){
		.known = known,
		.size_bytes = 1000,
		.owner = 1000,
		.path = "/srv/upload/a.doc",
		.dev = makedev(8, 1),
		.fs_type = "ext4",
		.mount_points = mounts,
		.n_mount_points = 2,
	};
}

static struct policy *compile(const char *rules, const char *last)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = NULL, *errors = NULL;
	struct policy *p = NULL;

	ck_assert_int_ge(asprintf(&text, "%s\n%s\n", rules, last), 0);
	if (policy_parse("f", text, strlen(text), &p, &d) < 0) {
		errors = diag_text(&d);
		ck_abort_msg("%s: %s", rules, errors);
	}
	return p;
}

static bool silent(const char *rules, unsigned known)
{
	_cleanup_(policy_freep) struct policy *p = compile(rules, "scan any");
	struct policy_query q = query(known);

	return policy_silent(p, &q, MAX_SIZE_BYTES);
}

START_TEST(policy_silent_each_action_and_log_option)
{
	static const struct {
		const char *rules;
		bool silent;
	} cases[] = {
		{"", true},
		{"scan dir=/srv on-match=deny on-error=deny", true},
		{"scan dir=/srv on-match=quarantine log=none", true},
		{"scan dir=/srv log=match", true},
		{"scan dir=/srv log=all", false},
		{"allow dir=/srv", true},
		{"allow dir=/srv log=match", true},
		{"allow dir=/srv log=none", true},
		{"allow dir=/srv log=all", false},
		{"nowatch dir=/srv", true},
		{"nowatch mount=/srv", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(silent(cases[i].rules, OBJECT_FACTS) == cases[i].silent,
		              "%s", cases[i].rules);
}
END_TEST

/* Each predicate of the file in a line that would leave a record. */
START_TEST(policy_silent_known_object_predicates_are_decided)
{
	static const struct {
		const char *loud, *quiet; /* matches the file; does not */
		unsigned fact;
	} cases[] = {
		{"size>999", "size>1000", 0},
		{"size<1001", "size<1000", 0},
		{"owner-not=root", "owner-not=1000", 0},
		{"dev=8:1", "dev=8:2", POLICY_FACT_MOUNT},
		{"fstype=ext4", "fstype=xfs", POLICY_FACT_MOUNT},
		{"mount=/mnt/x", "mount=/mnt", POLICY_FACT_MOUNT},
		{"path=/srv/upload/a.doc", "path=/srv/upload", POLICY_FACT_PATH},
		{"dir=/srv", "dir=/usr", POLICY_FACT_PATH},
		{"glob=/srv/**", "glob=/srv/*", POLICY_FACT_PATH},
	};
	char rule[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)snprintf(rule, sizeof(rule), "scan %s log=all", cases[i].loud);
		ck_assert_msg(!silent(rule, OBJECT_FACTS), "%s", rule);
		(void)snprintf(rule, sizeof(rule), "scan %s log=all", cases[i].quiet);
		ck_assert_msg(silent(rule, OBJECT_FACTS), "%s", rule);
		/* Not known: it could match. */
		ck_assert_msg(silent(rule, OBJECT_FACTS & ~cases[i].fact) ==
		                      (cases[i].fact == 0),
		              "unknown: %s", rule);
		/* A quiet line that surely decides hides a loud one behind it. */
		(void)snprintf(rule, sizeof(rule), "allow %s\nscan dir=/ log=all",
		               cases[i].loud);
		ck_assert_msg(silent(rule, OBJECT_FACTS), "%s", rule);
		ck_assert_msg(silent(rule, OBJECT_FACTS & ~cases[i].fact) ==
		                      (cases[i].fact == 0),
		              "unknown: %s", rule);
	}
}
END_TEST

START_TEST(policy_silent_subject_predicates_may_hold_for_somebody)
{
	static const char *const preds[] = {
		"uid=33",   "gid=34", "exe=/usr/bin/cat", "unit=a.service", "slice=b.slice",
		"cgroup=/", "container=yes", "container=no",
	};
	struct policy_query q = query(OBJECT_FACTS | POLICY_FACT_SUBJECT);
	char rule[256];

	for (size_t i = 0; i < ARRAY_SIZE(preds); i++) {
		_cleanup_(policy_freep) struct policy *p = NULL;

		(void)snprintf(rule, sizeof(rule), "scan %s log=all", preds[i]);
		ck_assert_msg(!silent(rule, OBJECT_FACTS), "%s", rule);
		/* The opener of this event is in the query, and does not count. */
		p = compile(rule, "scan any");
		ck_assert_msg(!policy_silent(p, &q, MAX_SIZE_BYTES), "%s", rule);
		(void)snprintf(rule, sizeof(rule), "scan %s dir=/usr log=all", preds[i]);
		ck_assert_msg(silent(rule, OBJECT_FACTS), "%s", rule);
		(void)snprintf(rule, sizeof(rule), "allow %s\nscan dir=/ log=all", preds[i]);
		ck_assert_msg(!silent(rule, OBJECT_FACTS), "%s", rule);
		(void)snprintf(rule, sizeof(rule), "allow %s", preds[i]);
		ck_assert_msg(silent(rule, OBJECT_FACTS), "%s", rule);
	}
}
END_TEST

START_TEST(policy_silent_both_events_must_be_decided)
{
	ck_assert(!silent("scan event=exec log=all", OBJECT_FACTS));
	ck_assert(!silent("scan event=open log=all", OBJECT_FACTS));
	ck_assert(silent("scan event=write-close log=all", OBJECT_FACTS));
	ck_assert(!silent("allow event=open\nscan dir=/ log=all", OBJECT_FACTS));
	ck_assert(!silent("allow event=exec\nscan dir=/ log=all", OBJECT_FACTS));
	ck_assert(silent("allow event=exec\nallow event=open\nscan dir=/ log=all",
	                 OBJECT_FACTS));
	ck_assert(silent("allow event=exec\nscan event=exec log=all", OBJECT_FACTS));
	ck_assert(!silent("allow event=exec\nscan event=open,exec log=all", OBJECT_FACTS));
	ck_assert(silent("allow event=open,exec dir=/srv\nscan dir=/ log=all", OBJECT_FACTS));
}
END_TEST

START_TEST(policy_silent_line_that_expires_holds_and_does_not)
{
	ck_assert(silent("allow dir=/srv expires=2027-06-30", OBJECT_FACTS));
	ck_assert(!silent("allow dir=/srv expires=2027-06-30\nscan dir=/ log=all",
	                  OBJECT_FACTS));
	ck_assert(!silent("scan dir=/srv log=all expires=2027-06-30", OBJECT_FACTS));
	ck_assert(silent("allow dir=/srv\nscan dir=/srv log=all expires=2027-06-30",
	                 OBJECT_FACTS));
}
END_TEST

START_TEST(policy_silent_file_over_a_limit_is_an_error)
{
	_cleanup_(policy_freep) struct policy *any = compile("", "scan any");
	struct policy_query q = query(OBJECT_FACTS);

	ck_assert(policy_silent(any, &q, 1000));
	ck_assert(!policy_silent(any, &q, 999));
	ck_assert(silent("scan uid=5 max-size=1000", OBJECT_FACTS));
	ck_assert(!silent("scan uid=5 max-size=999", OBJECT_FACTS));
	ck_assert(silent("scan uid=5 dir=/usr max-size=999", OBJECT_FACTS));
	q.size_bytes = MAX_SIZE_BYTES + 1;
	{
		_cleanup_(policy_freep) struct policy *p =
			compile("scan dir=/srv max-size=1M", "scan any");

		ck_assert(policy_silent(p, &q, MAX_SIZE_BYTES));
		q.known = 0;
		ck_assert(!policy_silent(p, &q, MAX_SIZE_BYTES));
	}
}
END_TEST

START_TEST(policy_silent_fact_without_a_value_is_unknown)
{
	_cleanup_(policy_freep) struct policy *by_path =
		compile("scan dir=/srv log=all", "scan any");
	_cleanup_(policy_freep) struct policy *by_mount =
		compile("scan mount=/other log=all", "scan any");
	struct policy_query q = query(OBJECT_FACTS);

	ck_assert(!policy_silent(by_path, &q, MAX_SIZE_BYTES));
	ck_assert(policy_silent(by_mount, &q, MAX_SIZE_BYTES));
	q.path = "";
	ck_assert(!policy_silent(by_path, &q, MAX_SIZE_BYTES));
	q.path = NULL;
	ck_assert(!policy_silent(by_path, &q, MAX_SIZE_BYTES));
	q.n_mount_points = 0;
	ck_assert(!policy_silent(by_mount, &q, MAX_SIZE_BYTES));
	q.n_mount_points = 2;
	q.fs_type = "";
	ck_assert(!policy_silent(by_mount, &q, MAX_SIZE_BYTES));
}
END_TEST

static const char *const pool_actions[] = {"scan", "allow"};
static const char *const pool_preds[] = {
	"",           "",           "event=open",         "event=exec",     "uid=33",
	"gid=34",     "unit=a.service", "container=yes",  "dir=/srv",       "dir=/usr",
	"glob=/**/*.doc", "mount=/srv", "fstype=xfs",     "size>500",       "size<500",
	"owner-not=root", "owner-not=1000", "exe=/bin/cat", "dev=8:1",      "slice=b.slice",
	"cgroup=/x",
};
static const char *const pool_options[] = {
	"", "", "", " log=all", " log=none", " expires=2027-06-30", " log=all expires=2027-06-30",
};

static unsigned pick(unsigned *seed, size_t n)
{
	*seed = *seed * 1103515245U + 12345U;
	return (unsigned)(*seed >> 8) % (unsigned)n;
}

static struct policy *random_policy(unsigned *seed)
{
	char rules[1024] = "";
	unsigned n = pick(seed, 5);

	for (unsigned i = 0; i < n; i++) {
		size_t used = strlen(rules);
		const char *a = pool_preds[pick(seed, ARRAY_SIZE(pool_preds))];
		const char *b = pool_preds[2 + pick(seed, ARRAY_SIZE(pool_preds) - 2)];
		const char *action = pool_actions[pick(seed, ARRAY_SIZE(pool_actions))];
		bool twice = a[0] == b[0] && strncmp(a, b, 3) == 0;
		const char *limit = action[0] == 's' && pick(seed, 6) == 0 ? " max-size=700" : "";

		(void)snprintf(rules + used, sizeof(rules) - used, "%s %s %s%s%s\n", action,
		               twice ? "" : a, b, limit,
		               pool_options[pick(seed, ARRAY_SIZE(pool_options))]);
	}
	return compile(rules, pick(seed, 3) ? "scan any" : "scan any log=all");
}

static void random_subject(unsigned *seed, struct policy_query *q)
{
	static const char *const units[] = {"", "a.service", "c.service"};
	static const char *const exes[] = {"", "/bin/cat"};

	q->known = OBJECT_FACTS | POLICY_FACT_SUBJECT;
	q->event = pick(seed, 2) ? POLICY_OPEN : POLICY_EXEC;
	q->uid = pick(seed, 2) ? 33 : 0;
	q->gid = pick(seed, 2) ? 34 : 0;
	q->unit = units[pick(seed, ARRAY_SIZE(units))];
	q->exe = exes[pick(seed, ARRAY_SIZE(exes))];
	q->slice = pick(seed, 2) ? "b.slice" : "";
	q->cgroup = pick(seed, 2) ? "/x/y" : "";
	q->container = pick(seed, 2);
}

/* Does the pipeline leave a trace of a clean file, for this opener? */
static bool leaves_a_record(const struct policy *p, const struct policy_query *q, int64_t now)
{
	struct finding f = {.verdict = VERDICT_CLEAN};
	const struct policy_line *line;
	struct decision d;

	ck_assert_uint_eq(policy_match(p, q, now, &line), 0);
	if (q->size_bytes > (line->max_size_bytes ? line->max_size_bytes : MAX_SIZE_BYTES))
		f = (struct finding){.verdict = VERDICT_ERROR, .reason = REASON_TOO_LARGE};
	d = decide(line, &f, MODE_ENFORCE, NULL);
	return d.deny || (d.flags & RECORD_LOGGED);
}

START_TEST(policy_silent_random_policies_never_promise_too_much)
{
	unsigned seed = 1, n_silent = 0, n_loud = 0;

	for (unsigned i = 0; i < 3000; i++) {
		_cleanup_(policy_freep) struct policy *p = random_policy(&seed);
		struct policy_query q = query(pick(&seed, 2) ? OBJECT_FACTS : 0);
		bool promised = policy_silent(p, &q, MAX_SIZE_BYTES);

		n_silent += promised;
		for (unsigned k = 0; k < 40; k++) {
			random_subject(&seed, &q);
			if (leaves_a_record(p, &q, pick(&seed, 2) ? NOW : LATER)) {
				ck_assert_msg(!promised, "policy %u, opener %u", i, k);
				n_loud++;
			}
		}
	}
	/* Both answers are common, else this would prove nothing. */
	ck_assert_uint_gt(n_silent, 500);
	ck_assert_uint_gt(n_loud, 500);
}
END_TEST

UNIT_MAIN("policy-silent", policy_silent_each_action_and_log_option,
          policy_silent_known_object_predicates_are_decided,
          policy_silent_subject_predicates_may_hold_for_somebody,
          policy_silent_both_events_must_be_decided,
          policy_silent_line_that_expires_holds_and_does_not,
          policy_silent_file_over_a_limit_is_an_error,
          policy_silent_fact_without_a_value_is_unknown,
          policy_silent_random_policies_never_promise_too_much)
