/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other mount namespaces: which there are
 *
 * Owns: looking. Must not own: descriptors of them beyond a call: one would keep a namespace, and all
 * that is mounted in it, alive after its last process.
 */
#include "daemon/supervisor/foreign-find.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "custos/cleanup.h"

#define PROCESSES_MAX 65536 /* looked at in one pass: 200 ms at worst */
#define STAMP_MAX     8192  /* namespaces counted for the stamp */

/* Newer than the oldest kernel headers we build against. */
struct mnt_ns_info_v0 {
	uint32_t size, n_mounts;
	uint64_t id;
};
#define NS_MNT_GET_NEXT_V0 _IOR(0xb7, 11, struct mnt_ns_info_v0) /* Linux 6.11 */
#define FAN_REPORT_MNT_V0  0x00004000 /* Linux 6.15, as the next three */
#define FAN_MARK_MNTNS_V0  0x00000110
#define FAN_MNT_ATTACH_V0  0x01000000
#define FAN_MNT_DETACH_V0  0x02000000

static int by_namespace(const void *a, const void *b)
{
	const struct namespace_found *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* One entry for each process. */
static ssize_t read_processes(DIR *proc, struct namespace_found *all, bool *ret_more)
{
	const struct dirent *e;
	size_t n = 0;

	*ret_more = false;
	while ((e = readdir(proc))) {
		char path[64];
		struct stat st;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		if (n == PROCESSES_MAX) {
			*ret_more = true;
			break;
		}
		(void)snprintf(path, sizeof(path), "%.16s/ns/mnt", e->d_name); /* fits: a pid */
		if (fstatat(dirfd(proc), path, &st, 0) == 0) /* else it has ended, or is a zombie */
			all[n++] = (struct namespace_found){st.st_ino, atoi(e->d_name)};
	}
	return (ssize_t)n;
}

ssize_t namespaces_find(struct namespace_found *found, size_t max, bool *ret_more)
{
	_cleanup_(freep) void *memory = calloc(PROCESSES_MAX, sizeof(struct namespace_found));
	struct namespace_found *all = memory;
	DIR *proc = opendir("/proc");
	ssize_t n_all;
	size_t n = 0;
	bool more;

	if (!proc || !all) {
		int r = proc ? -ENOMEM : -errno;

		if (proc)
			(void)closedir(proc);
		return r;
	}
	n_all = read_processes(proc, all, &more);
	(void)closedir(proc);
	qsort(all, (size_t)n_all, sizeof(*all), by_namespace);
	for (ssize_t i = 0; i < n_all; i++) {
		if (i > 0 && all[i].ino == all[i - 1].ino)
			continue;
		if (n < max)
			found[n++] = all[i];
		else
			more = true;
	}
	*ret_more = more;
	return (ssize_t)n;
}

int namespaces_stamp(int own, uint64_t *ret)
{
	struct mnt_ns_info_v0 info = {.size = sizeof(info)};
	uint64_t n = 0, last = 0;
	int fd = ioctl(own, NS_MNT_GET_NEXT_V0, &info);

	if (fd < 0 && errno != ENOENT)
		return -ENOTTY;
	while (fd >= 0 && n < STAMP_MAX) {
		int next;

		n++;
		last = info.id;
		next = ioctl(fd, NS_MNT_GET_NEXT_V0, &info);
		(void)close(fd);
		fd = next;
	}
	if (fd >= 0)
		(void)close(fd);
	*ret = last * STAMP_MAX + n; /* ids only grow */
	return 0;
}

int mount_group_new(void)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_MNT_V0 | FAN_NONBLOCK | FAN_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int mount_group_add(int group, const char *ns_path)
{
	return fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MNTNS_V0,
	                     FAN_MNT_ATTACH_V0 | FAN_MNT_DETACH_V0, AT_FDCWD, ns_path) < 0 ? -errno : 0;
}
