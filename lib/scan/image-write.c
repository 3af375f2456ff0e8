/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule image: writing
 *
 * Owns: the place and identity of each section in the image, and the checksums.
 * Must not own: what the sections hold, or the descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/image.h"

/* records and relocations come a few bytes at a time */
#define BUFFER_BYTES ((size_t)256 << 10)

struct image_writer {
	int fd;
	int error;              /* first failure, 0 when none */
	int section;            /* enum image_section, or -1 before the first */
	uint64_t off;           /* of the next byte added */
	struct digests digests; /* of the section */
	struct image_header header;
	size_t used; /* bytes in buffer, the last ones before off */
	uint8_t buffer[BUFFER_BYTES];
};

static int write_at(int fd, const void *data, size_t len, uint64_t off)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int flush(struct image_writer *w)
{
	if (w->error == 0)
		w->error = write_at(w->fd, w->buffer, w->used, w->off - w->used);
	if (w->error == 0 && w->section >= 0)
		w->error = digests_update(&w->digests, w->buffer, w->used);
	w->used = 0;
	return w->error;
}

int image_writer_new(int fd, uint32_t yara_version, struct image_writer **ret)
{
	struct image_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	r = digests_init(&w->digests, 1U << DIGEST_SHA256);
	if (r < 0) {
		image_writer_free(w);
		return r;
	}
	memcpy(w->header.magic, IMAGE_MAGIC, sizeof(w->header.magic));
	w->header.version = IMAGE_VERSION;
	w->header.yara_version = yara_version;
	w->fd = fd;
	w->off = sizeof(w->header);
	w->section = -1;
	*ret = w;
	return 0;
}

struct image_writer *image_writer_free(struct image_writer *w)
{
	if (w)
		digests_deinit(&w->digests);
	free(w);
	return NULL;
}

void image_writer_freep(struct image_writer **w)
{
	*w = image_writer_free(*w);
}

int image_writer_add(void *writer, const void *data, size_t len)
{
	struct image_writer *w = writer;
	const uint8_t *p = data;

	while (len > 0 && w->error == 0) {
		size_t n = MIN(len, BUFFER_BYTES - w->used);

		memcpy(w->buffer + w->used, p, n);
		w->used += n;
		w->off += n;
		p += n;
		len -= n;
		if (w->used == BUFFER_BYTES)
			(void)flush(w); /* its failure is in w->error */
	}
	return w->error;
}

/* Its bytes alone are in the digest: what is in the buffer may belong to no other. */
static void close_section(struct image_writer *w)
{
	uint64_t size = w->off - w->header.sections[w->section].offset;
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];

	w->header.sections[w->section].size = size;
	if (flush(w) < 0)
		return;
	w->error = digests_final(&w->digests, out);
	if (w->error == 0 && size > 0)
		memcpy(w->header.sections[w->section].sha256, out[DIGEST_SHA256],
		       sizeof(w->header.sections[w->section].sha256));
}

static void end_section(struct image_writer *w)
{
	static const uint8_t zeros[IMAGE_ALIGNMENT];

	if (w->section >= 0)
		close_section(w);
	w->section = -1;
	if (w->off % IMAGE_ALIGNMENT != 0)
		(void)image_writer_add(w, zeros,
		                       IMAGE_ALIGNMENT - w->off % IMAGE_ALIGNMENT);
	(void)flush(w); /* its failure is in w->error */
}

void image_writer_section(struct image_writer *w, enum image_section section)
{
	end_section(w);
	if (w->error == 0)
		w->error = digests_begin(&w->digests);
	w->section = (int)section;
	w->header.sections[section].offset = w->off;
}

void image_writer_bulk(struct image_writer *w, const struct image_header *bulk)
{
	memcpy(w->header.bulk, bulk->sha256, sizeof(w->header.bulk));
}

int image_writer_finish(struct image_writer *w, uint32_t uses,
                        const struct ruleset_counts *counts)
{
	int r;

	end_section(w);
	if (w->error < 0)
		return w->error;
	w->header.uses = uses;
	w->header.counts = *counts;
	w->header.total_bytes = w->off;
	memset(w->header.sha256, 0, sizeof(w->header.sha256));
	r = image_digest(&w->header, sizeof(w->header), w->header.sha256);
	if (r < 0)
		return r;
	return write_at(w->fd, &w->header, sizeof(w->header), 0);
}
