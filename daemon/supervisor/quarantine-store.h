/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantine store: a directory of taken files, each with what is known about it
 *
 * An entry is ID.data (the bytes as they were) and ID.json (QUARANTINE_* of the interface). The
 * JSON file is what makes an entry: it comes last and goes first, so whatever moment a crash
 * picks, data without it is an unfinished copy and removed at the next start.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "custos/types.h"

/* What a burst of detections on one host fills, and what its state directory can spare. */
#define QUARANTINE_BYTES_MAX (1024ULL * 1024 * 1024)
/* Directories of ordinary file systems are still quick, and a list is still read by somebody. */
#define QUARANTINE_ENTRIES_MAX 10000U
/* The longest: path, rule and line escaped and as Base64, and QUARANTINE_XATTR_BYTES_MAX. */
#define QUARANTINE_META_BYTES_MAX (512U * 1024)

/* "20260131T235959Z-0123abcd": sorted by name is sorted by time. */
#define QUARANTINE_ID_LEN   25
#define QUARANTINE_ID_BYTES (QUARANTINE_ID_LEN + 1)

struct quarantine_store {
	int dir;             /* owned; -1: there is none */
	uint64_t bytes, n;   /* of complete entries */
	uint64_t bytes_max, n_max;
};

#define QUARANTINE_STORE_NULL {.dir = -1}

/**
 * quarantine_store_init() - open STATE_DIR/quarantine, make it if need be, tidy it up
 *
 * Both directories are made 0700. Unfinished copies are removed.
 *
 * Return: 0, -EPERM when the directory belongs to somebody else or is no directory of ours
 * alone, or another negative errno.
 */
int quarantine_store_init(struct quarantine_store *s, const char *state_dir);
void quarantine_store_deinit(struct quarantine_store *s);

/* Is it written as ids are? Nothing else ever becomes part of a file name. */
bool quarantine_id_valid(const char *id);

/* -EDQUOT when there is no room for an entry of @size bytes, else 0. */
int quarantine_store_room(const struct quarantine_store *s, uint64_t size);

/**
 * quarantine_store_begin() - a new, empty data file
 * @ret_id: its entry's
 * @ret_fd: open for reading and writing, 0600; the caller's
 */
int quarantine_store_begin(struct quarantine_store *s, char ret_id[QUARANTINE_ID_BYTES],
                           int *ret_fd);
/* Make the entry last: data, JSON and directory are on the disk when this returns 0. */
int quarantine_store_commit(struct quarantine_store *s, const char *id, int data_fd,
                            json_t *meta);
/* Take back what quarantine_store_begin() made, or a whole entry. The JSON file goes first. */
void quarantine_store_abort(struct quarantine_store *s, const char *id);
int quarantine_store_remove(struct quarantine_store *s, const char *id);

/* What is known about an entry; json_decref() it. -ENOENT, -EBADMSG when damaged, -EINVAL when
 * @id is none. */
int quarantine_store_meta(const struct quarantine_store *s, const char *id, json_t **ret);
/* Its bytes, open for reading. */
int quarantine_store_data(const struct quarantine_store *s, const char *id, int *ret_fd);

/**
 * quarantine_store_list() - a page of entries, oldest first, without extended attributes
 * @after:   only later ones; NULL or "" = from the start
 * @ret:     array; json_decref() it
 * @ret_more: there are further ones; the last one's id continues
 */
int quarantine_store_list(const struct quarantine_store *s, const char *after, json_t **ret,
                          bool *ret_more);
