/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule set
 *
 * Owns: one mapped image and what is opened from it.
 * Must not own: how a file is judged (engine), or which generation is current (its
 * user).
 */
#include "custos/ruleset.h"

#include <errno.h>
#include <stdlib.h>

#include "custos/cleanup.h"
#include "ruleset-view.h"

static int open_table(struct ruleset *rs, enum image_section s, enum digest_alg alg,
                      struct hashdb *ret)
{
	size_t size;
	const void *mem = image_section(&rs->image, s, &size);

	return hashdb_open(mem, size, alg, ret);
}

static int open_sections(struct ruleset *rs)
{
	size_t size;
	const void *mem;
	int r = 0;

	for (unsigned alg = 0; alg < N_DIGESTS && r == 0; alg++)
		r = open_table(rs, IMAGE_BLOCK_SHA256 + alg, alg, &rs->block[alg]);
	if (r == 0)
		r = open_table(rs, IMAGE_ALLOW_SHA256, DIGEST_SHA256, &rs->allow);
	if (r < 0)
		return r;

	mem = image_section(&rs->image, IMAGE_YARA, &size);
	return size ? rules_load(mem, size, &rs->rules) : 0;
}

int ruleset_load(int image_fd, struct ruleset **ret)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = calloc(1, sizeof(*rs));
	const struct image_header *h;
	int r;

	if (!rs)
		return -ENOMEM;
	r = image_map(image_fd, rules_yara_version(), &rs->image);
	if (r < 0)
		return r;
	r = open_sections(rs);
	if (r < 0)
		return r;
	h = image_header(&rs->image);
	rs->counts = h->counts;
	rs->uses_vars = h->options & IMAGE_OPT_VARIABLES;
	*ret = ptr_take(&rs);
	return 0;
}

struct ruleset *ruleset_free(struct ruleset *rs)
{
	if (rs) {
		rules_free(rs->rules);
		image_unmap(&rs->image);
	}
	free(rs);
	return NULL;
}

void ruleset_freep(struct ruleset **rs)
{
	*rs = ruleset_free(*rs);
}

void ruleset_counts(const struct ruleset *rs, struct ruleset_counts *ret)
{
	*ret = rs->counts;
}
