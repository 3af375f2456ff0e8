/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine files
 *
 * Owns: how a hostile tree is walked (no link is followed, nothing but the judged inode is
 * opened) and how bytes are copied.
 * Must not own: what is taken and why (quarantine-take.c), extended attributes
 * (quarantine-xattr.c).
 */
#include "quarantine-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/beneath.h"
#include "custos/cleanup.h"
#include "custos/digest.h"

/* Few system calls, and a stop is noticed within milliseconds. */
#define COPY_BYTES (256U * 1024)

void quarantine_place_deinit(struct quarantine_place *p)
{
	p->parent = fd_close(p->parent);
	free(p->name);
	p->name = NULL;
}

int quarantine_place_find(int root, const char *path, struct quarantine_place *ret)
{
	const char *slash = strrchr(path, '/');
	_cleanup_(freep) char *dir = NULL;
	char *name;
	int fd;

	if (*path != '/' || !slash[1] || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0)
		return -EINVAL;
	dir = strndup(path, (size_t)(slash - path) + 1); /* with the slash: "/" for the root */
	name = strdup(slash + 1);
	fd = dir && name ? open_beneath(root, dir, O_PATH | O_DIRECTORY, true) : -ENOMEM;
	if (fd < 0) {
		free(name);
		return fd;
	}
	*ret = (struct quarantine_place){.parent = fd, .name = name};
	return 0;
}

int quarantine_place_open(const struct quarantine_place *p, dev_t dev, ino_t ino, struct stat *ret)
{
	_cleanup_(fd_closep) int handle = -1;
	char again[64];
	int fd;

	/* O_PATH first: opening a device or a FIFO does things. */
	handle = openat(p->parent, p->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (handle < 0 || fstat(handle, ret) < 0)
		return -errno;
	if (!S_ISREG(ret->st_mode) || ret->st_dev != dev || ret->st_ino != ino)
		return -ESTALE;
	(void)snprintf(again, sizeof(again), "/proc/self/fd/%d", handle);
	fd = open(again, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool quarantine_place_holds(const struct quarantine_place *p, const struct stat *st)
{
	struct stat now;

	return fstatat(p->parent, p->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       now.st_dev == st->st_dev && now.st_ino == st->st_ino;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy_bytes(int from, int to, uint64_t size_max, const atomic_bool *stop,
                      struct digests *d, uint64_t *ret_size)
{
	_cleanup_(freep) char *buf = malloc(COPY_BYTES);
	uint64_t size = 0;
	int r = buf ? 0 : -ENOMEM;

	while (r == 0) {
		ssize_t n = pread(from, buf, COPY_BYTES, (off_t)size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (uint64_t)n;
		if (size > size_max)
			return -ESTALE;
		/* Relaxed: nothing is read on the strength of it. */
		if (atomic_load_explicit(stop, memory_order_relaxed))
			return -ECANCELED;
		r = digests_update(d, buf, (size_t)n);
		if (r == 0)
			r = write_all(to, buf, (size_t)n);
	}
	*ret_size = size;
	return r;
}

int quarantine_copy(int from, int to, uint64_t size_max, const atomic_bool *stop,
                    uint8_t ret_sha256[SHA256_BYTES], uint64_t *ret_size)
{
	uint8_t all[N_DIGESTS][DIGEST_MAX_BYTES];
	_cleanup_(digests_deinit) struct digests d = DIGESTS_NULL;
	int r = digests_init(&d, 1U << DIGEST_SHA256);

	if (r == 0)
		r = digests_begin(&d);
	if (r == 0)
		r = copy_bytes(from, to, size_max, stop, &d, ret_size);
	if (r == 0)
		r = digests_final(&d, all);
	if (r == 0)
		memcpy(ret_sha256, all[DIGEST_SHA256], SHA256_BYTES);
	return r;
}
