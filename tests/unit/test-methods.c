/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "server-fixture.h"
#include "unit.h"

static void append(const char *path, enum verdict verdict)
{
	struct record r = {
		.verdict = verdict, .flags = RECORD_SUBJECT, .uid = 33, .pid = 5};

	snprintf(r.path, sizeof(r.path), "%s", path);
	history_append(m.history, &r, "60-site.rules:3");
}

static void expect_event(int fd, const char *path, uint64_t dropped)
{
	json_t *r = reply(fd), *event;

	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(json_integer_value(member(r, "dropped")), (json_int_t)dropped);
	event = member(r, "event");
	if (path)
		ck_assert_str_eq(json_string_value(json_object_get(event, "path")),
		                 path);
	else
		ck_assert_ptr_null(event);
	json_decref(r);
}

START_TEST(events_past_then_mark_then_live)
{
	int fd;

	setup();
	append("/1", VERDICT_MALICIOUS);
	append("/2", VERDICT_CLEAN);
	append("/3", VERDICT_MALICIOUS);
	fd = client();
	call(fd, CALL_MORE("Events", "{\"verdict\":[\"malicious\"]}"));
	expect_event(fd, "/1", 0);
	expect_event(fd, "/3", 0);
	expect_event(fd, NULL, 0);
	ck_assert_ptr_null(reply(fd));
	append("/4", VERDICT_CLEAN);
	append("/5", VERDICT_MALICIOUS);
	turn();
	expect_event(fd, "/5", 0);
	ck_assert_ptr_null(reply(fd));
	close(fd);
	fd = client();
	call(fd, CALL_MORE("Events", "{\"follow\":false,\"last\":1,\"sinceSeq\":2}"));
	expect_event(fd, "/5", 0);
	expect_event(fd, NULL, 0);
	call(fd, CALL("Status")); /* the stream is over */
	json_decref(reply(fd));
	close(fd);
	teardown();
}
END_TEST

/* Who does not read is told how much was lost, and holds no memory meanwhile. */
START_TEST(events_slow_subscriber_is_told_dropped)
{
	uint64_t n_events = 0, n_dropped = 0;
	struct connection *c;
	json_t *r;
	int fd;

	setup();
	fd = client();
	call(fd, CALL_MORE("Events", "{}"));
	expect_event(fd, NULL, 0);
	c = LIST_FIRST(&m.server->open);
	for (unsigned i = 0; i < 3 * HISTORY_EVENTS_MAX; i++) {
		append("/some/path/of/ordinary/length", VERDICT_CLEAN);
		if (i % 64 == 0)
			turn();
		ck_assert_uint_lt(c->out_size, 2 * CONNECTION_OUTPUT_ENOUGH + 16384);
	}
	while (n_events + n_dropped < 3 * HISTORY_EVENTS_MAX) {
		turn();
		r = reply(fd);
		ck_assert_ptr_nonnull(r);
		n_dropped += (uint64_t)json_integer_value(member(r, "dropped"));
		n_events++;
		json_decref(r);
	}
	ck_assert_uint_eq(n_events + n_dropped, 3 * HISTORY_EVENTS_MAX);
	ck_assert_uint_gt(n_dropped, HISTORY_EVENTS_MAX);
	close(fd);
	teardown();
}
END_TEST

static void call_scan(int fd, unsigned n)
{
	char text[1024], *p = text;
	int fds[64];

	p = stpcpy(p, "{\"method\":\"io.custos.Manager.Scan\",\"more\":true,"
	              "\"parameters\":{\"paths\":[");
	for (unsigned i = 0; i < n; i++) {
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		p += sprintf(p, "%s\"/%u\"", i ? "," : "", i);
	}
	p = stpcpy(p, "]}}");
	send_fds(fd, text, (size_t)(p - text) + 1, fds, n);
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	turn();
}

