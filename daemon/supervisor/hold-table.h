/* SPDX-License-Identifier: Apache-2.0 */
/* Hold table: files that are held, found by inode, by descriptor and by age */
#pragma once

#include <stdint.h>

#include "custos/cache.h"

#define HOLD_NONE UINT32_MAX

struct hold {
	struct cache_key key;
	int fd;
	uint32_t next;          /* in its chain, or of the free ones */
	uint32_t older, newer;  /* HOLD_NONE at the ends */
};

/* One thread. */
struct hold_table {
	struct hold *items;
	uint32_t *chains;       /* a power of two */
	uint32_t *of_fd;        /* by descriptor */
	uint32_t size, n_chains, n_fds;
	uint32_t n;             /* in use */
	uint32_t free, oldest, newest;
};

/* Room for @size files with descriptors below @n_fds. Return: 0 or -ENOMEM. */
int hold_table_init(struct hold_table *t, uint32_t size, uint32_t n_fds);
void hold_table_deinit(struct hold_table *t); /* closes nothing */

/* Return: an index below size, or HOLD_NONE. */
uint32_t hold_find(const struct hold_table *t, const struct cache_key *key);
uint32_t hold_find_fd(const struct hold_table *t, int fd);

/* @key is not there yet. Return: its index, or HOLD_NONE: full, or @fd
 * too large. */
uint32_t hold_add(struct hold_table *t, const struct cache_key *key, int fd);
void hold_remove(struct hold_table *t, uint32_t index);
