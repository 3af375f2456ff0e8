/* SPDX-License-Identifier: Apache-2.0 */
/* Channel: whole messages, and no descriptor ever left over */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "custos/chan.h"
#include "custos/types.h"
#include "unit.h"

static int pair[2], fds[CHAN_FDS_MAX];

static void setup_pair(void)
{
	ck_assert_int_eq(chan_pair(pair), 0);
}

static unsigned n_open(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void expect_no_fds(void)
{
	for (size_t i = 0; i < CHAN_FDS_MAX; i++)
		ck_assert_int_eq(fds[i], -1);
}

START_TEST(chan_pair_both_ends_close_on_exec)
{
	setup_pair();
	ck_assert_int_eq(fcntl(pair[0], F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(pair[1], F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(chan_recv_messages_keep_their_borders)
{
	char buf[16];

	setup_pair();
	ck_assert_int_eq(chan_send(pair[0], "one", 3, NULL, 0, 0), 0);
	ck_assert_int_eq(chan_send(pair[0], "three", 5, NULL, 0, 0), 0);
	ck_assert_int_eq(chan_recv(pair[1], buf, sizeof(buf), fds, 0), 3);
	ck_assert_int_eq(chan_recv(pair[1], buf, sizeof(buf), fds, 0), 5);
	ck_assert(memcmp(buf, "three", 5) == 0);
	expect_no_fds();
	ck_assert_int_eq(chan_recv(pair[1], buf, sizeof(buf), fds, MSG_DONTWAIT), -EAGAIN);
}
END_TEST

START_TEST(chan_recv_message_of_limit_fits_past_it_is_emsgsize)
{
	char buf[4];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	unsigned n;

	setup_pair();
	ck_assert_int_eq(chan_send(pair[0], "1234", 4, NULL, 0, 0), 0);
	ck_assert_int_eq(chan_recv(pair[1], buf, sizeof(buf), fds, 0), 4);
	ck_assert_int_eq(chan_send(pair[0], "12345", 5, &null, 1, 0), 0);
	n = n_open();
	ck_assert_int_eq(chan_recv(pair[1], buf, sizeof(buf), fds, 0), -EMSGSIZE);
	expect_no_fds();
	ck_assert_uint_eq(n_open(), n);
}
END_TEST

START_TEST(chan_send_most_descriptors_arrive_one_more_is_refused)
{
	int many[CHAN_FDS_MAX + 1];
	char c;

	setup_pair();
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(chan_send(pair[0], "x", 1, many, CHAN_FDS_MAX + 1, 0), -EINVAL);
	ck_assert_int_eq(chan_send(pair[0], "x", 1, many, CHAN_FDS_MAX, 0), 0);
	ck_assert_int_eq(chan_recv(pair[1], &c, 1, fds, 0), 1);
	for (size_t i = 0; i < CHAN_FDS_MAX; i++)
		ck_assert_int_eq(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
}
END_TEST

START_TEST(chan_send_odd_number_of_descriptors_arrives)
{
	const int three[] = {0, 1, 2};
	char c;

	setup_pair();
	ck_assert_int_eq(chan_send(pair[0], "x", 1, three, 3, 0), 0);
	ck_assert_int_eq(chan_recv(pair[1], &c, 1, fds, 0), 1);
	ck_assert(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0);
	ck_assert_int_eq(fds[3], -1);
}
END_TEST

/* Somebody else's message, with more descriptors than chan_send() would send. */
START_TEST(chan_recv_too_many_descriptors_all_are_closed)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE((CHAN_FDS_MAX + 1) * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)"x", .iov_len = 1};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
	                    .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	char byte;
	unsigned n;

	setup_pair();
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN((CHAN_FDS_MAX + 1) * sizeof(int));
	memset(CMSG_DATA(c), 0, (CHAN_FDS_MAX + 1) * sizeof(int)); /* five times stdin */
	ck_assert_int_eq(sendmsg(pair[0], &mh, 0), 1);
	n = n_open();
	ck_assert_int_eq(chan_recv(pair[1], &byte, 1, fds, 0), -EMSGSIZE);
	expect_no_fds();
	ck_assert_uint_eq(n_open(), n);
}
END_TEST

START_TEST(chan_recv_other_end_closed_is_end_of_file)
{
	char c;

	setup_pair();
	(void)close(pair[0]);
	ck_assert_int_eq(chan_recv(pair[1], &c, 1, fds, 0), 0);
	expect_no_fds();
}
END_TEST

/* It would be taken for the end of the file. */
START_TEST(chan_send_empty_message_is_refused)
{
	setup_pair();
	ck_assert_int_eq(chan_send(pair[0], "", 0, NULL, 0, 0), -EINVAL);
}
END_TEST

START_TEST(chan_send_nobody_there_is_epipe_and_no_signal)
{
	setup_pair();
	(void)close(pair[1]);
	ck_assert_int_eq(chan_send(pair[0], "x", 1, NULL, 0, 0), -EPIPE);
}
END_TEST

START_TEST(chan_send_full_does_not_wait_when_told)
{
	char big[1024] = {0};
	int r = 0;

	setup_pair();
	for (unsigned i = 0; i < 10000 && r == 0; i++)
		r = chan_send(pair[0], big, sizeof(big), NULL, 0, MSG_DONTWAIT);
	ck_assert_int_eq(r, -EAGAIN);
}
END_TEST

UNIT_MAIN("chan", chan_pair_both_ends_close_on_exec, chan_recv_messages_keep_their_borders,
          chan_recv_message_of_limit_fits_past_it_is_emsgsize,
          chan_send_most_descriptors_arrive_one_more_is_refused,
          chan_send_odd_number_of_descriptors_arrives,
          chan_recv_too_many_descriptors_all_are_closed,
          chan_recv_other_end_closed_is_end_of_file, chan_send_empty_message_is_refused,
          chan_send_nobody_there_is_epipe_and_no_signal, chan_send_full_does_not_wait_when_told)
