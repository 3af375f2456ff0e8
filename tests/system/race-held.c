/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that need help: a write held half-way, a loop device, a second mount, the
 * layers of an overlay.
 *
 * Owns: what it sets up for one target.
 * Must not own: rounds, opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STALL_SECONDS 10
#define LOOP_TRIES    16 /* others take devices, too */

/* A write of two blocks whose second one is not there until the attacker says so. */
struct stall {
	pthread_t thread;
	bool running;
	int fault_fd, fd;
	uint8_t *buf;
	int result;
};

static void *write_stalling(void *argument)
{
	struct stall *stall = argument;

	stall->result = race_result(pwrite(stall->fd, stall->buf, 2 * RACE_BLOCK, 0),
	                            2 * RACE_BLOCK);
	return NULL;
}

static int stall_prepare(struct stall *stall)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	stall->fault_fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (stall->fault_fd < 0 || ioctl(stall->fault_fd, UFFDIO_API, &api) < 0)
		return -errno;
	stall->buf = mmap(NULL, 2 * RACE_BLOCK, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stall->buf == MAP_FAILED)
		return -errno;
	range.range.start = (uintptr_t)stall->buf + RACE_BLOCK;
	range.range.len = RACE_BLOCK;
	return race_result(ioctl(stall->fault_fd, UFFDIO_REGISTER, &range), 0);
}

static int change_stalled(struct target *t)
{
	struct stall *stall = calloc(1, sizeof(*stall));
	struct uffd_msg msg;
	struct pollfd poll_fd = {.events = POLLIN};
	int r;

	if (!stall)
		return -ENOMEM;
	t->more = stall;
	r = stall_prepare(stall);
	if (r < 0)
		return r;
	memcpy(stall->buf, t->evil, RACE_BLOCK);
	stall->fd = t->fd = race_open(t->path, O_WRONLY);
	if (t->fd < 0)
		return t->fd;
	if (pthread_create(&stall->thread, NULL, write_stalling, stall) != 0)
		return -EAGAIN;
	stall->running = true;
	poll_fd.fd = stall->fault_fd;
	if (poll(&poll_fd, 1, STALL_SECONDS * 1000) != 1)
		return -ETIMEDOUT;
	return race_result(read(stall->fault_fd, &msg, sizeof(msg)), sizeof(msg));
}

static void release_stalled(struct target *t)
{
	struct stall *stall = t->more;
	struct uffdio_copy copy = {.len = RACE_BLOCK};

	if (!stall)
		return;
	if (stall->running) {
		copy.src = (uintptr_t)t->evil + RACE_BLOCK;
		copy.dst = (uintptr_t)stall->buf + RACE_BLOCK;
		ioctl(stall->fault_fd, UFFDIO_COPY, &copy);
		pthread_join(stall->thread, NULL);
	}
	close(stall->fault_fd);
	munmap(stall->buf, 2 * RACE_BLOCK);
	free(stall);
	t->more = NULL;
}

static int loop_attach(int backing)
{
	int control = race_open("/dev/loop-control", O_RDWR), fd = -ENOENT;
	char name[32];

	if (control < 0)
		return control;
	for (int i = 0; i < LOOP_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(name, sizeof(name), "/dev/loop%d", number);
		fd = number < 0 ? -errno : race_open(name, O_RDWR);
		if (fd < 0)
			break;
		if (ioctl(fd, LOOP_SET_FD, backing) == 0)
			break;
		close(fd);
		fd = -EBUSY;
	}
	close(control);
	return fd;
}

static int change_loop(struct target *t)
{
	int backing = race_open(t->path, O_RDWR), r;

	if (backing < 0)
		return backing;
	t->fd = loop_attach(backing);
	close(backing);
	if (t->fd < 0)
		return t->fd;
	r = race_put(t, t->fd);
	return r < 0 ? r : race_result(fsync(t->fd), 0);
}

static void release_loop(struct target *t)
{
	if (t->fd >= 0)
		ioctl(t->fd, LOOP_CLR_FD);
}

static int change_other(struct target *t)
{
	int fd = race_open(t->other, O_WRONLY), r;

	if (fd < 0)
		return fd;
	r = race_put(t, fd);
	close(fd);
	return r;
}

static int change_other_map(struct target *t)
{
	int fd = race_open(t->other, O_RDWR);
	void *map;

	if (fd < 0)
		return fd;
	map = mmap(NULL, RACE_MAX_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	t->map = map;
	memcpy(t->map, t->evil, t->evil_size);
	return 0;
}

/* The first writer copies the file up; its later content is in another inode. */
static int change_copy_up(struct target *t)
{
	t->fd = race_open(t->path, O_WRONLY);
	return t->fd < 0 ? t->fd : race_put(t, t->fd);
}

#define HELD                                                                           \
	(CHANGER_ROOT | CHANGER_SLOW | CHANGER_BLOCKS | CHANGER_ROOT_SLIPS)

const struct changer race_held[] = {
	{.name = "held-write", .kind = CONTENT_HALF, .flags = HELD, .change = change_stalled,
	 .release = release_stalled},
	{.name = "loop", .kind = CONTENT_LISTED,
	 .flags = CHANGER_ROOT | CHANGER_SLOW | CHANGER_ROOT_SLIPS, .change = change_loop,
	 .release = release_loop},
	{.name = "bind-write", .kind = CONTENT_EICAR, .flags = CHANGER_BIND,
	 .change = change_other},
	{.name = "upper-write", .kind = CONTENT_EICAR, .flags = CHANGER_UPPER,
	 .change = change_other},
	{.name = "upper-map", .kind = CONTENT_LISTED,
	 .flags = CHANGER_UPPER | CHANGER_ROOT_SLIPS, .change = change_other_map},
	{.name = "lower-write", .kind = CONTENT_EICAR, .flags = CHANGER_LOWER,
	 .change = change_other},
	{.name = "lower-map", .kind = CONTENT_LISTED,
	 .flags = CHANGER_LOWER | CHANGER_ROOT_SLIPS, .change = change_other_map},
	{.name = "copy-up", .kind = CONTENT_EICAR, .flags = CHANGER_LOWER,
	 .change = change_copy_up},
	{.name = NULL},
};
