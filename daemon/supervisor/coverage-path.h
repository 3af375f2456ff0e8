/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage: from the path of a mount to its file system, without waiting for a server
 * that is on the way
 *
 * A FUSE or network file system may never answer, and the event loop would wait as
 * long. Where a walk can be made of what is in memory alone, it is (Linux 5.12; not
 * where a filter of system calls has no openat2(2), as that of the unit). Else the
 * names of the mounts tell whether there is a server on the way.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "custos/conf.h"
#include "custos/mountinfo.h"

#define COVERAGE_PATH_ASKS "its path cannot be walked without asking a server"

/* O_PATH of mount point @path below @root. Return: a descriptor, -EAGAIN:
 * COVERAGE_PATH_ASKS, or another negative errno. */
int coverage_path_open(int root, const struct mount_list *mounts, const char *path);

/* st_dev of what is at @path, which need not be a mount point. Links are followed; one
 * that leads into a remote file system is walked into. Return: 0, -EAGAIN:
 * COVERAGE_PATH_ASKS, or another negative errno. */
int coverage_path_device(int root, const struct mount_list *mounts, const char *path,
                         dev_t *ret);

/* Text for what either of them returns. */
const char *coverage_path_error(int error);

/* The same of each mount; 0: it is gone again, covered, or cannot be asked. The caller
 * frees *ret. Return: 0 or -ENOMEM. */
int coverage_path_devices(int root, const struct mount_list *mounts, dev_t **ret);

/* The same of what each Mount= of @conf names. */
int coverage_path_named(int root, const struct mount_list *mounts,
                        const struct conf *conf, dev_t **ret);

/* Mark or unmark the file system of @fd (O_PATH). By descriptor: a file can be mounted
 * on a file. */
int coverage_path_mark(int group, int fd, bool wanted);