START_TEST(scan_files_are_answered_by_index)
{
	struct finding f = {.verdict = VERDICT_MALICIOUS,
	                    .reason = REASON_YARA,
	                    .size_bytes = 5,
	                    .has_sha256 = true,
	                    .match.rule = "evil",
	                    .member = {2, {3, 1}}};
	unsigned before;
	json_t *r;
	int fd;

	setup();
	fd = client();
	before = count_fds();
	call_scan(fd, VARLINK_FDS_MAX);
	ck_assert_uint_eq(asked.n_scans, VARLINK_FDS_MAX);
	for (unsigned i = VARLINK_FDS_MAX; i-- > 0;) { /* last first */
		asked.scan_done(asked.scans[i], &f, 9);
		r = reply(fd);
		ck_assert_int_eq(json_integer_value(member(r, "index")), i);
		ck_assert_str_eq(json_string_value(member(r, "verdict")), "malicious");
		ck_assert_str_eq(json_string_value(member(r, "rule")), "evil");
		ck_assert_str_eq(json_string_value(member(r, "member")), "3/1");
		ck_assert_uint_eq(strlen(json_string_value(member(r, "sha256"))), 64);
		ck_assert(json_is_true(json_object_get(r, "continues")) == (i != 0));
		json_decref(r);
	}
	ck_assert_uint_eq(count_fds(), before);
	ck_assert_uint_eq(asked.n_cancelled, 0);
	close(fd);
	teardown();
}
END_TEST

START_TEST(scan_busy_scanner_is_asked_again)
{
	struct finding f = {.verdict = VERDICT_CLEAN};
	nsec_t start = clock_now();
	int fd;

	setup();
	asked.n_busy = 3;
	fd = client();
	call_scan(fd, 2);
	while (asked.n_scans < 2 && clock_now() - start < 5 * NSEC_PER_SEC)
		sd_event_run(m.event, 10000);
	ck_assert_uint_eq(asked.n_scans, 2);
	asked.scan_done(asked.scans[0], &f, 1);
	asked.scan_done(asked.scans[1], &f, 1);
	json_decref(reply(fd));
	json_decref(reply(fd));
	close(fd);
	teardown();
}
END_TEST

START_TEST(scan_client_gone_cancels_and_leaks_nothing)
{
	unsigned before;
	int fd;

	setup();
	before = count_fds();
	asked.n_busy = 1000; /* all three wait in the server */
	fd = client();
	call_scan(fd, 3);
	close(fd);
	turn();
	ck_assert_uint_eq(asked.n_cancelled, asked.n_scans);
	ck_assert_uint_eq(count_fds(), before);
	asked.n_busy = 0;
	fd = client();
	call_scan(fd, 3);
	close(fd);
	turn();
	ck_assert_uint_eq(asked.n_scans, 3);
	ck_assert_uint_eq(asked.n_cancelled, 3);
	ck_assert_uint_eq(count_fds(), before);
	teardown();
}
END_TEST

START_TEST(fds_too_many_or_unwanted_are_closed)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	unsigned before;
	int fd;

	setup();
	before = count_fds();
	fd = client();
	call_scan(fd, VARLINK_FDS_MAX + 1);
	ck_assert(is_closed(fd));
	close(fd);
	fd = client();
	send_fds(fd, CALL("Status"), sizeof(CALL("Status")), &null, 1);
	turn();
	expect_error(fd, "org.varlink.service.InvalidParameter");
	send_fds(fd, "{\"me", 4, &null, 1); /* with a message that never ends */
	turn();
	close(fd);
	turn();
	ck_assert_uint_eq(count_fds(), before);
	ck_assert_uint_eq(asked.n_scans, 0);
	close(null);
	teardown();
}
END_TEST

START_TEST(flush_cache_is_passed_on)
{
	unsigned before = asked.flushes;
	int fd;

	setup();
	fd = client();
	call(fd, CALL("FlushCache"));
	json_decref(reply(fd));
	ck_assert_uint_eq(asked.flushes, before + 1);
	close(fd);
	teardown();
}
END_TEST

