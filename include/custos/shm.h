/* SPDX-License-Identifier: Apache-2.0 */
/* Memory shared by descriptor: sealed so that nobody can cut it off under a reader */
#pragma once

#include <stddef.h>

/**
 * shm_new() - make a memory file of fixed size and map it
 * @name: shows in /proc/PID/maps
 *
 * Sealed against shrinking and growing: no mapping of it can raise SIGBUS.
 * Return: descriptor (close-on-exec, owned by the caller) and *ret_map, or a negative errno.
 */
int shm_new(const char *name, size_t bytes, void **ret_map);

/* Map what shm_new() made; checks the size and the seals. Return: 0 or a negative errno. */
int shm_map(int fd, size_t bytes, void **ret_map);

/* A sealed, read-only copy of @len bytes. Return: descriptor or a negative errno. */
int shm_from_bytes(const char *name, const void *bytes, size_t len);
