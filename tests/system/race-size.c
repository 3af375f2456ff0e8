/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that take away or move: truncate and fallocate.
 *
 * Owns: nothing.
 * Must not own: rounds, opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* XFS's own way to punch, which all file systems have; not in the kernel's user headers. */
struct space {
	int16_t type, whence;
	int64_t start, length;
	int32_t system;
	uint32_t process;
	int32_t pad[4];
};
#define IOC_UNRESERVE _IOW('X', 43, struct space)

/* By path: no descriptor, no FAN_CLOSE_WRITE. */
static int change_truncate(struct target *t)
{
	return race_result(truncate(t->path, (off_t)t->evil_size), 0);
}

static int change_ftruncate(struct target *t)
{
	int fd = race_open(t->path, O_WRONLY), r;

	if (fd < 0)
		return fd;
	r = race_result(ftruncate(fd, (off_t)t->evil_size), 0);
	close(fd);
	return r;
}

static int allocate(struct target *t, int mode, off_t from, off_t length)
{
	int fd = race_open(t->path, O_WRONLY), r;

	if (fd < 0)
		return fd;
	r = race_result(fallocate(fd, mode, from, length), 0);
	close(fd);
	return r;
}

static int change_extend(struct target *t)
{
	return allocate(t, 0, 0, 2 * RACE_BLOCK);
}

static int change_punch(struct target *t)
{
	return allocate(t, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, RACE_BLOCK, RACE_BLOCK);
}

static int change_zero(struct target *t)
{
	return allocate(t, FALLOC_FL_ZERO_RANGE, RACE_BLOCK, RACE_BLOCK);
}

static int change_zero_keep(struct target *t)
{
	return allocate(t, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, RACE_BLOCK, RACE_BLOCK);
}

static int change_collapse(struct target *t)
{
	return allocate(t, FALLOC_FL_COLLAPSE_RANGE, 0, RACE_BLOCK);
}

static int change_insert(struct target *t)
{
	return allocate(t, FALLOC_FL_INSERT_RANGE, RACE_BLOCK, RACE_BLOCK);
}

static int change_unreserve(struct target *t)
{
	struct space space = {.whence = SEEK_SET, .start = RACE_BLOCK, .length = RACE_BLOCK};
	int fd = race_open(t->path, O_WRONLY), r;

	if (fd < 0)
		return fd;
	r = race_result(ioctl(fd, IOC_UNRESERVE, &space), 0);
	close(fd);
	return r;
}

const struct changer race_size[] = {
	{.name = "truncate", .kind = CONTENT_LONG, .change = change_truncate},
	{.name = "truncate-up", .kind = CONTENT_SHORT, .change = change_truncate},
	{.name = "ftruncate", .kind = CONTENT_LONG, .change = change_ftruncate},
	{.name = "ftruncate-up", .kind = CONTENT_SHORT, .change = change_ftruncate},
	{.name = "fallocate", .kind = CONTENT_SHORT, .change = change_extend},
	{.name = "punch", .kind = CONTENT_HOLE, .change = change_punch},
	{.name = "zero", .kind = CONTENT_HOLE, .change = change_zero},
	{.name = "zero-keep", .kind = CONTENT_HOLE, .change = change_zero_keep},
	{.name = "collapse", .kind = CONTENT_COLLAPSE, .change = change_collapse},
	{.name = "insert", .kind = CONTENT_INSERT, .change = change_insert},
	{.name = "unreserve", .kind = CONTENT_HOLE, .change = change_unreserve},
	{.name = NULL},
};
