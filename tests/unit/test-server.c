/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real server on a socket pair. The functions of manager.h, policy.h and conf.h
 * that it calls are doubles, at the end of this file: what they do is another module's
 * test. The system tests run the whole.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "connection.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "history.h"
#include "server.h"
#include "statistics.h"
#include "unit.h"

#define NOBODY 65534
#define N_POLICY_LINES 900 /* more than one reply holds */

struct request { /* what the doubles were asked */
	manager_scan_fn scan_done;
	void *scans[64];
	unsigned n_scans, n_cancelled, n_busy;
	manager_reload_fn reload_done;
	void *reload;
	enum mode mode;
	nsec_t ttl;
	char reason[64];
};

static struct manager m;
static struct request asked;
static char dir[] = "/tmp/test-server-XXXXXX";
static char socket_path[64];

static void setup(void)
{
	memset(&asked, 0, sizeof(asked));
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/%s", dir, SERVER_SOCKET_NAME);
	ck_assert_int_ge(sd_event_new(&m.event), 0);
	ck_assert_int_eq(history_new(&m.history), 0);
	ck_assert_int_eq(statistics_new(&m.statistics), 0);
	m.policy = (struct policy *)&m; /* the doubles do not look */
	m.started = clock_now();
	ck_assert_int_eq(server_new(&m, socket_path, &m.server), 0);
	/* As an ordinary user too, the test may look and operate. */
	m.server->observers = m.server->operators = getegid();
}

static void teardown(void)
{
	m.server = server_free(m.server);
	m.statistics = statistics_free(m.statistics);
	m.history = history_free(m.history);
	m.event = sd_event_unref(m.event);
	ck_assert_int_eq(rmdir(dir), 0); /* the socket is gone */
}

static void turn(void)
{
	for (int i = 0; i < 20 && sd_event_run(m.event, 0) > 0; i++)
		;
}

static int client(void)
{
	int fds[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
		0);
	(void)server_add(m.server, fds[1]);
	return fds[0];
}

/* A client with other credentials; needs root. */
static int client_as(uid_t uid, gid_t gid)
{
	int fd;

	ck_assert_int_eq(setegid(gid), 0);
	ck_assert_int_eq(seteuid(uid), 0);
	fd = client();
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(setegid(0), 0);
	return fd;
}

static void send_fds(int fd, const char *text, size_t len, const int *fds, unsigned n)
{
	union {
		char buf[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)text, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > 0) {
		struct cmsghdr *cm = &control.align;

		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, n * sizeof(int));
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(fd, &mh, MSG_NOSIGNAL), (ssize_t)len);
}

static void call(int fd, const char *text)
{
	send_fds(fd, text, strlen(text) + 1, NULL, 0);
	turn();
}

/* The next reply; NULL when there is none. */
static json_t *reply(int fd)
{
	_cleanup_(freep) char *buf = malloc(VARLINK_MESSAGE_MAX + 1);
	struct varlink_message r;
	size_t n = 0;
	json_t *root;

	for (;;) {
		ssize_t got = recv(fd, buf + n, VARLINK_MESSAGE_MAX + 1 - n, MSG_PEEK);
		char *end;

		if (got < 0 && n > 0) {
			turn();
			continue;
		}
		if (got <= 0)
			return NULL;
		end = memchr(buf + n, '\0', (size_t)got);
		got = recv(fd, buf + n, end ? (size_t)(end - buf) + 1 - n : (size_t)got,
		           0);
		n += (size_t)got;
		if (end)
			break;
	}
	ck_assert_int_eq(varlink_parse_reply(buf, n - 1, &r), 0);
	root = json_incref(r.root);
	varlink_message_deinit(&r);
	return root;
}

static bool is_closed(int fd)
{
	char c;

	turn();
	return recv(fd, &c, 1, MSG_PEEK) == 0;
}

static void expect_error(int fd, const char *name)
{
	json_t *r = reply(fd);

	ck_assert_ptr_nonnull(r);
	ck_assert_str_eq(json_string_value(json_object_get(r, "error")), name);
	json_decref(r);
}

/* A member of the reply's parameters, by dotted name; the reply lives on in *ret. */
static json_t *member(json_t *root, const char *name)
{
	return json_object_get(json_object_get(root, "parameters"), name);
}

static unsigned count_fds(void)
{
	_cleanup_(dir_closep) DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	return n;
}

