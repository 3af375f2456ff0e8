/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that bring the content into the watched file system first, then open it.
 * EXTRA is where the bytes come from: a file outside of it, or a descriptor from
 * before.
 *
 * Owns: the new file.
 * Must not own: printing (report_fd).
 */
#include "routes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILLER_BYTE 'c' /* what a file to be rewritten holds before */

static int open_source(const char *extra)
{
	return extra ? open(extra, O_RDONLY | O_CLOEXEC) : -1;
}

static int run_copy(const char *file, const char *extra)
{
	int from = open_source(extra);
	int to = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	if (from < 0 || to < 0 || copy_fd(from, to) < 0)
		return setup_failed("copy");
	close(from);
	close(to);
	return report_fd(open(file, O_RDONLY | O_CLOEXEC));
}

static int run_tmpfile(const char *file, const char *extra)
{
	int from = open_source(extra), to;
	char dir[4096], link[64];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", file);
	slash = strrchr(dir, '/');
	if (!slash)
		return setup_failed("needs an absolute path");
	*slash = '\0';
	to = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0700);
	if (to < 0)
		return errno == EOPNOTSUPP ? report_unsupported("O_TMPFILE")
		                           : setup_failed("O_TMPFILE");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", to);
	if (from < 0 || copy_fd(from, to) < 0 ||
	    linkat(AT_FDCWD, link, AT_FDCWD, file, AT_SYMLINK_FOLLOW) < 0)
		return setup_failed("linkat");
	close(to);
	return report_fd(open(file, O_RDONLY | O_CLOEXEC));
}

/* EXTRA: number of an inherited descriptor of the source, opened before the mark. */
static int run_reflink(const char *file, const char *extra)
{
	int to = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	if (to < 0 || !extra)
		return setup_failed("open the clone");
	if (ioctl(to, FICLONE, atoi(extra)) < 0)
		return errno == EOPNOTSUPP ? report_unsupported("FICLONE")
		                           : setup_failed("FICLONE");
	close(to);
	return report_fd(open(file, O_RDONLY | O_CLOEXEC));
}

/* A harmless file of the same size is made, opened (so that a verdict is there),
 * rewritten. */
static int make_harmless(const char *file, off_t size)
{
	char *filler = malloc((size_t)size);
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700), again;
	bool ok;

	if (!filler || fd < 0)
		return -1;
	memset(filler, FILLER_BYTE, (size_t)size);
	ok = write(fd, filler, (size_t)size) == (ssize_t)size;
	free(filler);
	close(fd);
	again = open(file, O_RDONLY | O_CLOEXEC);
	if (!ok || again < 0)
		return -1;
	close(again);
	return open(file, O_RDWR | O_CLOEXEC);
}

/* Map @file shared and store the bytes of @extra. @ret_map stays mapped. */
static int rewrite_by_mapping(const char *file, const char *extra, void **ret_map,
                              size_t *ret_size)
{
	int from = open_source(extra), fd;
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return -1;
	fd = make_harmless(file, st.st_size);
	if (fd < 0)
		return -1;
	*ret_size = (size_t)st.st_size;
	*ret_map = mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*ret_map == MAP_FAILED || read(from, *ret_map, *ret_size) != st.st_size)
		return -1;
	close(fd);
	close(from);
	return 0;
}

static int run_rewrite_mmap(const char *file, const char *extra)
{
	void *map;
	size_t size;

	if (rewrite_by_mapping(file, extra, &map, &size) < 0)
		return setup_failed("rewrite through a mapping");
	munmap(map, size);
	return report_fd(open(file, O_RDONLY | O_CLOEXEC));
}

/* As above, but the writer's mapping still lives when the reader comes. */
static int run_rewrite_mapped(const char *file, const char *extra)
{
	void *map;
	size_t size;

	if (rewrite_by_mapping(file, extra, &map, &size) < 0)
		return setup_failed("rewrite through a mapping");
	return report_fd(open(file, O_RDONLY | O_CLOEXEC));
}

static int run_rewrite_write(const char *file, const char *extra)
{
	int from = open_source(extra), fd;
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return setup_failed("source");
	fd = make_harmless(file, st.st_size);
	if (fd < 0 || copy_fd(from, fd) < 0)
		return setup_failed("rewrite");
	close(fd);
	return report_fd(open(file, O_RDONLY | O_CLOEXEC));
}

const struct route routes_make[] = {
	{"copy", run_copy, "write a new file with EXTRA's bytes, open it"},
	{"tmpfile", run_tmpfile, "O_TMPFILE with EXTRA's bytes, linkat, open"},
	{"reflink", run_reflink, "FICLONE of descriptor EXTRA, open"},
	{"rewrite-write", run_rewrite_write, "judged, then rewritten by write(2)"},
	{"rewrite-mmap", run_rewrite_mmap,
         "judged, then rewritten by a shared mapping"},
	{"rewrite-mapped", run_rewrite_mapped,
         "as before, opened while the mapping lives"},
	{NULL, NULL, NULL},
};
