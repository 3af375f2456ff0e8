/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes through io_uring: the open happens in a kernel thread or a task-work of ours.
 *
 * Owns: one ring.
 * Must not own: printing (report_fd).
 */
#include "routes.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#ifdef HAVE_LIBURING
#include <liburing.h>
#endif

#ifdef HAVE_LIBURING
#define RING_ENTRIES 4

static int open_by_ring(const char *file, unsigned setup_flags, unsigned sqe_flags)
{
	struct io_uring_params params = {.flags = setup_flags, .sq_thread_idle = 1000};
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int r, fd;

	r = io_uring_queue_init_params(RING_ENTRIES, &ring, &params);
	if (r == -ENOSYS || r == -EPERM)
		return report_unsupported("io_uring");
	errno = -r;
	if (r < 0)
		return setup_failed("io_uring_queue_init");
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_openat(sqe, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
	io_uring_sqe_set_flags(sqe, sqe_flags);
	r = io_uring_submit(&ring);
	errno = r < 0 ? -r : 0;
	if (r < 0)
		return setup_failed("io_uring_submit");
	r = io_uring_wait_cqe(&ring, &cqe);
	errno = r < 0 ? -r : 0;
	if (r < 0)
		return setup_failed("io_uring_wait_cqe");
	fd = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	io_uring_queue_exit(&ring);
	return fd < 0 ? report_errno(-fd) : report_fd(fd);
}

static int run_uring(const char *file, const char *extra)
{
	return open_by_ring(file, 0, 0);
}

static int run_uring_async(const char *file, const char *extra)
{
	return open_by_ring(file, 0, IOSQE_ASYNC);
}

static int run_uring_sqpoll(const char *file, const char *extra)
{
	return open_by_ring(file, IORING_SETUP_SQPOLL, 0);
}
#else
static int run_uring(const char *file, const char *extra)
{
	return report_unsupported("built without liburing");
}
#define run_uring_async  run_uring
#define run_uring_sqpoll run_uring
#endif

const struct route routes_uring[] = {
	{"uring", run_uring, "io_uring openat"},
	{"uring-async", run_uring_async, "io_uring openat, IOSQE_ASYNC"},
	{"uring-sqpoll", run_uring_sqpoll,
         "io_uring openat by the kernel's polling thread"},
	{NULL, NULL, NULL},
};