#define CALL(name) "{\"method\":\"io.custos.Manager." name "\"}"
#define CALL_WITH(name, parameters)                                                    \
	"{\"method\":\"io.custos.Manager." name "\",\"parameters\":" parameters "}"
#define CALL_MORE(name, parameters)                                                    \
	"{\"method\":\"io.custos.Manager." name "\",\"parameters\":" parameters        \
	",\"more\":true}"

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

START_TEST(read_split_and_pipelined_answers_in_order)
{
	static const char two[] = CALL("Status") "\0" CALL("Nothing");
	int fd;

	setup();
	fd = client();
	for (size_t i = 0; i < sizeof(two); i++) {
		send_fds(fd, two + i, 1, NULL, 0);
		if (i % 7 == 0)
			turn();
	}
	turn();
	json_decref(reply(fd));
	expect_error(fd, "org.varlink.service.MethodNotFound");
	ck_assert_uint_eq(m.server->input_bytes, 0);
	/* The client may end its side at once and still be answered. */
	send_fds(fd, two, sizeof(two), NULL, 0);
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	turn();
	json_decref(reply(fd));
	expect_error(fd, "org.varlink.service.MethodNotFound");
	ck_assert(is_closed(fd));
	close(fd);
	teardown();
}
END_TEST

START_TEST(read_malformed_or_too_long_closes)
{
	_cleanup_(freep) char *blank = malloc(65536);
	int fd;

	setup();
	fd = client();
	call(fd, "{\"method\":");
	ck_assert(is_closed(fd));
	close(fd);

	fd = client();
	memset(blank, ' ', 65536);
	for (size_t n = 0; n <= VARLINK_MESSAGE_MAX && !is_closed(fd);) {
		ssize_t sent = send(fd, blank, 65536, MSG_NOSIGNAL);

		ck_assert_uint_le(m.server->input_bytes, 2 * VARLINK_MESSAGE_MAX);
		n += sent > 0 ? (size_t)sent : 0;
	}
	turn();
	ck_assert(LIST_EMPTY(&m.server->open));
	ck_assert_uint_eq(m.server->input_bytes, 0);
	close(fd);
	teardown();
}
END_TEST

START_TEST(read_many_partial_messages_stay_in_budget)
{
	_cleanup_(freep) char *blank = malloc(65536);
	int fds[40];

	setup();
	if (geteuid() != 0) {
		fprintf(stderr, "skip: needs root\n");
		teardown();
		return;
	}
	memset(blank, ' ', 65536);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = client();
		for (unsigned k = 0; k < 12; k++) {
			(void)!send(fds[i], blank, 65536, MSG_NOSIGNAL);
			turn();
		}
		ck_assert_uint_le(m.server->input_bytes, CONNECTION_INPUT_TOTAL_MAX);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	turn();
	ck_assert_uint_eq(m.server->input_bytes, 0);
	teardown();
}
END_TEST

START_TEST(permission_by_class_and_peer)
{
	int fd;

	setup();
	if (geteuid() != 0) {
		fprintf(stderr, "skip: needs root\n");
		teardown();
		return;
	}
	m.server->observers = 4711;
	m.server->operators = 4712;
	fd = client_as(NOBODY, NOBODY);
	call(fd, CALL("Status"));
	expect_error(fd, "org.varlink.service.PermissionDenied");
	call(fd, CALL("Nothing"));
	expect_error(fd, "org.varlink.service.PermissionDenied");
	close(fd);
	fd = client_as(NOBODY, 4711);
	call(fd, CALL("Status"));
	json_decref(reply(fd));
	call(fd, CALL("Reload"));
	expect_error(fd, "org.varlink.service.PermissionDenied");
	close(fd);
	fd = client_as(NOBODY, 4712);
	call(fd, CALL_WITH("SetMode", "{\"mode\":\"monitor\",\"reason\":\"test\"}"));
	expect_error(fd, "org.varlink.service.PermissionDenied");
	call(fd, CALL("Reload"));
	asked.reload_done(asked.reload, 7, NULL);
	json_decref(reply(fd));
	close(fd);
	teardown();
}
END_TEST

