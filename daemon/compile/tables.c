/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: tables
 *
 * Owns: which entry goes into which table, and which table into which section.
 * Must not own: either format (hashdb, image).
 */
#include "tables.h"

void tables_init(struct tables *t)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		hashdb_builder_init(&t->block[alg], alg);
	hashdb_builder_init(&t->allow, DIGEST_SHA256);
}

void tables_deinit(struct tables *t)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		hashdb_builder_deinit(&t->block[alg]);
	hashdb_builder_deinit(&t->allow);
}

int tables_add(void *tables, const struct lists_entry *e)
{
	return hashdb_builder_add(tables_of(tables, e->alg, e->allow), e->digest, e->size_bytes,
	                          e->name, e->name_len);
}

static int write_table(struct image_writer *w, enum image_section s,
                       struct hashdb_builder *b, uint64_t *n_sum)
{
	uint64_t n;
	int r;

	image_writer_section(w, s);
	r = hashdb_builder_write(b, image_writer_add, w, &n);
	*n_sum += n;
	return r;
}

int tables_write(struct tables *t, struct image_writer *w, enum image_section first,
                 struct ruleset_counts *ret)
{
	struct ruleset_counts ignored = {0}, *counts = ret ? ret : &ignored;
	int r = 0;

	for (unsigned alg = 0; alg < N_DIGESTS && r == 0; alg++)
		r = write_table(w, first + alg, &t->block[alg], &counts->n_hashes);
	return r < 0 ? r : write_table(w, first + N_DIGESTS, &t->allow, &counts->n_allow_hashes);
}
