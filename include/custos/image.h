/* SPDX-License-Identifier: Apache-2.0 */
/* Rule image: what custos-compile makes and the scanner loads, one sealed memfd, or two:
 * the bulk of the hash lists may be in an image of its own, which generations share */
#pragma once

#include <stdbool.h>

#include "custos/digest.h"
#include "custos/ruleset.h"

enum image_section {
	IMAGE_YARA,         /* compiled rules, libyara's own format */
	IMAGE_BLOCK_SHA256, /* hashdb images, in the order of enum digest_alg */
	IMAGE_BLOCK_SHA1,
	IMAGE_BLOCK_MD5,
	IMAGE_ALLOW_SHA256,
	/* digests in the bulk image that are on no list any more, in the same order */
	IMAGE_WITHDRAWN_SHA256,
	IMAGE_WITHDRAWN_SHA1,
	IMAGE_WITHDRAWN_MD5,
	IMAGE_WITHDRAWN_ALLOW,
	IMAGE_REPORT, /* on the rules (rules-report.h): decides about no file */
	N_IMAGE_SECTIONS,
};

#define IMAGE_MAGIC     "CUSTOSRI"
#define IMAGE_VERSION   9
#define IMAGE_ALIGNMENT 64

/* At offset 0. Host byte order: an image never leaves the machine. */
struct image_header {
	char magic[8];
	uint32_t version;
	uint32_t yara_version; /* libyara's compiled format changes between releases */
	uint32_t uses;         /* mask of enum ruleset_use */
	uint32_t reserved;     /* zero */
	uint64_t total_bytes;
	struct ruleset_counts counts; /* with those of the bulk image */
	uint8_t bulk[DIGEST_MAX_BYTES]; /* checksum in the header of the bulk image; zero: none */
	struct {
		uint64_t offset; /* multiple of IMAGE_ALIGNMENT */
		uint64_t size;   /* 0: none */
		/* its identity and, where it is checked, its checksum: zero for none */
		uint8_t sha256[DIGEST_MAX_BYTES];
	} sections[N_IMAGE_SECTIONS];
	uint8_t sha256[DIGEST_MAX_BYTES]; /* of the header with this field zero */
};

/* --- writing --- */

struct image_writer;

/*
 * @fd: empty file, borrowed, must outlive the writer; @yara_version: kept for the
 * reader
 */
int image_writer_new(int fd, uint32_t yara_version, struct image_writer **ret);
struct image_writer *image_writer_free(struct image_writer *w);
void image_writer_freep(struct image_writer **w);

/* What follows belongs to @section, each at most once. */
void image_writer_section(struct image_writer *w, enum image_section section);
/* Append; fits hashdb_sink. Return: 0 or a negative errno, which sticks. */
int image_writer_add(void *writer, const void *data, size_t len);
/* The image counts only together with @bulk, a checked one. */
void image_writer_bulk(struct image_writer *w, const struct image_header *bulk);
/*
 * Write the header last, so that a half-written image is none. @uses: mask of enum
 * ruleset_use. Return: 0 or a negative errno.
 */
int image_writer_finish(struct image_writer *w, uint32_t uses,
                        const struct ruleset_counts *counts);

/*
 * Which file is in work, in the place of a header that is not there yet: all that is left
 * of a process that a signal ends. @fd_pointer: int, of the image; @file: NULL for none.
 * Failure is ignored. Fits struct diag.
 */
void image_at_note(void *fd_pointer, const char *file);

/*
 * What image_at_note() noted last in an image that never was finished: its end, if it is
 * long. Any bytes: whoever parsed the file has written them. @ret: NUL-terminated.
 * Return: is there anything?
 */
bool image_at_read(int fd, char ret[sizeof(struct image_header)]);

/* Make a memfd unchangeable for everybody, for ever. Return: 0 or a negative errno. */
int image_seal(int fd);

/**
 * image_verify() - read a finished image back and compare every checksum
 * @fd: sealed memfd, borrowed
 *
 * For the process that made it, off the path of whoever waits for a verdict: nobody can
 * change the image afterwards, so that the reader checks only what it must trust.
 *
 * Context: reads all of it (1.7 GB/s). Return: 0, -EBADMSG, or another negative errno.
 */
int image_verify(int fd);

/* --- reading --- */

struct image {
	const void *mem; /* NULL: none */
	size_t size;
};

#define IMAGE_NULL                                                                     \
	{                                                                              \
		0                                                                      \
	}

/**
 * image_map() - map a sealed image read-only and check it
 * @fd: memfd, borrowed; may be closed afterwards
 *
 * Return: 0, -EPERM when it is not sealed, -EBADMSG when it is damaged, or another
 * negative errno. On success free with image_unmap().
 */
int image_map(int fd, uint32_t yara_version, struct image *ret);
void image_unmap(struct image *im);

/*
 * The checks alone: header, section table, and the checksums of the header and of
 * compiled rules, which libyara takes on trust. Hash tables are checked when they are
 * opened (hashdb.h) and by their writer (image_verify()): their records are not read
 * here. Return: 0, -EBADMSG, or -ENOMEM.
 */
int image_check(const void *mem, size_t size, uint32_t yara_version);
/* The same, the checksum of every section, and zeros between them: for an image that
 * lay in a file. */
int image_check_all(const void *mem, size_t size, uint32_t yara_version);
/*
 * The checksum of the header, as it belongs into it. Return: 0, -EBADMSG when too
 * short, or -ENOMEM.
 */
int image_digest(const void *mem, size_t size, uint8_t ret[DIGEST_MAX_BYTES]);

static inline const struct image_header *image_header(const struct image *im)
{
	return im->mem;
}

/* Does it count only together with a bulk image? */
bool image_wants_bulk(const struct image_header *h);

/* Of a checked image. Return: NULL for an empty section; its offset means nothing. */
static inline const void *image_section(const struct image *im, enum image_section s,
                                        size_t *ret_size)
{
	*ret_size = (size_t)image_header(im)->sections[s].size;
	if (*ret_size == 0)
		return NULL;
	return (const uint8_t *)im->mem + image_header(im)->sections[s].offset;
}

/* --- keeping: a file of custosd, and the key that says what its image was made of ---
 */

#define KEPT_MAGIC "CUSTOSKI"
/* Larger images are not kept: what takes long with those is reading the lists, which
 * the key needs, too. */
#define KEPT_BYTES_MAX ((uint64_t)256 << 20)

/* At offset 0; the image follows. Its own checksum says whether it is whole. */
struct kept_header {
	char magic[8];
	uint8_t key[DIGEST_MAX_BYTES];
	uint8_t reserved[24]; /* zero */
};