START_TEST(server_add_limits_per_uid_and_reserve_for_root)
{
	int fds[SERVER_CONNECTIONS_MAX + 1];
	unsigned n = 0;

	setup();
	if (geteuid() != 0) {
		fprintf(stderr, "skip: needs root\n");
		teardown();
		return;
	}
	for (unsigned i = 0; i < SERVER_CONNECTIONS_UID; i++)
		fds[n++] = client_as(1000, 1000);
	ck_assert(!is_closed(fds[n - 1]));
	fds[n] = client_as(1000, 1000);
	ck_assert(is_closed(fds[n]));
	close(fds[n]);
	while (n < SERVER_CONNECTIONS_MAX - SERVER_CONNECTIONS_ROOT) {
		fds[n] = client_as(2000 + n, 1000);
		n++;
	}
	ck_assert(!is_closed(fds[n - 1]));
	fds[n] = client_as(3000, 1000);
	ck_assert(is_closed(fds[n]));
	close(fds[n]);
	while (n < SERVER_CONNECTIONS_MAX)
		fds[n++] = client();
	ck_assert(!is_closed(fds[n - 1]));
	fds[n] = client();
	ck_assert(is_closed(fds[n]));
	close(fds[n]);
	while (n > 0)
		close(fds[--n]);
	teardown();
}
END_TEST

/* Bytes that trickle in must not keep a connection. Takes five seconds. */
START_TEST(connection_idle_is_closed_even_when_bytes_trickle)
{
	nsec_t start = clock_now();
	int quiet, trickling, subscriber;

	setup();
	quiet = client();
	trickling = client();
	subscriber = client();
	call(subscriber, CALL_MORE("Events", "{}"));
	json_decref(reply(subscriber));
	while (clock_now() - start < 6 * NSEC_PER_SEC &&
	       !(is_closed(quiet) && is_closed(trickling))) {
		(void)!send(trickling, " ", 1, MSG_NOSIGNAL);
		sd_event_run(m.event, 100000);
	}
	ck_assert(is_closed(quiet));
	ck_assert(clock_now() - start > 4900 * NSEC_PER_MSEC);
	ck_assert_uint_eq(m.server->input_bytes, 0);
	ck_assert(!is_closed(subscriber)); /* waits for news: not idle */
	close(quiet);
	close(trickling);
	close(subscriber);
	teardown();
}
END_TEST

/* Calls without reading the answers: the client stops, the daemon does not grow. */
START_TEST(output_unread_stops_reading_calls)
{
	static const char text[] = CALL("Policy");
	size_t n_sent = 0, n_read = 0;
	struct connection *c;
	json_t *r;
	int fd;

	setup();
	fd = client();
	c = LIST_FIRST(&m.server->open);
	while (send(fd, text, sizeof(text), MSG_NOSIGNAL) == (ssize_t)sizeof(text)) {
		n_sent++;
		turn();
		ck_assert_uint_le(c->out_size, 2 * VARLINK_MESSAGE_MAX);
	}
	ck_assert_uint_gt(n_sent, 100);
	while (n_read < n_sent) {
		turn();
		r = reply(fd);
		ck_assert_ptr_nonnull(r); /* none is lost */
		json_decref(r);
		n_read++;
	}
	close(fd);
	teardown();
}
END_TEST

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
	                    .rule = "evil"};
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

START_TEST(call_oneway_is_done_and_not_answered)
{
	int fd;

	setup();
	fd = client();
	call(fd, "{\"method\":\"io.custos.Manager.Reload\",\"oneway\":true}");
	ck_assert_ptr_nonnull(asked.reload);
	asked.reload_done(asked.reload, 8, NULL);
	call(fd, "{\"method\":\"io.custos.Manager.Nothing\",\"oneway\":true}");
	turn();
	ck_assert_ptr_null(reply(fd));
	call(fd, CALL("Status"));
	json_decref(reply(fd));
	close(fd);
	teardown();
}
END_TEST