START_TEST(reload_answers_when_done_or_why_not)
{
	json_t *r;
	int fd;

	setup();
	fd = client();
	call(fd, CALL("Reload"));
	ck_assert_ptr_null(reply(fd));
	asked.reload_done(asked.reload, 8, NULL);
	r = reply(fd);
	ck_assert_int_eq(json_integer_value(member(r, "generation")), 8);
	json_decref(r);
	call(fd, CALL("Reload"));
	asked.reload_done(asked.reload, 8, "a.rules:3: no");
	r = reply(fd);
	ck_assert_str_eq(json_string_value(json_object_get(r, "error")),
	                 "io.custos.Manager.ReloadFailed");
	ck_assert_str_eq(json_string_value(member(r, "errors")), "a.rules:3: no");
	json_decref(r);
	call(fd, CALL("Reload")); /* the client goes, the reload goes on */
	close(fd);
	turn();
	ck_assert(LIST_EMPTY(&m.server->open));
	asked.reload_done(asked.reload, 9, NULL);
	teardown();
}
END_TEST

START_TEST(set_mode_monitor_needs_reason_and_time)
{
	static const char *const bad[] = {
		CALL_WITH("SetMode", "{\"mode\":\"monitor\",\"ttlSec\":60}"),
		CALL_WITH("SetMode",
	                  "{\"mode\":\"monitor\",\"reason\":\" \",\"ttlSec\":60}"),
		CALL_WITH("SetMode", "{\"mode\":\"monitor\",\"reason\":\"x\"}"),
		CALL_WITH("SetMode", "{\"mode\":\"monitor\",\"reason\":\"x\",\"ttlSec\":0}"),
		CALL_WITH("SetMode", "{\"mode\":\"off\",\"reason\":\"x\"}"),
		CALL_WITH("SetMode",
	                  "{\"mode\":\"monitor\",\"reason\":\"x\",\"ttlSec\":-1}"),
		CALL_WITH("SetMode", "{\"mode\":\"monitor\",\"reason\":\"x\","
	                             "\"ttlSec\":604801}"),
		CALL_WITH("SetMode", "{\"mode\":\"enforce\",\"ttlSec\":604801}"),
		CALL_WITH("SetMode", "{\"reason\":\"x\"}"),
	};
	int fd;

	setup();
	if (geteuid() != 0) {
		fprintf(stderr, "skip: needs root\n");
		teardown();
		return;
	}
	fd = client();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		call(fd, bad[i]);
		expect_error(fd, "org.varlink.service.InvalidParameter");
	}
	ck_assert_str_eq(asked.reason, "");
	call(fd, CALL_WITH("SetMode",
	                   "{\"mode\":\"monitor\",\"reason\":\"x\",\"ttlSec\":60}"));
	json_decref(reply(fd));
	ck_assert_int_eq(asked.mode, MODE_MONITOR);
	ck_assert_uint_eq(asked.ttl, 60 * NSEC_PER_SEC);
	ck_assert_str_eq(asked.reason, "x");
	call(fd, CALL_WITH("SetMode", "{\"mode\":\"monitor\",\"reason\":\"x\","
	                              "\"ttlSec\":604800}"));
	json_decref(reply(fd));
	ck_assert_uint_eq(asked.ttl, 604800 * NSEC_PER_SEC);
	call(fd, CALL_WITH("SetMode", "{\"mode\":\"enforce\"}"));
	json_decref(reply(fd));
	ck_assert_int_eq(asked.mode, MODE_ENFORCE);
	close(fd);
	teardown();
}
END_TEST

#define ID "20260131T235959Z-0123abcd"

