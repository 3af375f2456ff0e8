/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that write: write(2) and its kin, libaio, descriptors that travel.
 *
 * Owns: the descriptors it keeps in the target.
 * Must not own: rounds, opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* A writer that was there before the file was judged. */
static int arm_writer(struct target *t)
{
	t->fd = race_open(t->path, O_RDWR);
	return t->fd < 0 ? t->fd : 0;
}

static int put_and_close(struct target *t, int fd)
{
	int r;

	if (fd < 0)
		return fd;
	r = race_put(t, fd);
	close(fd);
	return r;
}

static int change_write(struct target *t)
{
	int fd = race_open(t->path, O_WRONLY), r;

	if (fd < 0)
		return fd;
	r = race_result(write(fd, t->evil, t->evil_size), t->evil_size);
	close(fd);
	return r;
}

/* The writer stays: no FAN_CLOSE_WRITE tells of the change. */
static int change_write_open(struct target *t)
{
	t->fd = race_open(t->path, O_WRONLY);
	return t->fd < 0 ? t->fd : race_put(t, t->fd);
}

static int change_early_writer(struct target *t)
{
	return race_put(t, t->fd);
}

static int change_pwritev(struct target *t)
{
	struct iovec iov[2] = {
		{.iov_base = (void *)t->evil, .iov_len = 1},
		{.iov_base = (void *)(t->evil + 1), .iov_len = t->evil_size - 1},
	};
	int fd = race_open(t->path, O_WRONLY), r;

	if (fd < 0)
		return fd;
	r = race_result(pwritev2(fd, iov, 2, 0, 0), t->evil_size);
	close(fd);
	return r;
}

static int change_direct(struct target *t)
{
	return put_and_close(t, race_open(t->path, O_WRONLY | O_DIRECT));
}

static int change_sync(struct target *t)
{
	return put_and_close(t, race_open(t->path, O_WRONLY | O_SYNC));
}

static int change_append(struct target *t)
{
	int fd = race_open(t->path, O_WRONLY | O_TRUNC), r;

	if (fd < 0)
		return fd;
	close(fd);
	fd = race_open(t->path, O_WRONLY | O_APPEND);
	if (fd < 0)
		return fd;
	r = race_result(write(fd, t->evil, t->evil_size), t->evil_size);
	close(fd);
	return r;
}

static int change_reopened(struct target *t)
{
	char link[64];
	int fd = race_open(t->path, O_PATH), r;

	if (fd < 0)
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	r = put_and_close(t, race_open(link, O_WRONLY));
	close(fd);
	return r;
}

/* A byte at a time: the last one makes it malicious. */
static int change_bytes(struct target *t)
{
	int fd = race_open(t->path, O_WRONLY), r = 0;

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < t->evil_size && r == 0; i++)
		r = race_result(pwrite(fd, t->evil + i, 1, (off_t)i), 1);
	close(fd);
	return r;
}

static int submit(aio_context_t context, struct iocb *cb)
{
	struct iocb *list[] = {cb};
	struct io_event event;

	if (syscall(SYS_io_submit, context, 1, list) != 1)
		return -errno;
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return -errno;
	if (event.res < 0)
		return (int)event.res;
	return (uint64_t)event.res == cb->aio_nbytes ? 0 : -EIO;
}

static int aio_put(struct target *t, int flags, bool keep)
{
	struct iocb cb = {.aio_lio_opcode = IOCB_CMD_PWRITE};
	aio_context_t context = 0;
	int fd = race_open(t->path, O_WRONLY | flags), r;

	if (fd < 0)
		return fd;
	cb.aio_fildes = (uint32_t)fd;
	cb.aio_buf = (uintptr_t)t->evil;
	cb.aio_nbytes = t->evil_size;
	r = syscall(SYS_io_setup, 1, &context) < 0 ? -errno : submit(context, &cb);
	syscall(SYS_io_destroy, context);
	if (keep)
		t->fd = fd;
	else
		close(fd);
	return r;
}

static int change_aio(struct target *t)
{
	return aio_put(t, 0, false);
}

static int change_aio_direct(struct target *t)
{
	return aio_put(t, O_DIRECT, false);
}

static int change_aio_open(struct target *t)
{
	return aio_put(t, 0, true);
}

/* While the file is judged its writer is a message nobody has received. */
static int arm_in_flight(struct target *t)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = "", .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
	                     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pair[2], fd, r;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	t->fd = pair[0];
	t->fd2 = pair[1];
	fd = race_open(t->path, O_RDWR);
	if (fd < 0)
		return fd;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	r = race_result(sendmsg(t->fd, &msg, 0), 1);
	close(fd);
	return r;
}

static int change_in_flight(struct target *t)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
	                     .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(t->fd2, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -errno;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	close(t->fd2);
	t->fd2 = fd;
	return race_put(t, fd);
}

/* As it was: size, access and modification time. The change time cannot be set. */
static int change_forged(struct target *t)
{
	struct timespec times[2];
	struct stat st;
	int fd = race_open(t->path, O_WRONLY), r;

	if (fd < 0)
		return fd;
	r = race_result(fstat(fd, &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (r == 0)
		r = race_put(t, fd);
	if (r == 0)
		r = race_result(futimens(fd, times), 0);
	close(fd);
	return r;
}

const struct changer race_write[] = {
	{.name = "write", .kind = CONTENT_EICAR, .change = change_write},
	{.name = "write-open", .kind = CONTENT_EICAR, .change = change_write_open},
	{.name = "write-early", .kind = CONTENT_EICAR, .arm = arm_writer,
	 .change = change_early_writer},
	{.name = "write-bytes", .kind = CONTENT_EICAR, .change = change_bytes},
	{.name = "pwritev", .kind = CONTENT_LISTED, .change = change_pwritev},
	{.name = "direct", .kind = CONTENT_LISTED, .change = change_direct},
	{.name = "sync", .kind = CONTENT_LISTED, .change = change_sync},
	{.name = "append", .kind = CONTENT_EICAR, .change = change_append},
	{.name = "reopened", .kind = CONTENT_EICAR, .change = change_reopened},
	{.name = "aio", .kind = CONTENT_LISTED, .flags = CHANGER_ROOT_SLIPS,
	 .change = change_aio},
	{.name = "aio-direct", .kind = CONTENT_LISTED, .flags = CHANGER_ROOT_SLIPS,
	 .change = change_aio_direct},
	{.name = "aio-open", .kind = CONTENT_LISTED, .flags = CHANGER_ROOT_SLIPS,
	 .change = change_aio_open},
	{.name = "in-flight", .kind = CONTENT_EICAR, .arm = arm_in_flight,
	 .change = change_in_flight},
	{.name = "forged-mtime", .kind = CONTENT_EICAR, .change = change_forged},
	{.name = NULL},
};
