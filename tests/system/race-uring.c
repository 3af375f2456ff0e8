/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that go through io_uring: the write happens in the caller, in a worker, in the
 * kernel's polling thread, or into pages that were pinned while the file was mapped.
 *
 * Owns: one ring per change; for pinned pages, one per target.
 * Must not own: rounds, opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef HAVE_LIBURING
#include <liburing.h>

#define RING_ENTRIES 4
#define POLL_IDLE_MS 10

enum transfer { WRITE_PLAIN, WRITE_FIXED, READ_FIXED };

/* Queue one transfer at offset 0 and wait for it. */
static int transfer(struct io_uring *ring, enum transfer what, int fd, void *buf, size_t n,
                    unsigned sqe_flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int r;

	if (what == WRITE_PLAIN)
		io_uring_prep_write(sqe, fd, buf, (unsigned)n, 0);
	else if (what == WRITE_FIXED)
		io_uring_prep_write_fixed(sqe, fd, buf, (unsigned)n, 0, 0);
	else
		io_uring_prep_read_fixed(sqe, fd, buf, (unsigned)n, 0, 0);
	io_uring_sqe_set_flags(sqe, sqe_flags);
	r = io_uring_submit(ring);
	if (r >= 0)
		r = io_uring_wait_cqe(ring, &cqe);
	if (r < 0)
		return r;
	r = cqe->res < 0 ? cqe->res : (size_t)cqe->res == n ? 0 : -EIO;
	io_uring_cqe_seen(ring, cqe);
	return r;
}

static int put_by_ring(struct target *t, int open_flags, unsigned setup_flags,
                       unsigned sqe_flags, enum transfer what)
{
	struct io_uring_params params = {.flags = setup_flags,
	                                 .sq_thread_idle = POLL_IDLE_MS};
	struct iovec iov = {.iov_base = (void *)t->evil, .iov_len = t->evil_size};
	struct io_uring ring;
	int r;

	r = io_uring_queue_init_params(RING_ENTRIES, &ring, &params);
	if (r < 0)
		return r;
	t->fd = race_open(t->path, O_WRONLY | open_flags);
	r = t->fd < 0 ? t->fd : 0;
	if (r == 0 && what == WRITE_FIXED)
		r = io_uring_register_buffers(&ring, &iov, 1);
	if (r == 0)
		r = transfer(&ring, what, t->fd, iov.iov_base, iov.iov_len, sqe_flags);
	io_uring_queue_exit(&ring);
	return r;
}

static int change_plain(struct target *t)
{
	return put_by_ring(t, 0, 0, 0, WRITE_PLAIN);
}

static int change_async(struct target *t)
{
	return put_by_ring(t, 0, 0, IOSQE_ASYNC, WRITE_PLAIN);
}

static int change_fixed(struct target *t)
{
	return put_by_ring(t, 0, 0, 0, WRITE_FIXED);
}

static int change_direct(struct target *t)
{
	return put_by_ring(t, O_DIRECT, 0, 0, WRITE_FIXED);
}

static int change_sqpoll(struct target *t)
{
	return put_by_ring(t, 0, IORING_SETUP_SQPOLL, 0, WRITE_PLAIN);
}

struct pin {
	struct io_uring ring;
	uint8_t *at; /* where the mapping was */
};

/*
 * Pages of the file are pinned as a ring's buffer, then mapping and descriptor go: the
 * kernel counts no writer any more, yet a read into that buffer lands in the file.
 */
static int arm_pinned(struct target *t)
{
	struct pin *pin = calloc(1, sizeof(*pin));
	struct iovec iov = {.iov_len = t->evil_size};
	int fd = race_open(t->path, O_RDWR), r;

	if (!pin || fd < 0)
		return -ENOMEM;
	r = io_uring_queue_init(RING_ENTRIES, &pin->ring, 0);
	if (r < 0)
		return r;
	t->more = pin;
	pin->at = mmap(NULL, RACE_MAX_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (pin->at == MAP_FAILED)
		return -errno;
	iov.iov_base = pin->at;
	r = io_uring_register_buffers(&pin->ring, &iov, 1);
	munmap(pin->at, RACE_MAX_FILE);
	return r;
}

static int change_pinned(struct target *t)
{
	struct pin *pin = t->more;

	return transfer(&pin->ring, READ_FIXED, t->evil_fd, pin->at, t->evil_size, 0);
}

static void release_pinned(struct target *t)
{
	struct pin *pin = t->more;

	if (!pin)
		return;
	io_uring_queue_exit(&pin->ring);
	free(pin);
	t->more = NULL;
}

#define RING(NAME, CHANGE) {.name = NAME, .kind = CONTENT_LISTED, .change = CHANGE}

const struct changer race_uring[] = {
	RING("uring", change_plain),
	RING("uring-async", change_async),
	RING("uring-fixed", change_fixed),
	RING("uring-direct", change_direct),
	RING("uring-sqpoll", change_sqpoll),
	{.name = "uring-pinned", .kind = CONTENT_LISTED, .flags = CHANGER_ROOT_SLIPS,
	 .arm = arm_pinned, .change = change_pinned, .release = release_pinned},
	{.name = NULL},
};
#else
static int change_unknown(struct target *t)
{
	return -ENOSYS; /* built without liburing */
}

const struct changer race_uring[] = {
	{.name = "uring", .kind = CONTENT_LISTED, .change = change_unknown},
	{.name = NULL},
};
#endif
