/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "server-fixture.h"
#include "unit.h"

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

UNIT_MAIN("server", read_split_and_pipelined_answers_in_order,
          read_malformed_or_too_long_closes, read_many_partial_messages_stay_in_budget,
          permission_by_class_and_peer, server_add_limits_per_uid_and_reserve_for_root,
          connection_idle_is_closed_even_when_bytes_trickle,
          output_unread_stops_reading_calls,
          server_new_replaces_stale_socket_and_respects_live_one,
          call_oneway_is_done_and_not_answered)
