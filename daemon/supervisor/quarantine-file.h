/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantine: finding a file by a name that others may be changing, and moving its bytes */
#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "custos/types.h"
#include "custos/verdict.h"

/* Names and values of extended attributes together: more than any file system of ours keeps in
 * an inode; what is beyond is noted as omitted. */
#define QUARANTINE_XATTR_BYTES_MAX (64U * 1024)

/* A name within a directory that is held, so that both stay what they are. */
struct quarantine_place {
	int parent;       /* O_PATH, owned */
	char *name;       /* owned */
};

#define QUARANTINE_PLACE_NULL {.parent = -1}

void quarantine_place_deinit(struct quarantine_place *p);

/**
 * quarantine_place_find() - the directory of @path below @root
 * @root: what / means
 * @path: absolute and canonical, as the kernel names open files: a symbolic link in it means
 *        that it has been exchanged
 *
 * Return: 0, -ELOOP for a symbolic link, -EINVAL when @path is no such path, -ENOENT, or another
 * negative errno.
 */
int quarantine_place_find(int root, const char *path, struct quarantine_place *ret);

/**
 * quarantine_place_open() - open the regular file there for reading
 * @ret: what it is; also set for -ESTALE
 *
 * Nothing but a regular file is ever opened. Return: its descriptor, -ESTALE when it is none or
 * is not inode @ino of @dev, or another negative errno.
 */
int quarantine_place_open(const struct quarantine_place *p, dev_t dev, ino_t ino,
                          struct stat *ret);

/* Is it still that inode's name? */
bool quarantine_place_holds(const struct quarantine_place *p, const struct stat *st);

/**
 * quarantine_copy() - all bytes from @from (offset 0) to @to, and their digest
 * @size_max: more is -ESTALE: the file has grown
 * @stop:     becomes true when the program ends: -ECANCELED
 */
int quarantine_copy(int from, int to, uint64_t size_max, const atomic_bool *stop,
                    uint8_t ret_sha256[SHA256_BYTES], uint64_t *ret_size);

/* Extended attributes as an array of {name, valueBase64}; *ret_omitted: not all of them. */
json_t *quarantine_xattrs_get(int fd, bool *ret_omitted);
/* Set them; the names of those that were refused are added to @refused (array of strings). */
void quarantine_xattrs_set(int fd, json_t *xattrs, json_t *refused);

/* A member as varlink_set_bytes() puts it: the exact bytes. free() it; NULL when absent or
 * damaged. */
char *quarantine_bytes_member(json_t *object, const char *key, size_t *ret_len);
