/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evict
 *
 * Owns: the proof that nobody has a page of a file pinned. Must not own: what that is good for (cached).
 */
#include "daemon/scanner/evict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGE_MIN 4096 /* pages of the cache are no smaller anywhere */

bool evict_works(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return true;
	default: /* tmpfs: its pages have nowhere to go */
		return false;
	}
}

/* A page that is there is read at once. One that is not would have to be read from the disk: EAGAIN, and
 * the kernel begins to read that one alone (POSIX_FADV_RANDOM), so the next question is not disturbed.
 * Pages come up to date before anybody can have them, and stay so; a pinned page is never taken for one
 * that is still being read. Where reading takes no time (holes, inline data, a disk in memory) absent
 * pages look present: the safe side. */
static bool is_absent(int fd, off_t offset)
{
	char byte;
	const struct iovec iov = {&byte, 1};

	return preadv2(fd, &iov, 1, offset, RWF_NOWAIT) < 0 && errno == EAGAIN;
}

bool evict_pages(int fd, off_t size_bytes)
{
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) != 0 ||
	    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		return false;
	for (off_t offset = 0; offset < size_bytes; offset += PAGE_MIN)
		if (!is_absent(fd, offset))
			return false;
	return true;
}
