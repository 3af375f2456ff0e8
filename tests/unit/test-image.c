/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "custos/engine.h"
#include "fixture-image.h"
#include "unit.h"

static int small_fd(bool seal, const char *yara)
{
	struct fixture_image f;

	ck_assert_int_eq(engine_global_init(), 0);
	fixture_image_init(&f, yara);
	fixture_image_hash(&f.block[DIGEST_SHA256], "bad", 3, HASHDB_ANY_SIZE, "Bad");
	fixture_image_hash(&f.block[DIGEST_MD5], "bad", 3, 3, "Bad-MD5");
	fixture_image_hash(&f.allow, "good", 4, HASHDB_ANY_SIZE, "good");
	return fixture_image_fd(&f, seal);
}

/* A writable copy of an image; the header is what is damaged below. */
static struct image copy_of(int fd)
{
	struct image im;
	uint8_t *p;

	im.size = (size_t)lseek(fd, 0, SEEK_END);
	p = malloc(im.size);
	ck_assert_int_eq(pread(fd, p, im.size, 0), (ssize_t)im.size);
	im.mem = p;
	return im;
}

static int load_bytes(const void *mem, size_t size)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(fd_closep) int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_eq(write(fd, mem, size), (ssize_t)size);
	ck_assert_int_eq(image_seal(fd), 0);
	return ruleset_load(fd, &rs);
}

START_TEST(load_sealed_image_gives_its_counts)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(fd_closep) int fd = small_fd(true, "rule a { condition: false }");
	struct ruleset_counts c;

	ck_assert_int_eq(ruleset_load(fd, &rs), 0);
	ruleset_counts(rs, &c);
	ck_assert_uint_eq(c.n_yara, 1);
	ck_assert_uint_eq(c.n_hashes, 2);
	ck_assert_uint_eq(c.n_allow_hashes, 1);
}
END_TEST

START_TEST(load_unsealed_image_is_refused)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(fd_closep) int fd = small_fd(false, NULL);

	ck_assert_int_eq(ruleset_load(fd, &rs), -EPERM);
	ck_assert_int_eq(image_seal(fd), 0);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(ruleset_load(fd, &rs), 0);
}
END_TEST

START_TEST(load_any_bit_changed_is_damaged)
{
	_cleanup_(fd_closep) int fd = small_fd(false, "rule a { condition: false }");
	struct image im = copy_of(fd);
	uint8_t *p = (uint8_t *)im.mem;

	/* Every byte of the header, then a sample of the rest. */
	for (size_t i = 0; i < im.size; i += i < sizeof(struct image_header) ? 1 : 61) {
		p[i] ^= 0x40;
		ck_assert_int_eq(load_bytes(p, im.size), -EBADMSG);
		p[i] ^= 0x40;
	}
	ck_assert_int_eq(load_bytes(p, im.size), 0);
	free(p);
}
END_TEST

START_TEST(load_truncated_image_is_damaged)
{
	_cleanup_(fd_closep) int fd = small_fd(false, NULL);
	struct image im = copy_of(fd);

	for (size_t len = 0; len < im.size; len += 7)
		ck_assert_int_eq(load_bytes(im.mem, len), -EBADMSG);
	ck_assert_int_eq(load_bytes(im.mem, im.size), 0);
	free((void *)im.mem);
}
END_TEST

/* A checksum that fits the damage: now only the checks of each field are left. */
START_TEST(load_any_header_byte_changed_with_right_checksum_reads_nothing_outside)
{
	static const uint8_t masks[] = {0x01, 0x40, 0x80, 0xff};
	_cleanup_(fd_closep) int fd = small_fd(false, NULL);
	struct image im = copy_of(fd);
	uint8_t *p = (uint8_t *)im.mem;
	size_t sha_off = offsetof(struct image_header, sha256);

	/* Not the YARA section: libyara trusts what it loads, and so must we (rules.h). */
	for (size_t i = 0; i < sha_off; i++) {
		struct image_header *h = (struct image_header *)p;

		for (size_t k = 0; k < sizeof(masks); k++) {
			p[i] ^= masks[k];
			if (h->sections[IMAGE_YARA].size == 0) {
				ck_assert_int_eq(image_digest(p, im.size, h->sha256), 0);
				(void)load_bytes(p, im.size);
			}
			p[i] ^= masks[k];
		}
	}
	free(p);
}
END_TEST

START_TEST(check_section_outside_the_image_is_damaged)
{
	_cleanup_(fd_closep) int fd = small_fd(false, NULL);
	struct image im = copy_of(fd);
	struct image_header *h = (struct image_header *)im.mem;
	uint32_t v = rules_yara_version();

	h->sections[IMAGE_BLOCK_MD5].size = im.size;
	ck_assert_int_eq(image_digest(h, im.size, h->sha256), 0);
	ck_assert_int_eq(image_check(h, im.size, v), -EBADMSG);
	h->sections[IMAGE_BLOCK_MD5].size = 0;
	h->sections[IMAGE_BLOCK_SHA1].offset = UINT64_MAX - 63;
	h->sections[IMAGE_BLOCK_SHA1].size = 64;
	ck_assert_int_eq(image_digest(h, im.size, h->sha256), 0);
	ck_assert_int_eq(image_check(h, im.size, v), -EBADMSG);
	h->sections[IMAGE_BLOCK_SHA1].size = 0;
	ck_assert_int_eq(image_digest(h, im.size, h->sha256), 0);
	ck_assert_int_eq(image_check(h, im.size, v), 0);
	ck_assert_int_eq(image_check(h, im.size, v + 1), -EBADMSG);
	free(h);
}
END_TEST

UNIT_MAIN("image", load_sealed_image_gives_its_counts, load_unsealed_image_is_refused,
          load_any_bit_changed_is_damaged, load_truncated_image_is_damaged,
          load_any_header_byte_changed_with_right_checksum_reads_nothing_outside,
          check_section_outside_the_image_is_damaged)
