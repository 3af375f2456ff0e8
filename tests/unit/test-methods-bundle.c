/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles, ImportBundle, RollbackBundle: who may, with what, and what comes back */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "server-fixture.h"
#include "unit.h"

#define NOBODY 65534

/* A call with a folder's descriptor. */
static void call_with_fd(int fd, const char *text)
{
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	send_fds(fd, text, strlen(text) + 1, &dir, 1);
	close(dir);
	turn();
}

START_TEST(bundles_are_listed)
{
	json_t *r, *list;
	int fd;

	setup();
	fd = client();
	call(fd, CALL("Bundles"));
	r = reply(fd);
	list = member(r, "bundles");
	ck_assert_uint_eq(json_array_size(list), 1);
	json_decref(r);
	close(fd);
	teardown();
}
END_TEST

START_TEST(import_passes_the_descriptor_on)
{
	json_t *answer = json_pack("{s:s, s:i}", "channel", "base", "serial", 8), *r;
	int fd;

	setup();
	fd = client();
	call_with_fd(fd, CALL_WITH("ImportBundle", "{\"bundle\":0}"));
	ck_assert_int_eq(asked.bundle.op, BUNDLE_IMPORT);
	ck_assert_int_ge(fcntl(asked.bundle.fd, F_GETFD), 0);
	close(asked.bundle.fd); /* taken over */
	asked.bundle_done(asked.bundle_data, NULL, NULL, answer);
	turn();
	r = reply(fd);
	ck_assert_int_eq(json_integer_value(member(r, "serial")), 8);
	json_decref(r);
	json_decref(answer);
	close(fd);
	teardown();
}
END_TEST

START_TEST(import_refused_says_why)
{
	json_t *r;
	int fd;

	setup();
	fd = client();
	call_with_fd(fd, CALL_WITH("ImportBundle", "{\"bundle\":0}"));
	close(asked.bundle.fd);
	asked.bundle_done(asked.bundle_data, "serial", "older\nthan \xff", NULL);
	turn();
	r = reply(fd);
	ck_assert_str_eq(json_string_value(json_object_get(r, "error")),
	                 "io.custos.Manager.BundleRefused");
	ck_assert_str_eq(json_string_value(member(r, "code")), "serial");
	ck_assert_ptr_nonnull(member(r, "message"));
	json_decref(r);
	close(fd);
	teardown();
}
END_TEST

START_TEST(import_busy_closes_the_descriptor)
{
	unsigned before;
	int fd;

	setup();
	fd = client();
	asked.bundle_result = -EBUSY;
	before = count_fds();
	call_with_fd(fd, CALL_WITH("ImportBundle", "{\"bundle\":0}"));
	expect_error(fd, "io.custos.Manager.Failed");
	ck_assert_uint_eq(count_fds(), before);
	call(fd, CALL_WITH("ImportBundle", "{\"bundle\":0}")); /* none came with it */
	expect_error(fd, "org.varlink.service.InvalidParameter");
	close(fd);
	teardown();
}
END_TEST

START_TEST(import_client_gone_is_cancelled)
{
	int fd;

	setup();
	fd = client();
	call_with_fd(fd, CALL_WITH("ImportBundle", "{\"bundle\":0}"));
	close(asked.bundle.fd);
	close(fd);
	turn();
	ck_assert_uint_eq(asked.n_cancelled, 1);
	teardown();
}
END_TEST

START_TEST(rollback_needs_root_and_a_reason)
{
	static const char *const bad[] = {
		CALL("RollbackBundle"),
		CALL_WITH("RollbackBundle", "{\"reason\":\"\"}"),
		CALL_WITH("RollbackBundle", "{\"reason\":\"  \"}"),
		CALL_WITH("RollbackBundle", "{\"reason\":\"x\",\"serial\":-1}"),
		CALL_WITH("RollbackBundle", "{\"reason\":\"x\",\"channel\":3}"),
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
	ck_assert_ptr_null(asked.bundle_data);
	call(fd, CALL_WITH("RollbackBundle",
	                   "{\"reason\":\"x\",\"channel\":\"base\",\"serial\":4}"));
	ck_assert_int_eq(asked.bundle.op, BUNDLE_ROLLBACK);
	ck_assert_int_eq(asked.bundle.serial, 4);
	ck_assert_str_eq(asked.bundle_channel, "base");
	ck_assert_str_eq(asked.reason, "x");
	close(fd);
	turn();
	fd = client_as(NOBODY, getegid());
	call(fd, CALL_WITH("RollbackBundle", "{\"reason\":\"x\"}"));
	expect_error(fd, "org.varlink.service.PermissionDenied");
	close(fd);
	teardown();
}
END_TEST

/* A reason of exactly the most bytes, and of one more. */
START_TEST(rollback_reason_at_limit_and_past)
{
	char text[2048], reason[1026];
	int fd;

	setup();
	if (geteuid() != 0) {
		fprintf(stderr, "skip: needs root\n");
		teardown();
		return;
	}
	fd = client();
	memset(reason, 'r', sizeof(reason));
	reason[1025] = '\0';
	snprintf(text, sizeof(text), CALL_WITH("RollbackBundle", "{\"reason\":\"%s\"}"),
	         reason);
	call(fd, text);
	expect_error(fd, "org.varlink.service.InvalidParameter");
	reason[1024] = '\0';
	snprintf(text, sizeof(text), CALL_WITH("RollbackBundle", "{\"reason\":\"%s\"}"),
	         reason);
	call(fd, text);
	ck_assert_ptr_nonnull(asked.bundle_data);
	close(fd);
	turn();
	teardown();
}
END_TEST

UNIT_MAIN("methods-bundle", bundles_are_listed, import_passes_the_descriptor_on,
          import_refused_says_why, import_busy_closes_the_descriptor,
          import_client_gone_is_cancelled, rollback_needs_root_and_a_reason,
          rollback_reason_at_limit_and_past)
