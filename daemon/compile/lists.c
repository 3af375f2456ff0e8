/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: lists
 *
 * Owns: which entry of which list counts, and under which name.
 * Must not own: file formats (hashlist), or tables.
 */
#include "lists.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "custos/hashlist.h"
#include "custos/types.h"
#include "custos/verdict.h"

/* While one list is read. */
struct list {
	const struct names *ignored;
	bool allow;
	const char *file;
	char name[RULE_NAME_BYTES]; /* of entries that have none of their own */
	unsigned n_refused;
	lists_fn on_entry;
	void *userdata;
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
	const struct lists_entry entry = {
		.alg = e->alg,
		.allow = l->allow,
		.digest = e->digest,
		.size_bytes = e->size_bytes,
		.name = e->name ? e->name : l->name,
		.name_len = e->name ? MIN(e->name_len, sizeof(l->name) - 1) : strlen(l->name),
	};
	int r;

	if (l->allow && e->alg != DIGEST_SHA256)
		return refuse_allow(l, e);
	if (e->name && names_have(l->ignored, e->name, e->name_len))
		return 0;
	r = l->on_entry(l->userdata, &entry);
	if (r == -EFBIG)
		return diag_add(l->d, l->file, e->line,
		                "more entries than a table can hold");
	return r;
}

static int on_name(void *userdata, const struct hashlist_entry *e)
{
	return names_add(userdata, e->name, e->name_len);
}

int lists_open(struct lists *l, const struct inputs *in, struct diag *d)
{
	int r, ret = 0;

	*l = (struct lists){.in = in, .ignored = NAMES_NULL};
	for (size_t i = 0; i < in->n_block; i++) {
		if (!hashlist_holds_names(in->block[i].file))
			continue;
		r = hashlist_read(in->block[i].fd, in->block[i].file, on_name,
		                  &l->ignored, d);
		if (r < 0 && r != -EINVAL && r != -ENOMEM)
			r = diag_add(d, in->block[i].file, 0, "%s",
			             strerrordesc_np(-r));
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			ret = r;
	}
	names_sort(&l->ignored);
	return ret;
}

void lists_deinit(struct lists *l)
{
	names_deinit(&l->ignored);
}

static int read_list(const struct lists *all, const struct hash_input *in, bool allow,
                     lists_fn fn, void *userdata, struct diag *d)
{
	struct list l = {.ignored = &all->ignored, .allow = allow, .file = in->file,
	                 .on_entry = fn, .userdata = userdata, .d = d};
	const char *why = hashlist_refused_name(in->file, allow);
	int r;

	if (why)
		return diag_add(d, in->file, 0, "%s", why);
	if (hashlist_holds_names(in->file))
		return 0;
	if (lseek(in->fd, 0, SEEK_SET) < 0)
		return diag_add(d, in->file, 0, "%s", strerrordesc_np(errno));
	set_list_name(&l);
	diag_at(d, in->file);
	r = hashlist_read(in->fd, in->file, on_entry, &l, d);
	diag_at(d, NULL);
	if (r < 0 && r != -EINVAL && r != -ENOMEM && r != -EOVERFLOW)
		return diag_add(d, in->file, 0, "%s", strerrordesc_np(-r));
	return l.n_refused > 0 && r != -EOVERFLOW ? -EINVAL : r;
}

int lists_read(const struct lists *l, enum lists_which which, lists_fn fn, void *userdata,
               struct diag *d)
{
	const struct inputs *in = l->in;
	int r, ret = 0;

	for (size_t i = 0; i < in->n_block + in->n_allow; i++) {
		const bool allow = i >= in->n_block;
		const struct hash_input *list =
			allow ? &in->allow[i - in->n_block] : &in->block[i];

		if (inputs_is_bulk(in, list) != (which == LISTS_BULK))
			continue;
		r = read_list(l, list, allow, fn, userdata, d);
		if (r == -ENOMEM || r == -EOVERFLOW)
			return r;
		if (r < 0)
			ret = r;
	}
	return ret;
}
