/* SPDX-License-Identifier: Apache-2.0 */
/* Files that only root can have written */
#pragma once

#include <stdbool.h>

#include "custos/diag.h"

/* Open a directory, fd >= 0. -ENOENT: missing, and it need not exist. -EINVAL: reported. */
int trusted_dir_open(const char *dir, bool must_exist, struct diag *d);

/* Open a regular file, fd >= 0; @path is its name in messages. -ENOENT: there is none, or
 * it is a mask (empty, or a link to /dev/null), then *ret_mask is true. -EINVAL: reported. */
int trusted_file_open(int dirfd, const char *name, const char *path, bool *ret_mask,
                      struct diag *d);

/* Read all of @fd, at most CONFDIR_FILE_BYTES_MAX; a NUL is put behind. The caller frees *ret.
 * 0, -EINVAL: reported, -ENOMEM. */
int trusted_file_read(int fd, const char *path, char **ret, size_t *ret_len, struct diag *d);
