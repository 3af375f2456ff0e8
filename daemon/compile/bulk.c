/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: bulk
 *
 * Owns: when the bulk in force may stay, and the making of a new one.
 * Must not own: what lists say (lists), how they differ (bulk-compare), or the image
 * that names the bulk (build).
 *
 * Fifty million hashes are 1.9 GB and half a minute of sorting. When one of them is added, only
 * that one is new (docs/adr/0043).
 */
#include "bulk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/hashlist.h"
#include "custos/rules.h"
#include "custos/text.h"
#include "key.h"

#define SOURCE_MAGIC "custos-bulk 1 " CUSTOS_VERSION
#define UNKNOWN      "-"

void bulk_init(struct bulk *b)
{
	*b = (struct bulk){.out_fd = -1, .earlier_fd = -1, .earlier = IMAGE_NULL, .used_fd = -1};
	tables_init(&b->withdrawn);
}

void bulk_deinit(struct bulk *b)
{
	image_unmap(&b->earlier);
	tables_deinit(&b->withdrawn);
}

bool bulk_parse(const char *text, struct bulk *ret)
{
	char *end;
	const long fd = strtol(text, &end, 10);

	if (end == text || *end != ':' || fd < 0 || fd > 1 << 20)
		return false;
	end++;
	if (strcmp(end, UNKNOWN) != 0 && strlen(end) != sizeof(ret->source) - 1)
		return false;
	ret->earlier_fd = (int)fd;
	memcpy(ret->source, end, strlen(end) + 1);
	return true;
}

/* Large lists, and names that are ignored in them. */
static int add_lists(struct digests *d, const struct inputs *in, bool *ret_any)
{
	int r = digests_update(d, SOURCE_MAGIC, sizeof(SOURCE_MAGIC));

	*ret_any = false;
	for (size_t i = 0; i < in->n_block + in->n_allow && r == 0; i++) {
		const bool allow = i >= in->n_block;
		const struct hash_input *list =
			allow ? &in->allow[i - in->n_block] : &in->block[i];
		const bool names = !allow && hashlist_holds_names(list->file);

		if (!names && !inputs_is_bulk(in, list))
			continue;
		*ret_any |= !names;
		r = key_add_list(d, names ? "ignored" : allow ? "allow" : "block", list);
	}
	return r;
}

static int digest_source(const struct inputs *in, char ret[BULK_SOURCE_BYTES])
{
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	struct digests d;
	bool any;
	int r = digests_init(&d, 1U << DIGEST_SHA256);

	if (r < 0)
		return r;
	r = digests_begin(&d);
	if (r == 0)
		r = add_lists(&d, in, &any);
	if (r == 0)
		r = digests_final(&d, out);
	digests_deinit(&d);
	ret[0] = '\0';
	if (r == 0 && any)
		text_hex(out[DIGEST_SHA256], DIGEST_MAX_BYTES, ret);
	return r;
}

static bool any_is_bulk(const struct inputs *in)
{
	for (size_t i = 0; i < in->n_block; i++)
		if (inputs_is_bulk(in, &in->block[i]))
			return true;
	for (size_t i = 0; i < in->n_allow; i++)
		if (inputs_is_bulk(in, &in->allow[i]))
			return true;
	return false;
}

int bulk_open(struct bulk *b, const struct inputs *in)
{
	int r;

	if (b->out_fd < 0 || !any_is_bulk(in))
		return 0;
	r = digest_source(in, b->now);
	if (r == 0 && b->earlier_fd >= 0 &&
	    image_map(b->earlier_fd, rules_yara_version(), &b->earlier) == -ENOMEM)
		r = -ENOMEM;
	return r;
}

static int use(struct bulk *b, int fd)
{
	struct image im;
	int r = image_map(fd, rules_yara_version(), &im);

	if (r < 0)
		return r;
	b->used = *image_header(&im);
	b->used_fd = fd;
	image_unmap(&im);
	return 0;
}

static int write_image(struct tables *t, int fd)
{
	_cleanup_(image_writer_freep) struct image_writer *w = NULL;
	struct ruleset_counts counts = {0};
	int r = image_writer_new(fd, rules_yara_version(), &w);

	if (r == 0)
		r = tables_write(t, w, IMAGE_BLOCK_SHA256, &counts);
	if (r == 0)
		r = image_writer_finish(w, 0, &counts);
	if (r == 0)
		r = image_seal(fd);
	return r < 0 ? r : image_verify(fd);
}

static int make_new(struct bulk *b, const struct lists *l, struct diag *d)
{
	_cleanup_(tables_deinit) struct tables t;
	char again[BULK_SOURCE_BYTES];
	int r;

	tables_init(&t);
	r = lists_read(l, LISTS_BULK, tables_add, &t, d);
	if (r == 0 && d->n_total == 0)
		r = write_image(&t, b->out_fd);
	if (r < 0 || d->n_total > 0)
		return r;
	r = use(b, b->out_fd);
	/* Read twice: somebody may have written meanwhile. */
	if (r == 0)
		r = digest_source(l->in, again);
	if (r == 0 && strcmp(again, b->now) != 0)
		memcpy(b->now, UNKNOWN, sizeof(UNKNOWN));
	return r;
}

static void start_again(struct bulk *b, struct tables *more)
{
	tables_deinit(&b->withdrawn);
	tables_deinit(more);
	tables_init(&b->withdrawn);
	tables_init(more);
	b->n_withdrawn = b->n_withdrawn_allow = 0;
}

/* Return: -EOVERFLOW when it is no help. */
static int take_earlier(struct bulk *b, const struct lists *l, struct tables *more, struct diag *d)
{
	_cleanup_(diag_deinit) struct diag found = {.at = d->at, .at_userdata = d->at_userdata};
	int r;

	if (!b->earlier.mem)
		return -EOVERFLOW;
	if (strcmp(b->now, b->source) == 0)
		return use(b, b->earlier_fd);
	r = bulk_compare(b, l, more, &found);
	if (r == -EOVERFLOW) {
		start_again(b, more);
		return r; /* what is wrong is found again */
	}
	diag_move(d, &found);
	return r < 0 ? r : use(b, b->earlier_fd);
}

int bulk_make(struct bulk *b, const struct lists *l, struct tables *more, struct diag *d)
{
	int r;

	if (!*b->now)
		return 0;
	r = take_earlier(b, l, more, d);
	if (r == -EOVERFLOW)
		r = make_new(b, l, d);
	if (r < 0 || b->used_fd < 0)
		return r;
	(void)printf("bulk=%s:%s\n", b->used_fd == b->out_fd ? "new" : "same",
	             b->used_fd == b->out_fd ? b->now : b->source);
	return fflush(stdout) == 0 ? 0 : -errno;
}
