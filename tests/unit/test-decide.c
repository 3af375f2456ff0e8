/* SPDX-License-Identifier: Apache-2.0 */
/* Decision: the whole table, against rules written down a second time */
#include "custos/decide.h"
#include "custos/types.h"
#include "unit.h"

static const char *const paths[] = {NULL, "/srv/upload/a", "/usr/bin/bash",
                                    "/lib64/ld-linux-x86-64.so.2"};

static const enum verdict verdicts[] = {VERDICT_UNKNOWN, VERDICT_CLEAN, VERDICT_MALICIOUS,
                                        VERDICT_ERROR};

static void check_one(const struct policy_line *line, const struct finding *finding,
                      enum mode mode, const char *path)
{
	const struct finding f = *finding;
	const enum verdict verdict = f.verdict;
	const bool logs = line->on_match == ON_MATCH_LOG || f.log_only;
	const struct decision d = decide(line, &f, mode, path);
	const bool critical = path && path[1] != 's';
	const bool scans = line->action == POLICY_SCAN;
	const bool matched = scans && verdict == VERDICT_MALICIOUS;
	const bool failed = scans && (verdict == VERDICT_ERROR || verdict == VERDICT_UNKNOWN);
	/* What would be done without a mode. */
	const bool refuse = (matched && !logs) ||
	                    (failed && line->on_error == ON_ERROR_DENY && !critical);

	ck_assert_msg(d.deny == (refuse && mode == MODE_ENFORCE),
	              "action %d match %d error %d verdict %d mode %d path %s", line->action,
	              line->on_match, line->on_error, verdict, mode, path ?: "none");
	ck_assert(!!(d.flags & RECORD_MONITOR) == (refuse && mode == MODE_MONITOR));
	ck_assert(!!(d.flags & RECORD_LOG_ONLY) == (matched && f.log_only));
	ck_assert(!!(d.flags & RECORD_LOGGED) ==
	          (line->log == LOG_ALL || (line->log == LOG_MATCH && (matched || failed))));
	if (refuse && mode == MODE_MONITOR)
		ck_assert_uint_eq(d.action, RECORD_LOG);
	else if (matched && logs)
		ck_assert_uint_eq(d.action, RECORD_LOG);
	else if (matched && line->on_match == ON_MATCH_QUARANTINE && !critical)
		ck_assert_uint_eq(d.action, RECORD_QUARANTINE);
	else
		ck_assert_uint_eq(d.action, refuse ? RECORD_DENY : RECORD_ALLOW);
}

static void check_finding(const struct policy_line *line, enum verdict verdict, bool log_only)
{
	const struct finding f = {.verdict = verdict, .log_only = log_only};

	for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
		check_one(line, &f, MODE_ENFORCE, paths[p]);
		check_one(line, &f, MODE_MONITOR, paths[p]);
	}
}

static void check_line(const struct policy_line *line)
{
	for (size_t v = 0; v < ARRAY_SIZE(verdicts); v++)
		check_finding(line, verdicts[v], false);
	check_finding(line, VERDICT_MALICIOUS, true); /* of no other verdict */
}

START_TEST(decide_every_combination_follows_the_rules)
{
	struct policy_line line = {0};

	for (line.action = POLICY_NOWATCH; line.action <= POLICY_SCAN; line.action++)
		for (line.on_match = 0; line.on_match <= ON_MATCH_LOG; line.on_match++)
			for (line.on_error = 0; line.on_error <= ON_ERROR_DENY; line.on_error++)
				for (line.log = 0; line.log <= LOG_ALL; line.log++)
					check_line(&line);
}
END_TEST

START_TEST(decide_no_line_allows_silently)
{
	const struct finding f = {.verdict = VERDICT_MALICIOUS};
	const struct decision d = decide(NULL, &f, MODE_ENFORCE, "/srv/a");

	ck_assert(!d.deny);
	ck_assert_uint_eq(d.action, RECORD_ALLOW);
	ck_assert_uint_eq(d.flags, 0);
}
END_TEST

/* In words, so that a mistake in both tables is seen. */
START_TEST(decide_malicious_default_line_is_denied)
{
	const struct policy_line line = {.action = POLICY_SCAN};
	const struct finding f = {.verdict = VERDICT_MALICIOUS};

	ck_assert(decide(&line, &f, MODE_ENFORCE, NULL).deny);
	ck_assert(decide(&line, &f, MODE_ENFORCE, "/bin/sh").deny); /* a match is no error */
	ck_assert(!decide(&line, &f, MODE_MONITOR, NULL).deny);
}
END_TEST

START_TEST(decide_rule_of_level_log_refuses_nothing)
{
	const struct policy_line line = {.action = POLICY_SCAN, .on_match = ON_MATCH_QUARANTINE};
	const struct finding f = {.verdict = VERDICT_MALICIOUS, .log_only = true};
	const struct decision d = decide(&line, &f, MODE_ENFORCE, "/srv/a");

	ck_assert(!d.deny);
	ck_assert_uint_eq(d.action, RECORD_LOG);
	ck_assert_uint_eq(d.flags, RECORD_LOGGED | RECORD_LOG_ONLY);
}
END_TEST

START_TEST(decide_error_on_boot_critical_file_is_allowed)
{
	const struct policy_line line = {.action = POLICY_SCAN, .on_error = ON_ERROR_DENY};
	const struct finding f = {.verdict = VERDICT_ERROR, .reason = REASON_TIMEOUT};

	ck_assert(decide(&line, &f, MODE_ENFORCE, "/srv/a").deny);
	ck_assert(!decide(&line, &f, MODE_ENFORCE, "/usr/sbin/sshd").deny);
}
END_TEST

START_TEST(decide_match_on_boot_critical_file_is_denied_not_quarantined)
{
	const struct policy_line line = {.action = POLICY_SCAN,
	                                 .on_match = ON_MATCH_QUARANTINE};
	const struct finding f = {.verdict = VERDICT_MALICIOUS};
	const struct decision d = decide(&line, &f, MODE_ENFORCE, "/usr/sbin/sshd");

	ck_assert(d.deny);
	ck_assert_uint_eq(d.action, RECORD_DENY);
}
END_TEST

START_TEST(boot_critical_exact_names_and_versioned_prefixes)
{
	ck_assert(boot_critical("/usr/lib/systemd/systemd"));
	ck_assert(boot_critical("/usr/lib/x86_64-linux-gnu/libc.so.6"));
	ck_assert(boot_critical("/lib64/ld-linux-x86-64.so.2"));
	ck_assert(boot_critical("/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so"));
	ck_assert(boot_critical("/usr/bin/custosctl"));
	ck_assert(!boot_critical("/usr/lib/systemd/systemd.exe"));
	ck_assert(!boot_critical("/usr/lib/systemd/system"));
	ck_assert(!boot_critical("/srv/usr/sbin/sshd"));
	ck_assert(!boot_critical("/usr/bin/bash2"));
	ck_assert(!boot_critical(""));
}
END_TEST

UNIT_MAIN("decide", decide_every_combination_follows_the_rules, decide_no_line_allows_silently,
          decide_malicious_default_line_is_denied, decide_rule_of_level_log_refuses_nothing, decide_error_on_boot_critical_file_is_allowed,
          decide_match_on_boot_critical_file_is_denied_not_quarantined,
          boot_critical_exact_names_and_versioned_prefixes)
