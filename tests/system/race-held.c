/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that need help: a write held half-way, a loop device, a second mount, the
 * layers of an overlay.
 *
 * Owns: what it sets up for one target.
 * Must not own: rounds, opens.
 * Hands off to: race-stall.c for the write held half-way.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOOP_TRIES 16 /* others take devices, too */

/* A write of two blocks whose second one is not there until the attacker says so. */
static int write_all(struct target *t, const uint8_t *from)
{
	return race_result(pwrite(t->fd, from, t->evil_size, 0), t->evil_size);
}

static int change_stalled(struct target *t)
{
	t->fd = race_open(t->path, O_WRONLY);
	return t->fd < 0 ? t->fd : stall_start(t, RACE_BLOCK, write_all);
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
	 .release = stall_release},
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
