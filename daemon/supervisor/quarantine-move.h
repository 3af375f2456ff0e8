/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantine: files into the store and out of it again */
#pragma once

#include "custos/record.h"
#include "quarantine-file.h"
#include "quarantine-store.h"

/* What one thread works with. */
struct quarantine_context {
	struct quarantine_store store;
	int host_root;          /* owned; O_PATH: what / means to most processes */
	atomic_bool stop;       /* set by another thread: give up what takes long */
};

struct quarantine_order {
	struct record record;    /* sanitised; what was judged, and where it was */
	char policy[256];        /* "file:line" */
};

/**
 * quarantine_take_file() - put a judged file into the store and remove its name
 * @ret_id: the entry's
 * @ret_links: names the file had; those other than the recorded one stay, and stay refused
 *
 * The recorded path is followed from the host's root, then from that of the process (another
 * mount namespace). Only the very inode that was judged is taken, and only if its bytes are
 * still those that were judged: same SHA-256, or, where none was taken of all bytes, same size
 * and time of modification. On any error the file stays where it is.
 *
 * Context: may block on disks; opens raise events of this process.
 * Return: 0, -ENOENT when the name is gone, -ESTALE when it is another file or its content has
 * changed, -EDQUOT when the store is full, -EROFS, -EALREADY when it lies in the store
 * itself, -ECANCELED, or another negative errno.
 */
int quarantine_take_file(struct quarantine_context *c, const struct quarantine_order *o,
                         char ret_id[QUARANTINE_ID_BYTES], unsigned *ret_links);

/**
 * quarantine_release_file() - put an entry back to where it was, and drop it
 * @ret: {path, notRestored}; json_decref() it
 *
 * Never overwrites: the name appears complete or not at all. Owner, mode, time of modification
 * and extended attributes come back; what the kernel refuses is named in notRestored.
 *
 * Return: 0, -EEXIST when something is there, -ENOENT when there is no such entry or directory,
 * -EXDEV when the path belongs to another mount namespace, -EBADMSG when the entry is damaged,
 * or another negative errno.
 */
int quarantine_release_file(struct quarantine_context *c, const char *id, json_t **ret);

/* Write an entry's bytes to @fd, a regular file. @ret: {size, sha256}. -EINVAL when it is none,
 * -EBADMSG when the entry is damaged. */
int quarantine_export_file(struct quarantine_context *c, const char *id, int fd, json_t **ret);