START_TEST(quarantine_checks_before_it_asks)
{
	static const char *const bad[] = {
		CALL_WITH("Quarantine", "{\"id\":\"../../x\"}"),
		CALL_WITH("Quarantine", "{\"id\":\"\"}"),
		CALL_WITH("Quarantine", "{\"after\":\"20260131T235959Z-0123abcg\"}"),
		CALL_WITH("Quarantine", "{\"id\":\"" ID "\",\"after\":\"" ID "\"}"),
		CALL_WITH("QuarantineRelease", "{\"id\":\"" ID "\"}"),
		CALL_WITH("QuarantineRelease", "{\"id\":\"" ID "\",\"reason\":\" \"}"),
		CALL_WITH("QuarantineRelease", "{\"id\":\"x\",\"reason\":\"y\"}"),
		CALL_WITH("QuarantineExport", "{\"id\":\"" ID "\",\"fd\":0}"),
		CALL_WITH("QuarantineExport", "{\"id\":\"" ID "\",\"fd\":1}"),
	};
	int fd;

	setup();
	if (geteuid() != 0) {
		fprintf(stderr, "skip: needs root\n");
		teardown();
		return;
	}
	fd = client();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		call(fd, bad[i]);
		expect_error(fd, "org.varlink.service.InvalidParameter");
	}
	ck_assert_ptr_null(asked.quarantine_data);
	close(fd);
	fd = client_as(NOBODY, getegid());
	call(fd, CALL_WITH("QuarantineRelease", "{\"id\":\"" ID "\",\"reason\":\"y\"}"));
	expect_error(fd, "org.varlink.service.PermissionDenied");
	ck_assert_ptr_null(asked.quarantine_data);
	close(fd);
	teardown();
}
END_TEST

START_TEST(quarantine_answers_or_is_cancelled)
{
	json_t *answer = json_pack("{s:s}", "path", "/x"), *root;
	int fd;

	setup();
	fd = client();
	call(fd, CALL_WITH("Quarantine", "{\"id\":\"" ID "\"}"));
	ck_assert_int_eq(asked.quarantine.op, QUARANTINE_INFO);
	ck_assert_str_eq(asked.quarantine_id, ID);
	asked.quarantine_done(asked.quarantine_data, 0, "", answer);
	turn();
	root = reply(fd);
	ck_assert_str_eq(json_string_value(member(root, "path")), "/x");
	json_decref(root);
	call(fd, CALL("Quarantine"));
	ck_assert_int_eq(asked.quarantine.op, QUARANTINE_LIST);
	asked.quarantine_done(asked.quarantine_data, -ENOENT, "no such entry", NULL);
	turn();
	expect_error(fd, "io.custos.Manager.Failed");
	ck_assert_uint_eq(asked.n_cancelled, 0);
	call(fd, CALL("Quarantine"));
	close(fd);
	turn();
	ck_assert_uint_eq(asked.n_cancelled, 1);
	json_decref(answer);
	teardown();
}
END_TEST

START_TEST(policy_is_sent_in_parts)
{
	char text[128];
	json_int_t next = 0;
	size_t n = 0, parts = 0;
	int fd;

	setup();
	fd = client();
	do {
		json_t *r;

		snprintf(text, sizeof(text), CALL_WITH("Policy", "{\"from\":%lld}"),
		         next);
		call(fd, text);
		r = reply(fd);
		ck_assert_uint_eq(strlen(json_string_value(member(r, "digest"))), 64);
		n += json_array_size(member(r, "lines"));
		next = json_integer_value(member(r, "next"));
		json_decref(r);
		parts++;
	} while (next > 0);
	ck_assert_uint_eq(n, N_POLICY_LINES);
	ck_assert_uint_gt(parts, 1);
	snprintf(text, sizeof(text), CALL_WITH("Policy", "{\"from\":%d}"),
	         N_POLICY_LINES + 1);
	call(fd, text);
	expect_error(fd, "org.varlink.service.InvalidParameter");
	close(fd);
	teardown();
}
END_TEST

START_TEST(policy_none_yet_is_an_error)
{
	int fd;

	setup();
	m.policy = NULL;
	fd = client();
	call(fd, CALL("Policy"));
	expect_error(fd, "io.custos.Manager.Failed");
	close(fd);
	teardown();
}
END_TEST

START_TEST(explain_open_file_is_explained)
{
	static const char text[] =
		CALL_WITH("Explain", "{\"fd\":0,\"path\":\"/a\",\"uid\":33}");
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	json_t *r;
	int fd;

	setup();
	fd = client();
	send_fds(fd, text, sizeof(text), &null, 1);
	turn();
	r = reply(fd);
	ck_assert(json_is_true(member(r, "covered")));
	ck_assert_str_eq(json_string_value(member(r, "policyLine")), "/etc/p.rules:1");
	ck_assert_str_eq(json_string_value(member(r, "action")), "scan");
	ck_assert_str_eq(json_string_value(member(r, "verdict")), "clean");
	json_decref(r);
	close(fd);
	close(null);
	teardown();
}
END_TEST

