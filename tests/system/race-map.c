/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that store through a shared mapping: the kernel tells nobody.
 *
 * Owns: the mappings it keeps in the target.
 * Must not own: rounds, opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static int map_shared(int fd, int prot, uint8_t **ret)
{
	void *map = mmap(NULL, RACE_MAX_FILE, prot, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	return 0;
}

/* Map the target; its descriptor stays in t->fd, or not. */
static int map_target(struct target *t, const char *path, bool keep)
{
	int fd = race_open(path, O_RDWR), r;

	if (fd < 0)
		return fd;
	r = map_shared(fd, PROT_READ | PROT_WRITE, &t->map);
	if (keep)
		t->fd = fd;
	else
		close(fd);
	return r;
}

static int store(struct target *t)
{
	memcpy(t->map, t->evil, t->evil_size);
	return 0;
}

static void unmap(struct target *t)
{
	munmap(t->map, RACE_MAX_FILE);
	t->map = NULL;
}

static int change_open(struct target *t)
{
	int r = map_target(t, t->path, true);

	return r < 0 ? r : store(t);
}

static int change_closed(struct target *t)
{
	int r = map_target(t, t->path, false);

	return r < 0 ? r : store(t);
}

static int change_synced(struct target *t)
{
	int r = change_closed(t);

	return r < 0 ? r : race_result(msync(t->map, RACE_MAX_FILE, MS_SYNC), 0);
}

static int change_unmapped(struct target *t)
{
	int r = change_closed(t);

	if (r == 0)
		unmap(t);
	return r;
}

static int change_synced_unmapped(struct target *t)
{
	int r = change_synced(t);

	if (r == 0)
		unmap(t);
	return r;
}

static int change_read_only(struct target *t)
{
	int r = change_closed(t);

	return r < 0 ? r : race_result(mprotect(t->map, RACE_MAX_FILE, PROT_READ), 0);
}

static int change_bind(struct target *t)
{
	int r = map_target(t, t->other, false);

	return r < 0 ? r : store(t);
}

/* Mapped before the file is judged, for as long as the attacker likes. */
static int arm_mapped(struct target *t)
{
	return map_target(t, t->path, false);
}

static int change_armed(struct target *t)
{
	return store(t);
}

/* The page is dirty already: a second store changes no time stamp. */
static int arm_dirty(struct target *t)
{
	int r = map_target(t, t->path, false);

	if (r == 0)
		*(volatile uint8_t *)t->map = '#';
	return r;
}

static int arm_dirty_second(struct target *t)
{
	int fd, r;

	fd = race_open(t->path, O_RDWR);
	if (fd < 0)
		return fd;
	r = map_shared(fd, PROT_READ | PROT_WRITE, &t->map);
	if (r == 0)
		r = map_shared(fd, PROT_READ | PROT_WRITE, &t->map2);
	close(fd);
	if (r == 0)
		*(volatile uint8_t *)t->map = '#';
	return r;
}

static int change_second(struct target *t)
{
	memcpy(t->map2, t->evil, t->evil_size);
	return 0;
}

/* Asked to be made writable again when nobody looks. */
static int arm_protected(struct target *t)
{
	int r = arm_dirty(t);

	return r < 0 ? r : race_result(mprotect(t->map, RACE_MAX_FILE, PROT_READ), 0);
}

static int change_protected(struct target *t)
{
	int r = race_result(mprotect(t->map, RACE_MAX_FILE, PROT_READ | PROT_WRITE), 0);

	return r < 0 ? r : store(t);
}

/* The kernel does the storing: into the mapping of a process, by its number. */
static int change_vm_writev(struct target *t)
{
	struct iovec from = {.iov_base = (void *)t->evil, .iov_len = t->evil_size};
	struct iovec to = {.iov_len = t->evil_size};
	int r = map_target(t, t->path, false);

	if (r < 0)
		return r;
	to.iov_base = t->map;
	return race_result(process_vm_writev(getpid(), &from, 1, &to, 1, 0), t->evil_size);
}

/* As the target of a read, unmapped while the pages are still dirty. */
static int change_read_into(struct target *t)
{
	int r = map_target(t, t->path, false);

	if (r == 0)
		r = race_result(pread(t->evil_fd, t->map, t->evil_size, 0), t->evil_size);
	if (t->map)
		unmap(t);
	return r;
}

#define MAPPED(NAME, ARM, CHANGE)                                                      \
	{                                                                              \
		.name = NAME, .kind = CONTENT_LISTED, .flags = CHANGER_ROOT_SLIPS,     \
		.arm = ARM, .change = CHANGE                                           \
	}

const struct changer race_map[] = {
	MAPPED("map-open", NULL, change_open),
	MAPPED("map-closed", NULL, change_closed),
	MAPPED("map-synced", NULL, change_synced),
	MAPPED("map-unmapped", NULL, change_unmapped),
	MAPPED("map-synced-unmapped", NULL, change_synced_unmapped),
	MAPPED("map-read-only", NULL, change_read_only),
	MAPPED("map-vm-writev", NULL, change_vm_writev),
	MAPPED("map-read-into", NULL, change_read_into),
	{.name = "map-kept", .kind = CONTENT_LISTED, .arm = arm_mapped, .change = change_armed},
	{.name = "map-dirty", .kind = CONTENT_LISTED, .arm = arm_dirty, .change = change_armed},
	{.name = "map-dirty-second", .kind = CONTENT_LISTED, .arm = arm_dirty_second,
	 .change = change_second},
	{.name = "map-protected", .kind = CONTENT_LISTED, .arm = arm_protected,
	 .change = change_protected},
	{.name = "bind-map", .kind = CONTENT_LISTED, .flags = CHANGER_BIND | CHANGER_ROOT_SLIPS,
	 .change = change_bind},
	{.name = NULL},
};
