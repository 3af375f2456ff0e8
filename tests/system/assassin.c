/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills the scanner, by SIGKILL, whenever it has a certain file in work
 *
 *     assassin KEEPER_PID FILE
 *     assassin KEEPER_PID      (whenever there is one)
 *
 * As the kernel does that is short of memory because of this file: the scanner leaves
 * no note of what it was at. Finds out from the shared memory and the descriptors of
 * the keeper. Runs until it is killed, or until standard input ends; prints how often
 * it has killed.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/shared.h"

static int keeper;
static struct stat target;

static struct shared *map_shared(void)
{
	char path[64];
	struct stat st;
	void *p;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", keeper, FD_SHARED);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static int is_target(const struct slot *slot)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", keeper, slot->fd);
	return stat(path, &st) == 0 && st.st_dev == target.st_dev &&
	       st.st_ino == target.st_ino;
}

static int who_lives(const struct shared *sh)
{
	for (unsigned p = 0; p < N_PLACES; p++) {
		int pid = (int)atomic_load(&sh->place[p].pid);

		if (pid > 1 && atomic_load(&sh->place[p].main_thread) > 1 &&
		    kill(pid, 0) == 0)
			return pid;
	}
	return 0;
}

/* Return: the process that works on it, 0: none. */
static int who_works(struct shared *sh)
{
	struct slots *s = shared_slots(sh);

	for (unsigned i = 0; i < N_SLOTS; i++) {
		const struct slot *slot = &s->slot[i];

		if (slot_state(slot) != SLOT_HELD ||
		    atomic_load(&slot->work_began) == 0 || !is_target(slot))
			continue;
		for (unsigned p = 0; p < N_PLACES; p++)
			if (atomic_load(&sh->place[p].number) == slot_owner(slot))
				return (int)atomic_load(&sh->place[p].pid);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	struct shared *sh;
	unsigned n = 0;
	int last = 0;

	if (argc < 2 || (keeper = atoi(argv[1])) <= 1 ||
	    (argc > 2 && stat(argv[2], &target) < 0))
		return 2;
	sh = map_shared();
	if (!sh)
		return 1;
	while (poll(&in, 1, 0) == 0) {
		int pid = argc > 2 ? who_works(sh) : who_lives(sh);

		/* What is dead already still has its slots for a moment. */
		if (pid > 1 && pid != last && kill(pid, SIGKILL) == 0) {
			n++;
			last = pid;
		}
	}
	(void)printf("%u\n", n);
	return 0;
}
