/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: an image of an earlier time
 *
 * Owns: the decision that it is what compiling would give again.
 * Must not own: the file (custosd keeps it where nobody else can write).
 */
#include "kept.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/image.h"
#include "custos/rules.h"

/* Read, not mapped: a file that shrinks must not end us. Return: 0, or -ENOENT when it
 * is shorter. */
static int read_all(int fd, uint8_t *mem, size_t size, off_t off)
{
	while (size > 0) {
		ssize_t n = pread(fd, mem, size, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -ENOENT;
		mem += n;
		off += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_all(int fd, const uint8_t *mem, size_t size)
{
	off_t off = 0;

	while (size > 0) {
		ssize_t n = pwrite(fd, mem, size, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		mem += n;
		off += n;
		size -= (size_t)n;
	}
	return 0;
}

static bool is_asked_for(const struct kept_header *h, const uint8_t key[KEY_BYTES])
{
	static const struct kept_header zero;

	return memcmp(h->magic, KEPT_MAGIC, sizeof(h->magic)) == 0 &&
	       memcmp(h->key, key, KEY_BYTES) == 0 &&
	       memcmp(h->reserved, zero.reserved, sizeof(h->reserved)) == 0;
}

int kept_take(int fd, const uint8_t key[KEY_BYTES], int out_fd,
              struct ruleset_counts *ret)
{
	_cleanup_(freep) uint8_t *mem = NULL;
	struct kept_header h;
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(h) ||
	    (uint64_t)st.st_size > sizeof(h) + KEPT_BYTES_MAX)
		return -ENOENT;
	if (read_all(fd, (uint8_t *)&h, sizeof(h), 0) < 0 || !is_asked_for(&h, key))
		return -ENOENT;
	size = (size_t)st.st_size - sizeof(h);
	mem = malloc(size + 1);
	if (!mem)
		return -ENOMEM;
	if (read_all(fd, mem, size, sizeof(h)) < 0)
		return -ENOENT;
	r = image_check_all(mem, size, rules_yara_version());
	if (r < 0)
		return r == -ENOMEM ? r : -ENOENT;
	if (image_wants_bulk((const struct image_header *)mem))
		return -ENOENT;
	r = write_all(out_fd, mem, size);
	if (r == 0)
		*ret = ((const struct image_header *)mem)->counts;
	return r;
}