START_TEST(set_mode_monitor_needs_a_reason)
{
	static const char *const bad[] = {
		CALL_WITH("SetMode", "{\"mode\":\"monitor\"}"),
		CALL_WITH("SetMode", "{\"mode\":\"monitor\",\"reason\":\" \"}"),
		CALL_WITH("SetMode", "{\"mode\":\"off\",\"reason\":\"x\"}"),
		CALL_WITH("SetMode",
	                  "{\"mode\":\"monitor\",\"reason\":\"x\",\"ttlSec\":-1}"),
		CALL_WITH("SetMode", "{\"mode\":\"monitor\",\"reason\":\"x\","
	                             "\"ttlSec\":9999999999}"),
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
	call(fd, CALL_WITH("SetMode", "{\"mode\":\"enforce\"}"));
	json_decref(reply(fd));
	ck_assert_int_eq(asked.mode, MODE_ENFORCE);
	close(fd);
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

START_TEST(server_new_replaces_stale_socket_and_respects_live_one)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct varlink_server *other = NULL;
	struct stat st;
	int fd;

	setup();
	ck_assert_int_eq(server_new(&m, socket_path, &other), -EADDRINUSE);
	ck_assert_int_eq(stat(socket_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0007, 0);
	m.server = server_free(m.server);
	strcpy(sa.sun_path, socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	ck_assert_int_eq(server_new(&m, socket_path, &m.server), 0);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	m.server->observers = getegid();
	call(fd, CALL("Status"));
	json_decref(reply(fd));
	close(fd);
	teardown();
}
END_TEST

/* --- doubles --- */

enum manager_state manager_state(const struct manager *manager)
{
	return STATE_ENFORCING;
}

const char *manager_state_name(enum manager_state s)
{
	return "enforcing";
}

size_t manager_reasons(const struct manager *manager, const char **reasons, size_t max)
{
	reasons[0] = "a reason";
	return 1;
}

void manager_pids(const struct manager *manager, struct manager_pids *ret)
{
	*ret = (struct manager_pids){.supervisor = 1, .keeper = 2, .scanner = 3};
}

void manager_counters(const struct manager *manager, struct manager_counters *ret)
{
	*ret = (struct manager_counters){.events = 5};
}

size_t manager_coverage_n(const struct manager *manager)
{
	return 1;
}

void manager_coverage_row(const struct manager *manager, size_t i,
                          struct coverage_row *ret)
{
	*ret = (struct coverage_row){.mount_point = "/a\xff",
	                             .fs_type = "ext4",
	                             .state = "protected",
	                             .dev = 0x801};
}

int manager_reload(struct manager *manager, manager_reload_fn done, void *userdata)
{
	asked.reload_done = done;
	asked.reload = userdata;
	return 0;
}

int manager_set_mode(struct manager *manager, enum mode mode, nsec_t ttl,
                     const char *reason, uid_t by)
{
	asked.mode = mode;
	asked.ttl = ttl;
	snprintf(asked.reason, sizeof(asked.reason), "%s", reason ? reason : "");
	return 0;
}

int manager_scan(struct manager *manager, int fd, const char *path,
                 manager_scan_fn done, void *userdata)
{
	close(fd);
	if (asked.n_busy > 0) {
		asked.n_busy--;
		return -EBUSY;
	}
	asked.scan_done = done;
	asked.scans[asked.n_scans++] = userdata;
	return 0;
}

void manager_scan_cancel(struct manager *manager, void *userdata)
{
	asked.n_cancelled++;
}

static const struct policy_line line = {
	.action = POLICY_SCAN,
	.file = "/etc/p.rules",
	.line = 1,
	.reason = "why",
	.expires = 5,
	.text = "scan any on-match=deny on-error=allow"};

int manager_explain(struct manager *manager, int fd, const char *path, const char *exe,
                    uid_t uid, struct manager_explanation *ret)
{
	*ret = (struct manager_explanation){.covered = true,
	                                    .mark = "filesystem",
	                                    .line = &line,
	                                    .cached = true,
	                                    .verdict = VERDICT_CLEAN};
	return 0;
}

size_t policy_n_lines(const struct policy *p)
{
	return N_POLICY_LINES;
}

const struct policy_line *policy_line(const struct policy *p, size_t i)
{
	return &line;
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

UNIT_MAIN("server", status_call_gives_the_contract, calls_wrong_ones_get_their_errors,
          read_split_and_pipelined_answers_in_order, read_malformed_or_too_long_closes,
          read_many_partial_messages_stay_in_budget, permission_by_class_and_peer,
          server_add_limits_per_uid_and_reserve_for_root,
          connection_idle_is_closed_even_when_bytes_trickle,
          output_unread_stops_reading_calls, events_past_then_mark_then_live,
          events_slow_subscriber_is_told_dropped, scan_files_are_answered_by_index,
          scan_busy_scanner_is_asked_again, scan_client_gone_cancels_and_leaks_nothing,
          fds_too_many_or_unwanted_are_closed, reload_answers_when_done_or_why_not,
          call_oneway_is_done_and_not_answered, set_mode_monitor_needs_a_reason,
          policy_is_sent_in_parts, policy_none_yet_is_an_error,
          explain_open_file_is_explained, get_interface_description_serves_the_text,
          server_new_replaces_stale_socket_and_respects_live_one)
