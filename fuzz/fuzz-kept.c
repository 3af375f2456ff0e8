/* SPDX-License-Identifier: Apache-2.0 */
/* A file of kept rules: key and checksum are made to fit, so that what is behind them
 * is reached */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/image.h"
#include "custos/rules.h"
#include "kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_it_fit(uint8_t *mem, size_t size, uint8_t *key)
{
	struct kept_header *kept = (struct kept_header *)mem;
	struct image_header *h = (struct image_header *)(mem + sizeof(*kept));

	memcpy(key, kept->key, KEY_BYTES);
	memcpy(kept->magic, KEPT_MAGIC, sizeof(kept->magic));
	if (size < sizeof(*kept) + sizeof(*h))
		return;
	memcpy(h->magic, IMAGE_MAGIC, sizeof(h->magic));
	h->version = IMAGE_VERSION;
	h->yara_version = rules_yara_version();
	if (image_digest(h, size - sizeof(*kept), h->sha256) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ruleset_counts counts;
	uint8_t key[KEY_BYTES];
	uint8_t *copy = malloc(size + 1);
	struct stat st;
	int in, out, r;

	if (!copy || size < sizeof(struct kept_header)) {
		free(copy);
		return 0;
	}
	memcpy(copy, data, size);
	make_it_fit(copy, size, key);
	in = memfd_create("kept", MFD_CLOEXEC);
	out = memfd_create("out", MFD_CLOEXEC);
	if (in < 0 || out < 0 || write(in, copy, size) != (ssize_t)size)
		abort();
	r = kept_take(in, key, out, &counts);
	/* All or nothing. */
	if ((r != 0 && r != -ENOENT) || fstat(out, &st) < 0 ||
	    (size_t)st.st_size != (r == 0 ? size - sizeof(struct kept_header) : 0))
		abort();
	(void)close(in);
	(void)close(out);
	free(copy);
	return 0;
}
