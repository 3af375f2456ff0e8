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

/* One message. */
static int digest_bytes_of(const void *mem, size_t size, uint8_t ret[DIGEST_MAX_BYTES])
{
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	struct digests d;
	int r = digests_init(&d, 1U << DIGEST_SHA256);

	if (r < 0)
		return r;
	r = digests_update(&d, mem, size);
	if (r == 0)
		r = digests_final(&d, out);
	digests_deinit(&d);
	if (r < 0)
		return -ENOMEM;
	memcpy(ret, out[DIGEST_SHA256], DIGEST_MAX_BYTES);
	return 0;
}

int image_digest(const void *mem, size_t size, uint8_t ret[DIGEST_MAX_BYTES])
{
	struct image_header h;

	if (size < sizeof(h))
		return -EBADMSG;
	memcpy(&h, mem, sizeof(h));
	memset(h.sha256, 0, sizeof(h.sha256));
	return digest_bytes_of(&h, sizeof(h), ret);
}

static int check_header_digest(const struct image_header *h)
{
	uint8_t sha256[DIGEST_MAX_BYTES];
	int r = image_digest(h, sizeof(*h), sha256);

	if (r < 0)
		return r;
	return memcmp(sha256, h->sha256, sizeof(sha256)) == 0 ? 0 : -EBADMSG;
}

static int check_section_digest(const struct image_header *h, enum image_section s)
{
	uint8_t sha256[DIGEST_MAX_BYTES];
	int r;

	if (h->sections[s].size == 0)
		return 0;
	r = digest_bytes_of((const uint8_t *)h + h->sections[s].offset,
	                    h->sections[s].size, sha256);
	if (r < 0)
		return r;
	return memcmp(sha256, h->sections[s].sha256, sizeof(sha256)) == 0 ? 0
	                                                                  : -EBADMSG;
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
	int r;

	if (size < sizeof(*h) || memcmp(h->magic, IMAGE_MAGIC, sizeof(h->magic)) != 0)
		return -EBADMSG;
	if (h->version != IMAGE_VERSION || h->yara_version != yara_version ||
	    h->uses > RULESET_USES_ALL || h->reserved != 0 || h->total_bytes != size)
		return -EBADMSG;
	if (!sections_are_valid(h))
		return -EBADMSG;
	r = check_header_digest(h);
	return r < 0 ? r : check_section_digest(h, IMAGE_YARA);
}

/* Before the first byte is read: afterwards nobody can change one. */
static int map_sealed(int fd, struct image *ret)
{
	struct image im;
	struct stat st;
	int r = fcntl(fd, F_GET_SEALS);

	if (r < 0 || (r & SEALS) != SEALS)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct image_header))
		return -EBADMSG;
	im.size = (size_t)st.st_size;
	/* Not MAP_SHARED: before Linux 6.7 that fails for a memfd sealed against
	 * writing. */
	im.mem = mmap(NULL, im.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (im.mem == MAP_FAILED)
		return -errno;
	*ret = im;
	return 0;
}

static bool is_zero(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p == 0)
		p++;
	return p >= end;
}

/* The section that begins first at or behind @at; N_IMAGE_SECTIONS: none. */
static unsigned next_section(const struct image_header *h, uint64_t at)
{
	unsigned next = N_IMAGE_SECTIONS;

	for (unsigned s = 0; s < N_IMAGE_SECTIONS; s++)
		if (h->sections[s].size > 0 && h->sections[s].offset >= at &&
		    (next == N_IMAGE_SECTIONS ||
		     h->sections[s].offset < h->sections[next].offset))
			next = s;
	return next;
}

/* Nothing but zeros between sections: no checksum covers it. */
static bool gaps_are_zero(const struct image_header *h)
{
	const uint8_t *mem = (const uint8_t *)h;
	uint64_t at = sizeof(*h);

	for (;;) {
		unsigned s = next_section(h, at);

		if (s == N_IMAGE_SECTIONS)
			return is_zero(mem + at, mem + h->total_bytes);
		if (!is_zero(mem + at, mem + h->sections[s].offset))
			return false;
		at = h->sections[s].offset + h->sections[s].size;
	}
}

int image_check_all(const void *mem, size_t size, uint32_t yara_version)
{
	int r = image_check(mem, size, yara_version);

	for (unsigned s = 0; s < N_IMAGE_SECTIONS && r == 0; s++)
		if (s != IMAGE_YARA)
			r = check_section_digest(mem, s);
	return r == 0 && !gaps_are_zero(mem) ? -EBADMSG : r;
}

int image_verify(int fd)
{
	struct image im;
	int r = map_sealed(fd, &im);

	if (r < 0)
		return r;
	r = image_check_all(im.mem, im.size, image_header(&im)->yara_version);
	image_unmap(&im);
	return r;
}

int image_map(int fd, uint32_t yara_version, struct image *ret)
{
	struct image im;
	int r = map_sealed(fd, &im);

	if (r < 0)
		return r;
	r = image_check(im.mem, im.size, yara_version);
	if (r < 0) {
		image_unmap(&im);
		return r;
	}
	*ret = im;
	return 0;
}

bool image_wants_bulk(const struct image_header *h)
{
	static const uint8_t none[sizeof(h->bulk)];

	return memcmp(h->bulk, none, sizeof(none)) != 0;
}

void image_unmap(struct image *im)
{
	if (im->mem)
		(void)munmap((void *)im->mem, im->size);
	*im = (struct image)IMAGE_NULL;
}
