/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan-owner
 *
 * Owns: reading what /proc tells of a process's fanotify groups.
 * Must not own: whose business that is (doctor, the supervisor's rivals).
 */
#include "custos/fan-owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/types.h"

#define HOLDS (FAN_OPEN_PERM | FAN_ACCESS_PERM | FAN_OPEN_EXEC_PERM)
/* The kernel's own dev_t, which fdinfo shows: include/linux/kdev_t.h */
#define KERNEL_MINOR_BITS 20

bool fan_owner_holds(const struct fan_owner_mark *mark)
{
	return mark->mask & HOLDS;
}

/* The hexadecimal number behind " @key", which begins with a blank. */
static bool number_of(const char *line, const char *key, uint64_t *ret)
{
	const char *at = strstr(line, key);
	char *end;

	if (!at)
		return false;
	at += strlen(key);
	*ret = strtoull(at, &end, 16);
	return end != at;
}

bool fan_owner_parse(const char *line, struct fan_owner_mark *ret)
{
	static const char word[] = "fanotify";
	struct fan_owner_mark mark = {0};
	uint64_t n;

	if (strncmp(line, word, sizeof(word) - 1) != 0 || !number_of(line, " mask:", &mark.mask))
		return false;
	if (number_of(line, " mnt_id:", &n)) {
		mark.on = FAN_ON_MOUNT;
		mark.mount_id = (int)n;
	} else if (number_of(line, " sdev:", &n)) {
		mark.on = strstr(line, " ino:") ? FAN_ON_FILE : FAN_ON_FILESYSTEM;
		mark.sb = makedev((unsigned)(n >> KERNEL_MINOR_BITS),
		                  (unsigned)(n & ((1U << KERNEL_MINOR_BITS) - 1)));
	} else {
		return false;
	}
	*ret = mark;
	return true;
}

static bool visit_group(int proc, const char *fd, fan_owner_fn on_mark, void *userdata)
{
	_cleanup_(freep) char *line = NULL;
	char path[320];
	size_t size = 0;
	bool enough = false;
	FILE *info;
	int file;

	(void)snprintf(path, sizeof(path), "fdinfo/%s", fd); /* d_name has 255 bytes */
	file = openat(proc, path, O_RDONLY | O_CLOEXEC);
	info = file < 0 ? NULL : fdopen(file, "r");
	if (!info) {
		(void)fd_close(file);
		return false;
	}
	for (unsigned n = 0; !enough && n < FAN_OWNER_MARKS_MAX && getline(&line, &size, info) > 0;
	     n++) {
		struct fan_owner_mark mark;

		enough = fan_owner_parse(line, &mark) && on_mark(userdata, &mark);
	}
	(void)fclose(info);
	return enough;
}

static bool is_group(int fds, const char *name)
{
	static const char wanted[] = "anon_inode:[fanotify]";
	char target[sizeof(wanted)];

	return readlinkat(fds, name, target, sizeof(target)) == (ssize_t)sizeof(wanted) - 1 &&
	       memcmp(target, wanted, sizeof(wanted) - 1) == 0;
}

/*
 * Only with CAP_SYS_ADMIN, outside of user namespaces, does the kernel give somebody a group
 * that holds opens. Any user may have a hundred thousand marks that hold none, and to read
 * of those takes a second.
 */
static bool may_hold(int proc)
{
	static const char key[] = "\nCapPrm:\t";
	_cleanup_(fd_closep) int fd = openat(proc, "status", O_RDONLY | O_CLOEXEC);
	char status[4096]; /* behind it come lines of fixed length, before it the groups */
	const char *caps;
	struct stat theirs, ours;
	ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);

	status[MAX(n, 0)] = '\0';
	caps = strstr(status, key);
	return caps && strtoull(caps + sizeof(key) - 1, NULL, 16) >> CAP_SYS_ADMIN & 1 &&
	       fstatat(proc, "ns/user", &theirs, 0) == 0 &&
	       stat("/proc/self/ns/user", &ours) == 0 && theirs.st_ino == ours.st_ino &&
	       theirs.st_dev == ours.st_dev;
}

bool fan_owner_visit(pid_t pid, fan_owner_fn on_mark, void *userdata)
{
	_cleanup_(fd_closep) int proc = -1;
	_cleanup_(dir_closep) DIR *fds = NULL;
	char path[32];
	struct dirent *e;
	int dir;

	/* Through one descriptor: the pid may be another process's by the next call. */
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid); /* fits */
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	dir = proc < 0 || !may_hold(proc) ? -1 : openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds = dir < 0 ? NULL : fdopendir(dir);
	if (!fds) {
		(void)fd_close(dir);
		return false;
	}
	for (unsigned n = 0; n < FAN_OWNER_FDS_MAX && (e = readdir(fds)); n++)
		if (is_group(dir, e->d_name) && visit_group(proc, e->d_name, on_mark, userdata))
			return true;
	return false;
}
