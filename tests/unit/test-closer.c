/* SPDX-License-Identifier: Apache-2.0 */
/* Closing what strangers sent; tests/system/fault-fuse has files that cannot be closed
 */
#include "closer.h"

#include <poll.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "unit.h"

#define MANY 1000

/* The other end of a pipe tells when this one is closed. */
static bool hangs_up(int fd, int timeout_msec)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_msec) == 1 && p.revents & POLLHUP;
}

START_TEST(closer_close_closes_soon)
{
	struct closer *c;
	int ends[2];

	ck_assert_int_eq(closer_new(&c), 0);
	ck_assert_int_eq(pipe(ends), 0);
	closer_close(c, ends[1]);
	closer_close(c, -1);
	ck_assert(hangs_up(ends[0], 10000));
	ck_assert(!closer_is_full(c));
	ck_assert_ptr_null(closer_free(c));
	(void)fd_close(ends[0]);
}
END_TEST

START_TEST(closer_close_without_one_closes_now)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	closer_close(NULL, ends[1]);
	ck_assert(hangs_up(ends[0], 0));
	ck_assert(!closer_is_full(NULL));
	ck_assert_ptr_null(closer_free(NULL));
	(void)fd_close(ends[0]);
}
END_TEST

START_TEST(closer_free_what_waits_is_closed_first)
{
	struct closer *c;
	int ends[2];

	ck_assert_int_eq(closer_new(&c), 0);
	ck_assert_int_eq(pipe(ends), 0);
	for (unsigned i = 0; i < MANY; i++) {
		int fd = dup(ends[1]);

		if (fd >= 0) /* all that the limit allows */
			closer_close(c, fd);
	}
	closer_close(c, ends[1]);
	ck_assert_ptr_null(closer_free(c));
	ck_assert(hangs_up(ends[0], 0));
	(void)fd_close(ends[0]);
}
END_TEST

UNIT_MAIN("closer", closer_close_closes_soon, closer_close_without_one_closes_now,
          closer_free_what_waits_is_closed_first)
