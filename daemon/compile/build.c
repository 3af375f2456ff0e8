/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: building the image
 *
 * Owns: which input becomes which section.
 * Must not own: what lists say (lists), or file formats (rules-compile, image).
 */
#include "build.h"

#include <errno.h>

#include "custos/cleanup.h"
#include "custos/image.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"
#include "lists.h"
#include "tables.h"

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

static int write_bulk(struct image_writer *w, struct bulk *bulk, struct ruleset_counts *counts)
{
	if (!bulk || bulk->used_fd < 0)
		return 0;
	image_writer_bulk(w, &bulk->used);
	counts->n_hashes += bulk->used.counts.n_hashes - bulk->n_withdrawn;
	counts->n_allow_hashes += bulk->used.counts.n_allow_hashes - bulk->n_withdrawn_allow;
	return tables_write(&bulk->withdrawn, w, IMAGE_WITHDRAWN_SHA256, NULL);
}

/* @rules: NULL, then those of @re. */
static int write_image(int out_fd, struct tables *t, const struct rules_compiled *rules,
                       const struct reuse *re, struct bulk *bulk,
                       const struct rules_trial *trial, struct ruleset_counts *ret)
{
	_cleanup_(image_writer_freep) struct image_writer *w = NULL;
	struct ruleset_counts counts = {
		.n_yara = rules ? rules_compiled_count(rules) : re->n_yara};
	int r;

	r = image_writer_new(out_fd, rules_yara_version(), &w);
	if (r == 0)
		r = tables_write(t, w, IMAGE_BLOCK_SHA256, &counts);
	if (r == 0)
		r = write_bulk(w, bulk, &counts);
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

/* The bulk first: it is sealed before a rule is read. */
static int read_lists(const struct inputs *in, struct bulk *bulk, struct tables *t, struct diag *d)
{
	_cleanup_(lists_deinit) struct lists l;
	int ret = lists_open(&l, in, d), r;

	if (ret == -ENOMEM)
		return ret;
	r = bulk ? bulk_make(bulk, &l, t, d) : 0;
	if (r < 0)
		ret = r;
	if (r < 0 && r != -EINVAL)
		return r;
	r = lists_read(&l, LISTS_OTHER, tables_add, t, d);
	return r < 0 ? r : ret;
}

int build_image(const struct inputs *in, const struct reuse *re, struct bulk *bulk,
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
	r = read_lists(in, bulk, &t, d);
	if (!re || !re->yara)
		r_rules = rules_compile_tried(in->yara, in->n_yara, trial, &rules, d);
	d->at = NULL;
	if (r < 0 || r_rules < 0)
		return r < 0 ? r : r_rules;
	return write_image(out_fd, &t, rules, re, bulk, trial, ret);
}
