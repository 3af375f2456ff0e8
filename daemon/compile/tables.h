/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: the hash tables of an image while they are collected */
#pragma once

#include "custos/hashdb.h"
#include "custos/image.h"
#include "lists.h"

struct tables {
	struct hashdb_builder block[N_DIGESTS];
	struct hashdb_builder allow;
};

void tables_init(struct tables *t);
void tables_deinit(struct tables *t);

/* The one that an entry belongs into. */
static inline struct hashdb_builder *tables_of(struct tables *t, enum digest_alg alg, bool allow)
{
	return allow ? &t->allow : &t->block[alg];
}

/* Fits lists_fn; @tables: a struct tables. */
int tables_add(void *tables, const struct lists_entry *e);

/**
 * tables_write() - as the sections from @first on
 * @first: IMAGE_BLOCK_SHA256 or IMAGE_WITHDRAWN_SHA256
 * @ret:   its numbers of hashes are raised; NULL: they are none
 *
 * The tables are empty afterwards. Return: 0 or a negative errno.
 */
int tables_write(struct tables *t, struct image_writer *w, enum image_section first,
                 struct ruleset_counts *ret);
