/* SPDX-License-Identifier: Apache-2.0 */
/*
 * staller FILE...: a write(2) to each file that the kernel has begun and cannot end, because what it
 * copies from is missing (userfaultfd). Prints "stalled" when all stand still; lets them end when its
 * input does. On XFS nobody can read such a file meanwhile, and who tries cannot be killed.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STALL_BYTES 4096
#define STALLS_MAX  32

static const char eicar[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

struct stall {
	int fd;
	uint8_t *from;
	pthread_t thread;
};

static void *write_stalling(void *argument)
{
	struct stall *s = argument;

	if (pwrite(s->fd, s->from, sizeof(eicar) - 1, 0) != (ssize_t)sizeof(eicar) - 1)
		warn("write");
	return NULL;
}

static void stall(int faults, struct stall *s, const char *path)
{
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	struct uffd_msg msg;
	void *from = mmap(NULL, STALL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	s->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (s->fd < 0 || from == MAP_FAILED)
		err(1, "%s", path);
	s->from = from;
	range.range.start = (uintptr_t)from;
	range.range.len = STALL_BYTES;
	if (ioctl(faults, UFFDIO_REGISTER, &range) < 0)
		err(1, "UFFDIO_REGISTER");
	if (pthread_create(&s->thread, NULL, write_stalling, s) != 0)
		errx(1, "pthread_create");
	if (read(faults, &msg, sizeof(msg)) != (ssize_t)sizeof(msg))
		err(1, "userfaultfd");
}

static void go_on(int faults, struct stall *s)
{
	static _Alignas(STALL_BYTES) uint8_t page[STALL_BYTES];
	struct uffdio_copy copy = {
		.src = (uintptr_t)page, .dst = (uintptr_t)s->from, .len = STALL_BYTES};

	memcpy(page, eicar, sizeof(eicar) - 1);
	if (ioctl(faults, UFFDIO_COPY, &copy) < 0)
		err(1, "UFFDIO_COPY");
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
}

int main(int argc, char **argv)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct stall stalls[STALLS_MAX];
	int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	char c;

	if (argc < 2 || argc > STALLS_MAX)
		errx(2, "usage: staller FILE...");
	if (faults < 0 || ioctl(faults, UFFDIO_API, &api) < 0) {
		warn("userfaultfd");
		return 77;
	}
	for (int i = 1; i < argc; i++)
		stall(faults, &stalls[i - 1], argv[i]);
	puts("stalled");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	for (int i = 1; i < argc; i++)
		go_on(faults, &stalls[i - 1]);
	return 0;
}
