/* SPDX-License-Identifier: Apache-2.0 */
/* Rule images made in the test itself */
#pragma once

#include <check.h>
#include <malloc.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "custos/cleanup.h"
#include "custos/hashdb.h"
#include "custos/image.h"
#include "custos/rules-compile.h"
#include "custos/rules.h"

struct fixture_image {
	const char *yara; /* text of one file of rules, or NULL */
	const struct rules_compiled *compiled; /* of that, borrowed; NULL: compiled here */
	struct hashdb_builder block[N_DIGESTS], allow;
};

static inline void fixture_image_init(struct fixture_image *f, const char *yara)
{
	f->yara = yara;
	f->compiled = NULL;
	/* libyara takes and gives back megabytes for each compiler: keep them, as custos-compile does. */
	(void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		hashdb_builder_init(&f->block[alg], alg);
	hashdb_builder_init(&f->allow, DIGEST_SHA256);
}

/* Block or allow the file whose content is @text. */
static inline void fixture_image_hash(struct hashdb_builder *b, const void *text, size_t len,
                                      uint64_t size, const char *name)
{
	uint8_t out[N_DIGESTS][DIGEST_MAX_BYTES];
	struct digests d;

	ck_assert_int_eq(digests_init(&d, 1U << b->alg), 0);
	ck_assert_int_eq(digests_update(&d, text, len), 0);
	ck_assert_int_eq(digests_final(&d, out), 0);
	digests_deinit(&d);
	ck_assert_int_eq(hashdb_builder_add(b, out[b->alg], size, name, strlen(name)), 0);
}

/* For many images with the same rules; free it with rules_compiled_free(). */
static inline struct rules_compiled *fixture_compile(const char *text)
{
	struct rules_source s = {"/rules/test.yar", text, strlen(text)};
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct rules_compiled *c = NULL;

	if (rules_compile(&s, 1, &c, &d) < 0) {
		diag_print(&d, stderr);
		ck_abort_msg("the rules of the test do not compile");
	}
	return c;
}

static inline void fixture_write_rules(struct image_writer *w, const struct fixture_image *f,
                                       uint32_t *uses, uint64_t *n)
{
	_cleanup_(rules_compiled_freep) struct rules_compiled *own =
		f->compiled ? NULL : fixture_compile(f->yara);
	const struct rules_compiled *c = own ? own : f->compiled;

	*uses = rules_compiled_uses(c);
	*n = rules_compiled_count(c);
	image_writer_section(w, IMAGE_YARA);
	ck_assert_int_eq(rules_compiled_write(c, image_writer_add, w), 0);
}

/* Return: a memfd, sealed if @seal. The builders are empty afterwards. */
static inline int fixture_image_fd(struct fixture_image *f, bool seal)
{
	_cleanup_(image_writer_freep) struct image_writer *w = NULL;
	struct ruleset_counts counts = {0};
	uint32_t uses = 0;
	uint64_t n;
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(image_writer_new(fd, rules_yara_version(), &w), 0);
	for (unsigned alg = 0; alg < N_DIGESTS; alg++) {
		image_writer_section(w, IMAGE_BLOCK_SHA256 + alg);
		ck_assert_int_eq(
			hashdb_builder_write(&f->block[alg], image_writer_add, w, &n), 0);
		counts.n_hashes += n;
	}
	image_writer_section(w, IMAGE_ALLOW_SHA256);
	ck_assert_int_eq(hashdb_builder_write(&f->allow, image_writer_add, w,
	                                      &counts.n_allow_hashes), 0);
	if (f->yara)
		fixture_write_rules(w, f, &uses, &counts.n_yara);
	ck_assert_int_eq(image_writer_finish(w, uses, &counts), 0);
	if (seal)
		ck_assert_int_eq(image_seal(fd), 0);
	return fd;
}
