/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that only root can have written
 *
 * Owns: whether a configuration file can be trusted. Must not own: which are looked
 * for. Hands off to: confdir.c.
 *
 * Whoever can write one of these files can switch the scanner off, so ownership and
 * mode are checked on the opened descriptor and nothing is read through a link.
 */
#include "trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/confdir.h"

/* Why @st must not decide what is scanned, or NULL. */
static const char *untrusted(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "not owned by root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "writable by group or others";
	return NULL;
}

static bool is_dev_null(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, 0) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(1, 3);
}

int trusted_file_open(int dirfd, const char *name, const char *path, bool *ret_mask,
                      struct diag *d)
{
	_cleanup_(fd_closep) int fd = -1;
	const char *why;
	struct stat st;

	*ret_mask = false;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return -ENOENT;
		return diag_add(d, path, 0, "%s", strerror(errno));
	}
	if (S_ISLNK(st.st_mode)) {
		if (!is_dev_null(dirfd, name))
			return diag_add(
				d, path, 0,
				"a symbolic link to something else than /dev/null");
		if (st.st_uid != 0 && st.st_uid != geteuid())
			return diag_add(d, path, 0, "not owned by root");
		*ret_mask = true;
		return -ENOENT;
	}

	/* Between the two calls it can have become anything: not a link, not a FIFO. */
	fd = openat(dirfd, name,
	            O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return diag_add(d, path, 0, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return diag_add(d, path, 0, "not a regular file");
	why = untrusted(&st);
	if (why)
		return diag_add(d, path, 0, "%s", why);
	if (st.st_size == 0) {
		*ret_mask = true;
		return -ENOENT;
	}
	return fd_take(&fd);
}

int trusted_file_read(int fd, const char *path, char **ret, size_t *ret_len,
                      struct diag *d)
{
	_cleanup_(freep) char *text = malloc(CONFDIR_FILE_BYTES_MAX + 1);
	size_t len = 0;
	char *fit;

	if (!text)
		return -ENOMEM;
	while (len <= CONFDIR_FILE_BYTES_MAX) {
		ssize_t n = read(fd, text + len, CONFDIR_FILE_BYTES_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_add(d, path, 0, "%s", strerror(errno));
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > CONFDIR_FILE_BYTES_MAX)
		return diag_add(d, path, 0, "larger than %d bytes",
		                CONFDIR_FILE_BYTES_MAX);

	text[len] = '\0';
	fit = realloc(text, len + 1);
	if (fit)
		text = fit;
	*ret = ptr_take(&text);
	*ret_len = len;
	return 0;
}

int trusted_dir_open(const char *dir, bool must_exist, struct diag *d)
{
	_cleanup_(fd_closep) int fd = -1;
	const char *why;
	struct stat st;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && !must_exist)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return diag_add(d, dir, 0, "%s", strerror(errno));
	why = untrusted(&st);
	if (why)
		return diag_add(d, dir, 0, "directory is %s", why);
	return fd_take(&fd);
}
