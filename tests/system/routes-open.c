/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes to a file that is already there, by one of the open calls.
 *
 * Owns: nothing beyond one call.
 * Must not own: printing (report_fd).
 */
#include "routes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int run_open(const char *file, const char *extra)
{
	return report_fd(open(file, O_RDONLY | O_CLOEXEC));
}

static int run_open_rdwr(const char *file, const char *extra)
{
	return report_fd(open(file, O_RDWR | O_CLOEXEC));
}

static int run_openat2(const char *file, const char *extra)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC,
	                       .resolve = RESOLVE_NO_MAGICLINKS};

	return report_fd((int)syscall(SYS_openat2, AT_FDCWD, file, &how, sizeof(how)));
}

/* A mapping delivers the content without any read(2); the open before it is the gate.
 */
static int run_mmap(const char *file, const char *extra)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), pipe_fds[2];
	struct stat st;
	void *map;

	if (fd < 0)
		return report_errno(errno);
	if (fstat(fd, &st) < 0 || pipe(pipe_fds) < 0)
		return setup_failed("fstat, pipe");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return setup_failed("mmap");
	/* A pipe holds 64 KiB without a reader; the samples are smaller. */
	if (write(pipe_fds[1], map, (size_t)st.st_size) != st.st_size)
		return setup_failed("write");
	close(pipe_fds[1]);
	return report_fd(pipe_fds[0]);
}

/* EXTRA: a directory on the same mount. */
static int run_handle(const char *file, const char *extra)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} handle = {.h.handle_bytes = MAX_HANDLE_SZ};
	int mount_id, mount_fd;

	if (name_to_handle_at(AT_FDCWD, file, &handle.h, &mount_id, 0) < 0)
		return errno == EOPNOTSUPP ? report_unsupported("file handles")
		                           : setup_failed("name_to_handle_at");
	mount_fd = open(extra ? extra : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount_fd < 0)
		return setup_failed("open the mount");
	return report_fd(open_by_handle_at(mount_fd, &handle.h, O_RDONLY | O_CLOEXEC));
}

static int reopen(int fd)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return report_fd(open(link, O_RDONLY | O_CLOEXEC));
}

static int run_reopen_opath(const char *file, const char *extra)
{
	int fd = open(file, O_PATH | O_CLOEXEC);

	return fd < 0 ? setup_failed("open O_PATH") : reopen(fd);
}

/* EXTRA: number of an inherited descriptor, opened before the file system was marked.
 */
static int run_reopen_fd(const char *file, const char *extra)
{
	if (!extra)
		return setup_failed("no descriptor given");
	return reopen(atoi(extra));
}

static int run_rename(const char *file, const char *extra)
{
	char to[4096];

	snprintf(to, sizeof(to), "%s.renamed", file);
	if (rename(file, to) < 0)
		return setup_failed("rename");
	return report_fd(open(to, O_RDONLY | O_CLOEXEC));
}

static int run_hardlink(const char *file, const char *extra)
{
	char to[4096];

	snprintf(to, sizeof(to), "%s.link", file);
	if (link(file, to) < 0)
		return setup_failed("link");
	return report_fd(open(to, O_RDONLY | O_CLOEXEC));
}

/* EXTRA: an empty directory. In a mount namespace of our own, only there bound. */
static int run_mountns(const char *file, const char *extra)
{
	char dir[4096], path[8300];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", file);
	slash = strrchr(dir, '/');
	if (!slash || !extra)
		return setup_failed("needs an absolute file and a directory");
	*slash = '\0';
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(dir, extra, NULL, MS_BIND, NULL) < 0)
		return setup_failed("mount namespace");
	snprintf(path, sizeof(path), "%s/%s", extra, slash + 1);
	return report_fd(open(path, O_RDONLY | O_CLOEXEC));
}

const struct route routes_open[] = {
	{"open", run_open, "open(2), read-only"},
	{"open-rdwr", run_open_rdwr, "open(2), read-write"},
	{"openat2", run_openat2, "openat2(2)"},
	{"mmap", run_mmap, "mmap(2) after open"},
	{"handle", run_handle, "open_by_handle_at(2); EXTRA: directory of that mount"},
	{"reopen-opath", run_reopen_opath, "/proc/self/fd/N of an O_PATH descriptor"},
	{"reopen-fd", run_reopen_fd, "/proc/self/fd/EXTRA of an inherited descriptor"},
	{"rename", run_rename, "after rename(2)"},
	{"hardlink", run_hardlink, "through a hard link"},
	{"mountns", run_mountns,
         "bind mount in a mount namespace; EXTRA: empty directory"},
	{NULL, NULL, NULL},
};
