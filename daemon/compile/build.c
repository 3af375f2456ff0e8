/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: building the image
 *
 * Owns: which input becomes which section.
 * Must not own: file formats (hashlist, rules-compile, hashdb, image).
 */
#include "build.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/hashdb.h"
#include "custos/hashlist.h"
#include "custos/image.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"
#include "custos/verdict.h"
#include "names.h"

struct tables {
	struct hashdb_builder block[N_DIGESTS];
	struct hashdb_builder allow;
	struct names ignored; /* entries called so are left out */
};

/* While one list is read. */
struct list {
	struct tables *tables;
	bool allow;
	const char *file;
	char name[RULE_NAME_BYTES]; /* of entries that have none of their own */
	unsigned n_refused;
	struct diag *d;
};

/* The name of the list, as far as it can be shown everywhere. */
static void set_list_name(struct list *l)
{
	const char *slash = strrchr(l->file, '/');

	(void)snprintf(l->name, sizeof(l->name), "%s", slash ? slash + 1 : l->file);
	for (char *p = l->name; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static int refuse_allow(struct list *l, const struct hashlist_entry *e)
{
	(void)diag_add(
		l->d, l->file, e->line,
		"%s cannot allow a file: another file with the same %s can be made; "
		"use SHA-256",
		digest_name(e->alg), digest_name(e->alg));
	return ++l->n_refused < HASHLIST_BAD_LINES_MAX ? 0 : -EINVAL;
}

static int on_entry(void *userdata, const struct hashlist_entry *e)
{
	struct list *l = userdata;
	struct hashdb_builder *b =
		l->allow ? &l->tables->allow : &l->tables->block[e->alg];
	int r;

	if (l->allow && e->alg != DIGEST_SHA256)
		return refuse_allow(l, e);
	if (e->name && names_have(&l->tables->ignored, e->name, e->name_len))
		return 0;
	r = hashdb_builder_add(b, e->digest, e->size_bytes, e->name ? e->name : l->name,
	                       e->name ? MIN(e->name_len, sizeof(l->name) - 1)
	                               : strlen(l->name));
	if (r == -EFBIG)
		return diag_add(l->d, l->file, e->line,
		                "more entries than a table can hold");
	return r;
}

static int on_name(void *userdata, const struct hashlist_entry *e)
{
	return names_add(userdata, e->name, e->name_len);
}

/* Before all lists: what is ignored does not depend on the order they are given in. */
static int read_names(struct tables *t, const struct inputs *in, struct diag *d)
{
	int r, ret = 0;

	for (size_t i = 0; i < in->n_block; i++) {
		if (!hashlist_holds_names(in->block[i].file))
			continue;
		r = hashlist_read(in->block[i].fd, in->block[i].file, on_name,
		                  &t->ignored, d);
		if (r < 0 && r != -EINVAL && r != -ENOMEM)
			r = diag_add(d, in->block[i].file, 0, "%s",
			             strerrordesc_np(-r));
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			ret = r;
	}
	names_sort(&t->ignored);
	return ret;
}

static int read_list(struct tables *t, const struct hash_input *in, bool allow,
                     struct diag *d)
{
	struct list l = {.tables = t, .allow = allow, .file = in->file, .d = d};
	const char *why = hashlist_refused_name(in->file, allow);
	int r;

	if (why)
		return diag_add(d, in->file, 0, "%s", why);
	if (hashlist_holds_names(in->file))
		return 0;
	set_list_name(&l);
	diag_at(d, in->file);
	r = hashlist_read(in->fd, in->file, on_entry, &l, d);
	diag_at(d, NULL);
	if (r < 0 && r != -EINVAL && r != -ENOMEM)
		return diag_add(d, in->file, 0, "%s", strerrordesc_np(-r));
	return l.n_refused > 0 ? -EINVAL : r;
}

static int read_lists(struct tables *t, const struct inputs *in, struct diag *d)
{
	int r, ret = read_names(t, in, d);

	for (size_t i = 0; i < in->n_block + in->n_allow && ret != -ENOMEM; i++) {
		bool allow = i >= in->n_block;

		r = read_list(t, allow ? &in->allow[i - in->n_block] : &in->block[i],
		              allow, d);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			ret = r;
	}
	return ret;
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

static int write_rules(struct image_writer *w, const struct rules_compiled *rules,
                       const struct reuse *re)
{
	image_writer_section(w, IMAGE_YARA);
	return rules ? rules_compiled_write(rules, image_writer_add, w) :
	               image_writer_add(w, re->yara, re->yara_bytes);
}

/* On the rules: what came of their trial, or what the image said that they are from. */
static int write_report(struct image_writer *w, const struct rules_trial *trial,
                        const struct reuse *re)
{
	image_writer_section(w, IMAGE_REPORT);
	if (trial)
		return rules_report_write(&trial->report, image_writer_add, w);
	return re && re->report ? image_writer_add(w, re->report, re->report_bytes) : 0;
}

/* @rules: NULL, then those of @re. */
static int write_image(int out_fd, struct tables *t, const struct rules_compiled *rules,
                       const struct reuse *re, const struct rules_trial *trial,
                       struct ruleset_counts *ret)
{
	_cleanup_(image_writer_freep) struct image_writer *w = NULL;
	struct ruleset_counts counts = {
		.n_yara = rules ? rules_compiled_count(rules) : re->n_yara};
	int r;

	r = image_writer_new(out_fd, rules_yara_version(), &w);
	if (r < 0)
		return r;
	for (unsigned alg = 0; alg < N_DIGESTS && r == 0; alg++)
		r = write_table(w, IMAGE_BLOCK_SHA256 + alg, &t->block[alg],
		                &counts.n_hashes);
	if (r == 0)
		r = write_table(w, IMAGE_ALLOW_SHA256, &t->allow,
		                &counts.n_allow_hashes);
	if (r == 0 && counts.n_yara > 0)
		r = write_rules(w, rules, re);
	if (r == 0)
		r = write_report(w, rules ? trial : NULL, rules ? NULL : re);
	if (r == 0)
		r = image_writer_finish(w, rules ? rules_compiled_uses(rules) : re->uses, &counts);
	if (r == 0)
		*ret = counts;
	return r;
}

static void tables_init(struct tables *t)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		hashdb_builder_init(&t->block[alg], alg);
	hashdb_builder_init(&t->allow, DIGEST_SHA256);
	t->ignored = (struct names)NAMES_NULL;
}

static void tables_deinit(struct tables *t)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		hashdb_builder_deinit(&t->block[alg]);
	hashdb_builder_deinit(&t->allow);
	names_deinit(&t->ignored);
}

int build_image(const struct inputs *in, const struct reuse *re,
                struct rules_trial *trial, int out_fd, struct ruleset_counts *ret,
                struct diag *d)
{
	_cleanup_(rules_compiled_freep) struct rules_compiled *rules = NULL;
	_cleanup_(tables_deinit) struct tables t;
	int r, r_rules = 0;

	d->at = image_at_note; /* until here the image has no header */
	d->at_userdata = &out_fd;
	/* Both, so that the user sees the errors of both. */
	tables_init(&t);
	r = read_lists(&t, in, d);
	if (!re || !re->yara)
		r_rules = rules_compile_tried(in->yara, in->n_yara, trial, &rules, d);
	d->at = NULL;
	if (r < 0 || r_rules < 0)
		return r < 0 ? r : r_rules;
	return write_image(out_fd, &t, rules, re, trial, ret);
}
