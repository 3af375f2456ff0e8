/* SPDX-License-Identifier: Apache-2.0 */
/* A rule image with a checksum that fits, all but its YARA part (which is trusted, rules.h) */
#include <stdlib.h>
#include <string.h>

#include "custos/hashdb.h"
#include "custos/image.h"

#define VERSION 1U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct image *im, enum image_section s, enum digest_alg alg)
{
	uint8_t digest[DIGEST_MAX_BYTES] = {0};
	struct hashdb db;
	const char *name;
	size_t size;
	const void *mem = image_section(im, s, &size);

	if (hashdb_open(mem, size, alg, &db) < 0)
		return;
	for (unsigned i = 0; i < 256; i++) {
		memset(digest, (int)i, sizeof(digest));
		if (hashdb_lookup(&db, digest, i, &name) && strlen(name) >= im->size)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image im = {.size = size};
	struct image_header *h;
	void *copy;

	if (size < sizeof(*h))
		return 0;
	/* Not a byte more, so that a sanitizer sees a step too far. */
	if (posix_memalign(&copy, IMAGE_ALIGNMENT, size) != 0)
		abort();
	memcpy(copy, data, size);
	h = copy;
	memcpy(h->magic, IMAGE_MAGIC, sizeof(h->magic));
	h->version = IMAGE_VERSION;
	h->yara_version = VERSION;
	h->total_bytes = size;
	h->sections[IMAGE_YARA].size = 0; /* only its own checksum makes it acceptable */
	if (image_digest(copy, size, h->sha256) < 0)
		abort();
	im.mem = copy;
	if (image_check(copy, size, VERSION) == 0) {
		for (unsigned alg = 0; alg < N_DIGESTS; alg++)
			look_up(&im, IMAGE_BLOCK_SHA256 + alg, alg);
		look_up(&im, IMAGE_ALLOW_SHA256, DIGEST_SHA256);
	}
	free(copy);
	return 0;
}
