/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule set
 *
 * Owns: a mapped image, with its bulk, and what is opened from it.
 * Must not own: how a file is judged (engine), or which generation is current (its
 * user).
 */
#include "custos/ruleset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "ruleset-view.h"

/* @first: IMAGE_BLOCK_SHA256 or IMAGE_WITHDRAWN_SHA256 */
static int open_tables(const struct image *im, enum image_section first,
                       struct ruleset_tables *ret)
{
	for (unsigned i = 0; i <= N_DIGESTS; i++) {
		size_t size;
		const void *mem = image_section(im, first + i, &size);
		int r = hashdb_open(mem, size, i < N_DIGESTS ? i : DIGEST_SHA256,
		                    i < N_DIGESTS ? &ret->block[i] : &ret->allow);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The very one that the image was made with. */
static int open_bulk(struct ruleset *rs, int fd)
{
	const struct image_header *h = image_header(&rs->image);
	int r;

	if (!image_wants_bulk(h))
		return fd < 0 ? 0 : -EBADMSG;
	if (fd < 0)
		return -EBADMSG;
	r = image_map(fd, rules_yara_version(), &rs->bulk_image);
	if (r < 0)
		return r;
	if (memcmp(image_header(&rs->bulk_image)->sha256, h->bulk, sizeof(h->bulk)) != 0)
		return -EBADMSG;
	r = open_tables(&rs->bulk_image, IMAGE_BLOCK_SHA256, &rs->bulk);
	return r < 0 ? r : open_tables(&rs->image, IMAGE_WITHDRAWN_SHA256, &rs->withdrawn);
}

static int open_sections(struct ruleset *rs, int bulk_fd)
{
	size_t size;
	const void *mem;
	int r = open_tables(&rs->image, IMAGE_BLOCK_SHA256, &rs->own);

	if (r == 0)
		r = open_bulk(rs, bulk_fd);
	if (r < 0)
		return r;
	mem = image_section(&rs->image, IMAGE_YARA, &size);
	return size ? rules_load(mem, size, &rs->rules) : 0;
}

/* SHA-256 over the identities of the sections from @first up to @end. */
static int identify(struct digests *d, const struct image_header *h,
                    enum image_section first, enum image_section end,
                    uint8_t ret[RULESET_ID_BYTES])
{
	const uint32_t formats[] = {h->version, h->yara_version};
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	int r = digests_begin(d);

	if (r == 0)
		r = digests_update(d, formats, sizeof(formats));
	if (r == 0 && first == IMAGE_BLOCK_SHA256)
		r = digests_update(d, h->bulk, sizeof(h->bulk));
	for (unsigned s = first; s < end && r == 0; s++)
		r = digests_update(d, h->sections[s].sha256,
		                   sizeof(h->sections[s].sha256));
	if (r == 0)
		r = digests_final(d, out);
	if (r == 0)
		memcpy(ret, out[DIGEST_SHA256], RULESET_ID_BYTES);
	return r;
}

static int identify_parts(struct ruleset *rs, const struct image_header *h)
{
	struct digests d;
	int r = digests_init(&d, 1U << DIGEST_SHA256);

	if (r < 0)
		return r;
	r = identify(&d, h, IMAGE_BLOCK_SHA256, IMAGE_REPORT, rs->hash_id);
	if (r == 0 && rs->rules)
		r = identify(&d, h, IMAGE_YARA, IMAGE_YARA + 1, rs->yara_id);
	digests_deinit(&d);
	return r;
}

int ruleset_load(int image_fd, int bulk_fd, struct ruleset **ret)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = calloc(1, sizeof(*rs));
	const struct image_header *h;
	int r;

	if (!rs)
		return -ENOMEM;
	r = image_map(image_fd, rules_yara_version(), &rs->image);
	if (r < 0)
		return r;
	r = open_sections(rs, bulk_fd);
	if (r < 0)
		return r;
	h = image_header(&rs->image);
	r = identify_parts(rs, h);
	if (r < 0)
		return r;
	rs->counts = h->counts;
	rs->uses = h->uses;
	*ret = ptr_take(&rs);
	return 0;
}

struct ruleset *ruleset_free(struct ruleset *rs)
{
	if (rs) {
		rules_free(rs->rules);
		image_unmap(&rs->image);
		image_unmap(&rs->bulk_image);
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

const uint8_t *ruleset_yara_id(const struct ruleset *rs)
{
	return rs->yara_id;
}

const uint8_t *ruleset_hash_id(const struct ruleset *rs)
{
	return rs->hash_id;
}

bool ruleset_uses_names(const struct ruleset *rs)
{
	return rs->uses & RULESET_USES_NAME;
}

bool ruleset_uses_owner(const struct ruleset *rs)
{
	return rs->uses & RULESET_USES_OWNER;
}

bool ruleset_uses_time(const struct ruleset *rs)
{
	return rs->uses & RULESET_USES_TIME;
}
