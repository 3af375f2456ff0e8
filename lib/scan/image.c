/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule image: reading
 *
 * Owns: the mapping of an image and the check that it is whole and unchangeable.
 * Must not own: the meaning of its sections (hashdb, rules).
 * Hands off to: ruleset, which opens each section.
 */
#include "custos/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int image_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

static int digest_image(struct digests *d, const void *mem, size_t size,
                        uint8_t ret[DIGEST_MAX_BYTES])
{
	struct image_header h;
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];

	memcpy(&h, mem, sizeof(h));
	memset(h.sha256, 0, sizeof(h.sha256));
	if (digests_update(d, (const uint8_t *)mem + sizeof(h), size - sizeof(h)) < 0 ||
	    digests_update(d, &h, sizeof(h)) < 0 || digests_final(d, out) < 0)
		return -ENOMEM;
	memcpy(ret, out[DIGEST_SHA256], DIGEST_MAX_BYTES);
	return 0;
}

int image_digest(const void *mem, size_t size, uint8_t ret[DIGEST_MAX_BYTES])
{
	struct digests d;
	int r;

	if (size < sizeof(struct image_header))
		return -EBADMSG;
	r = digests_init(&d, 1U << DIGEST_SHA256);
	if (r < 0)
		return r;
	r = digest_image(&d, mem, size, ret);
	digests_deinit(&d);
	return r;
}

static bool sections_are_valid(const struct image_header *h)
{
	for (unsigned i = 0; i < N_IMAGE_SECTIONS; i++) {
		uint64_t off = h->sections[i].offset;

		if (h->sections[i].size == 0)
			continue;
		if (off < sizeof(*h) || off % IMAGE_ALIGNMENT != 0 ||
		    off > h->total_bytes || h->sections[i].size > h->total_bytes - off)
			return false;
	}
	return true;
}

int image_check(const void *mem, size_t size, uint32_t yara_version)
{
	const struct image_header *h = mem;
	uint8_t sha256[DIGEST_MAX_BYTES];
	int r;

	if (size < sizeof(*h) || memcmp(h->magic, IMAGE_MAGIC, sizeof(h->magic)) != 0)
		return -EBADMSG;
	if (h->version != IMAGE_VERSION || h->yara_version != yara_version ||
	    h->uses > RULESET_USES_ALL || h->reserved != 0 ||
	    h->total_bytes != size)
		return -EBADMSG;
	if (!sections_are_valid(h))
		return -EBADMSG;
	r = image_digest(mem, size, sha256);
	if (r < 0)
		return r;
	return memcmp(sha256, h->sha256, sizeof(sha256)) == 0 ? 0 : -EBADMSG;
}

int image_map(int fd, uint32_t yara_version, struct image *ret)
{
	struct image im;
	struct stat st;
	int r;

	/* Checked before the first byte is read: afterwards nobody can change one. */
	r = fcntl(fd, F_GET_SEALS);
	if (r < 0 || (r & SEALS) != SEALS)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct image_header))
		return -EBADMSG;
	im.size = (size_t)st.st_size;
	/* Not MAP_SHARED: before Linux 6.7 that fails for a memfd sealed against writing. */
	im.mem = mmap(NULL, im.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (im.mem == MAP_FAILED)
		return -errno;
	r = image_check(im.mem, im.size, yara_version);
	if (r < 0) {
		image_unmap(&im);
		return r;
	}
	*ret = im;
	return 0;
}

void image_unmap(struct image *im)
{
	if (im->mem)
		(void)munmap((void *)im->mem, im->size);
	*im = (struct image)IMAGE_NULL;
}