START_TEST(get_interface_description_serves_the_text)
{
	json_t *r;
	int fd;

	setup();
	fd = client();
	call(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	r = reply(fd);
	ck_assert_uint_eq(json_array_size(member(r, "interfaces")), 2);
	json_decref(r);
	call(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	         "\"parameters\":{\"interface\":\"io.custos.Manager\"}}");
	r = reply(fd);
	ck_assert_ptr_nonnull(strstr(json_string_value(member(r, "description")),
	                             "\ninterface io.custos.Manager\n"));
	json_decref(r);
	call(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	         "\"parameters\":{\"interface\":\"a.b\"}}");
	expect_error(fd, "org.varlink.service.InterfaceNotFound");
	close(fd);
	teardown();
}
END_TEST

START_TEST(status_call_gives_the_contract)
{
	static const char *const keys[] = {"state",    "reasons",    "mode",
	                                   "version",  "uptimeUsec", "rules",
	                                   "coverage", "processes",  "counters"};
	int fd;
	json_t *r, *row;

	setup();
	fd = client();
	call(fd, CALL("Status"));
	r = reply(fd);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_msg(member(r, keys[i]) != NULL, "%s", keys[i]);
	ck_assert_str_eq(json_string_value(member(r, "state")), "enforcing");
	row = json_array_get(member(r, "coverage"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(row, "mountPoint")),
	                 "/a\\xff");
	ck_assert_str_eq(json_string_value(json_object_get(row, "mountPointBase64")),
	                 "L2H/");
	ck_assert_str_eq(json_string_value(json_object_get(row, "device")), "8:1");
	json_decref(r);
	close(fd);
	teardown();
}
END_TEST

START_TEST(calls_wrong_ones_get_their_errors)
{
	int fd;

	setup();
	fd = client();
	call(fd, CALL("Nothing"));
	expect_error(fd, "org.varlink.service.MethodNotFound");
	call(fd, CALL("Events"));
	expect_error(fd, "org.varlink.service.ExpectedMore");
	call(fd, CALL_WITH("Stats", "{\"by\":1}"));
	expect_error(fd, "org.varlink.service.InvalidParameter");
	call(fd, CALL_WITH("Stats", "{\"by\":\"uid\"}"));
	expect_error(fd, "org.varlink.service.InvalidParameter");
	call(fd, CALL_WITH("Stats", "{\"top\":513}"));
	expect_error(fd, "org.varlink.service.InvalidParameter");
	call(fd, CALL_WITH("Status", "{\"x\":1}"));
	expect_error(fd, "org.varlink.service.InvalidParameter");
	call(fd, CALL_WITH("Explain", "{\"fd\":0,\"path\":\"/a\"}"));
	expect_error(fd, "org.varlink.service.InvalidParameter");
	call(fd, CALL_MORE("Events", "{\"verdict\":[\"bad\"]}"));
	expect_error(fd, "org.varlink.service.InvalidParameter");
	call(fd, "{\"method\":\"io.custos.Manager.Status\",\"upgrade\":true}");
	expect_error(fd, "org.varlink.service.MethodNotImplemented");
	call(fd, CALL("Status")); /* and the connection still serves */
	json_decref(reply(fd));
	ck_assert(!is_closed(fd));
	close(fd);
	teardown();
}
END_TEST

UNIT_MAIN("methods", events_past_then_mark_then_live,
          events_slow_subscriber_is_told_dropped, scan_files_are_answered_by_index,
          scan_busy_scanner_is_asked_again, scan_client_gone_cancels_and_leaks_nothing,
          fds_too_many_or_unwanted_are_closed, reload_answers_when_done_or_why_not,
          flush_cache_is_passed_on, quarantine_checks_before_it_asks, quarantine_answers_or_is_cancelled,
          set_mode_monitor_needs_reason_and_time, policy_is_sent_in_parts,
          policy_none_yet_is_an_error, explain_open_file_is_explained,
          get_interface_description_serves_the_text, status_call_gives_the_contract,
          calls_wrong_ones_get_their_errors)
