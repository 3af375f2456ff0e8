/* SPDX-License-Identifier: Apache-2.0 */
/* Beneath: open a path that others may change, below a directory and through no link */
#pragma once

#include <stdbool.h>

/* As openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS; slashes in front do not count.
 * Where there is no openat2(2), step by step: a filter of system calls may answer ENOSYS, for the call's
 * arguments cannot be looked into (RestrictSUIDSGID= of systemd.exec(5) does).
 *
 * @flags: of open(2), without O_NOFOLLOW; O_CLOEXEC is added
 * @xdev:  may lie on another file system than @dirfd
 *
 * Context: async-signal-safe; as open(2). Return: a descriptor, -ELOOP or -ENOTDIR for a link, -EXDEV for what
 * leads out, or another negative errno. */
int open_beneath(int dirfd, const char *path, int flags, bool xdev);

/* The second way alone, for tests. */
int open_beneath_by_steps(int dirfd, const char *path, int flags, bool xdev);
