/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that hold pages of the file itself, without a mapping or a descriptor of it.
 *
 * process_vm_writev(2) pins the pages it will write to, then copies. While the copy
 * waits for its source, mapping and descriptor go: the kernel counts no writer any
 * more, and what it copies later changes no time stamp and raises no event. Unlike a
 * ring's buffer, which is pinned for long, this works on every file system.
 *
 * Owns: the mapping until its pages are pinned.
 * Must not own: rounds, opens.
 * Hands off to: race-stall.c for the copy that waits.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* All pages are pinned before a byte is copied: they are less than one batch. */
static int write_to_map(struct target *t, const uint8_t *from)
{
	struct iovec local = {.iov_base = (void *)from, .iov_len = t->evil_size};
	struct iovec remote = {.iov_base = t->map, .iov_len = t->evil_size};

	return race_result(process_vm_writev(getpid(), &local, 1, &remote, 1, 0),
	                   t->evil_size);
}

static int arm_pinned(struct target *t)
{
	int fd = race_open(t->path, O_RDWR), r;
	void *map;

	if (fd < 0)
		return fd;
	map = mmap(NULL, RACE_MAX_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	t->map = map;
	r = stall_start(t, 0, write_to_map);
	if (r < 0)
		return r;
	r = race_result(munmap(t->map, RACE_MAX_FILE), 0);
	t->map = NULL;
	return r;
}

const struct changer race_pin[] = {
	{.name = "pvm-pinned",
         .kind = CONTENT_LISTED,
         .flags = CHANGER_ROOT | CHANGER_ROOT_SLIPS,
         .arm = arm_pinned,
         .change = stall_end,
         .release = stall_release},
	{.name = NULL},
};
