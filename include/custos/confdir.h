/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration directories (UAPI.6): main file and drop-ins, overridden and masked by name */
#pragma once

#include <stdbool.h>

#include "custos/diag.h"
#include "custos/types.h"

#define CONFDIR_FILE_BYTES_MAX (1024 * 1024) /* one file; larger is the wrong file */
#define CONFDIR_FILES_MAX      1000          /* drop-ins read; more is a runaway generator */
#define CONFDIR_DIRS_MAX       8             /* three are usual */

struct confdir_file {
	char *path; /* for messages */
	char *text; /* @len bytes and a NUL behind them */
	size_t len;
};

struct confdir_files {
	struct confdir_file *items; /* in the order in which they are to be applied */
	size_t n;
};

/* What to look for below each directory. */
struct confdir_want {
	const char *main;   /* "custosd.conf", or NULL: no main file */
	const char *subdir; /* "custosd.conf.d" */
	const char *suffix; /* ".conf" */
};

/**
 * confdir_read() - read what administrator and vendor have put down
 * @config_root: look in this directory alone, which must exist; NULL = /usr/lib/custos <
 *               /run/custos < /etc/custos, each of which may be missing
 * @want:        names
 * @ret:         files, main file first; set on success, and on -EINVAL to those that are in
 *               order, so that the errors in them can be shown as well; free with
 *               confdir_files_deinit()
 * @d:           every error, or NULL
 *
 * A file in a later directory hides those of the same name in earlier ones; an empty file or
 * a symbolic link to /dev/null hides them and gives nothing. Drop-ins come sorted by name
 * (bytes) over all directories. Names that start with a dot or lack the suffix are ignored.
 *
 * Refused: files and directories not owned by root or the effective user, or writable by
 * group or others; other symbolic links; anything not a regular file; files past
 * CONFDIR_FILE_BYTES_MAX.
 *
 * Context: start-up, reload, ctl; allocates; blocks on disk, never on a FIFO.
 * Return: 0, -EINVAL when something was reported, -ENOMEM or another negative errno.
 */
int confdir_read(const char *config_root, const struct confdir_want *want,
                 struct confdir_files *ret, struct diag *d);

/* The same over @n <= CONFDIR_DIRS_MAX directories, weakest first; @must_exist as for config_root. */
int confdir_read_dirs(const char *const *dirs, size_t n, bool must_exist,
                      const struct confdir_want *want, struct confdir_files *ret,
                      struct diag *d);

/*
 * What a vendor ships and a site adds to it: /usr/share/custos and /etc/custos, or "vendor" in @config_root and that.
 * @ret_vendor: the first of them, set when @ret is (0 or -EINVAL); the caller frees it. Return: as confdir_read().
 */
int confdir_read_vendor(const char *config_root, const struct confdir_want *want,
                        struct confdir_files *ret, char **ret_vendor, struct diag *d);

void confdir_files_deinit(struct confdir_files *f);
