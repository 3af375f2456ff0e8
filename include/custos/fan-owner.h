/* SPDX-License-Identifier: Apache-2.0 */
/* Fan-owner: who else holds opens, as /proc/PID/fdinfo shows it (Linux 3.8) */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum fan_mark_on { FAN_ON_FILE, FAN_ON_MOUNT, FAN_ON_FILESYSTEM };

struct fan_owner_mark {
	enum fan_mark_on on;
	dev_t sb;      /* of the superblock; not for FAN_ON_MOUNT */
	int mount_id;  /* FAN_ON_MOUNT, as mountinfo has it */
	uint64_t mask; /* FAN_OPEN_PERM, ...: what it asks for, without what it ignores */
};

/* Does whoever set it have to answer? */
bool fan_owner_holds(const struct fan_owner_mark *mark);

/* One line of an fdinfo (fs/notify/fdinfo.c in the kernel); false: it is not that of a mark. */
bool fan_owner_parse(const char *line, struct fan_owner_mark *ret);

/**
 * fan_owner_visit() - the marks of a process's fanotify groups
 * @on_mark: true: that is enough
 *
 * Looks at FAN_OWNER_FDS_MAX descriptors and FAN_OWNER_MARKS_MAX marks of each group at most; a listener has few
 * descriptors. Of a process without CAP_SYS_ADMIN, or in a user namespace that is not ours, nothing is looked at: it
 * can have made no group that holds opens, though it may have been handed one.
 *
 * Context: CAP_SYS_PTRACE for processes of others; about 1 us a descriptor; allocates.
 * Return: whether @on_mark had enough; a process that has ended or may not be looked at has no marks.
 */
#define FAN_OWNER_FDS_MAX   1024
#define FAN_OWNER_MARKS_MAX 4096
typedef bool (*fan_owner_fn)(void *userdata, const struct fan_owner_mark *mark);
bool fan_owner_visit(pid_t pid, fan_owner_fn on_mark, void *userdata);
