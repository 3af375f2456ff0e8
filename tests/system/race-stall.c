/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy that the kernel has begun and cannot end: what it copies from is missing, and
 * the attacker supplies it when it suits (userfaultfd).
 *
 * Owns: the thread that copies, and the memory it copies from.
 * Must not own: what is copied to; the changer's copy function knows.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STALL_SECONDS 10

struct stall {
	struct target *target;
	int (*copy)(struct target *t, const uint8_t *from);
	pthread_t thread;
	bool running;
	int fault_fd;
	uint8_t *from;
	size_t present; /* so many bytes of it are there from the start */
	int result;
};

static void *copy_stalling(void *argument)
{
	struct stall *stall = argument;

	stall->result = stall->copy(stall->target, stall->from);
	return NULL;
}

static int stall_prepare(struct stall *stall)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	const struct target *t = stall->target;
	void *from;

	stall->fault_fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (stall->fault_fd < 0 || ioctl(stall->fault_fd, UFFDIO_API, &api) < 0)
		return -errno;
	from = mmap(NULL, t->evil_size, PROT_READ | PROT_WRITE,
	            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (from == MAP_FAILED)
		return -errno;
	stall->from = from;
	memcpy(stall->from, t->evil, stall->present);
	range.range.start = (uintptr_t)stall->from + stall->present;
	range.range.len = t->evil_size - stall->present;
	return race_result(ioctl(stall->fault_fd, UFFDIO_REGISTER, &range), 0);
}

int stall_start(struct target *t, size_t present,
                int (*copy)(struct target *t, const uint8_t *from))
{
	struct stall *stall = calloc(1, sizeof(*stall));
	struct pollfd poll_fd = {.events = POLLIN};
	struct uffd_msg msg;
	int r;

	if (!stall)
		return -ENOMEM;
	*stall = (struct stall){.target = t, .copy = copy, .present = present};
	t->more = stall;
	r = stall_prepare(stall);
	if (r < 0)
		return r;
	if (pthread_create(&stall->thread, NULL, copy_stalling, stall) != 0)
		return -EAGAIN;
	stall->running = true;
	poll_fd.fd = stall->fault_fd;
	if (poll(&poll_fd, 1, STALL_SECONDS * 1000) != 1)
		return -ETIMEDOUT;
	return race_result(read(stall->fault_fd, &msg, sizeof(msg)), sizeof(msg));
}

int stall_end(struct target *t)
{
	struct stall *stall = t->more;
	struct uffdio_copy copy = {
		.src = (uintptr_t)t->evil + stall->present,
		.dst = (uintptr_t)stall->from + stall->present,
		.len = t->evil_size - stall->present,
	};
	int r = race_result(ioctl(stall->fault_fd, UFFDIO_COPY, &copy), 0);

	if (r < 0)
		return r;
	pthread_join(stall->thread, NULL);
	stall->running = false;
	return stall->result;
}

void stall_release(struct target *t)
{
	struct stall *stall = t->more;

	if (!stall)
		return;
	if (stall->running)
		stall_end(t);
	if (stall->fault_fd >= 0)
		close(stall->fault_fd);
	if (stall->running) /* without its descriptor what is missing reads as zeros */
		pthread_join(stall->thread, NULL);
	if (stall->from)
		munmap(stall->from, t->evil_size);
	free(stall);
	t->more = NULL;
}
