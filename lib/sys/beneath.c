/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beneath
 *
 * Owns: the walk. Must not own: what lies at its end.
 */
#include "custos/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/types.h"

/* The next component, copied; *path is behind it. Return: its length, 0 at the end, or negative errno. */
static int next(const char **path, char name[NAME_MAX + 1])
{
	const char *p = *path;
	size_t n;

	while (*p == '/')
		p++;
	n = strcspn(p, "/");
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, p, n);
	name[n] = '\0';
	*path = p + n;
	return strcmp(name, "..") == 0 ? -EXDEV : (int)n;
}

static bool is_last(const char *path)
{
	return path[strspn(path, "/")] == '\0';
}

/* One step. O_PATH | O_NOFOLLOW opens a link itself, so what was opened is looked at. */
static int step(int dirfd, const char *name, int flags, dev_t dev, bool xdev)
{
	int fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0                  ? -errno :
	    S_ISLNK(st.st_mode)                 ? -ELOOP :
	    !xdev && st.st_dev != dev           ? -EXDEV :
	                                          0;
	if (r == 0)
		return fd;
	(void)fd_close(fd);
	return r;
}

int open_beneath_by_steps(int dirfd, const char *path, int flags, bool xdev)
{
	_cleanup_(fd_closep) int at = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];
	struct stat st;
	int n;

	if (at < 0 || fstat(at, &st) < 0)
		return -errno;
	while ((n = next(&path, name)) > 0) {
		const bool last = is_last(path);
		/* "x/" is a directory, or nothing */
		const int more = last && *path != '/' ? 0 : O_DIRECTORY;
		int fd = step(at, name, last ? flags | more : O_PATH | O_DIRECTORY, st.st_dev, xdev);

		if (fd < 0 || last)
			return fd;
		(void)fd_close(at);
		at = fd;
	}
	return n < 0 ? n : step(at, ".", flags, st.st_dev, xdev);
}

int open_beneath(int dirfd, const char *path, int flags, bool xdev)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC, /* with O_NOFOLLOW, O_PATH would open a link itself */
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
	                   (xdev ? 0 : RESOLVE_NO_XDEV),
	};
	const char *relative = path + strspn(path, "/");
	int fd = (int)syscall(SYS_openat2, dirfd, *relative ? relative : ".", &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS)
		return open_beneath_by_steps(dirfd, path, flags, xdev);
	return fd < 0 ? -errno : fd;
}
