/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
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
	return ruleset_load(fd, -1, &rs);
}

START_TEST(load_sealed_image_gives_its_counts)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(fd_closep) int fd = small_fd(true, "rule a { condition: false }");
	struct ruleset_counts c;

	ck_assert_int_eq(ruleset_load(fd, -1, &rs), 0);
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

	ck_assert_int_eq(ruleset_load(fd, -1, &rs), -EPERM);
	ck_assert_int_eq(image_seal(fd), 0);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(ruleset_load(fd, -1, &rs), 0);
}
END_TEST

START_TEST(load_any_bit_changed_is_damaged)
{
	_cleanup_(fd_closep) int fd = small_fd(false, "rule a { condition: false }");
	struct image im = copy_of(fd);
	const struct image_header *h = im.mem;
	uint8_t *p = (uint8_t *)im.mem;
	size_t yara = h->sections[IMAGE_YARA].offset;

	/* Every byte of the header, then a sample of the rules. */
	for (size_t i = 0; i < sizeof(*h); i++) {
		p[i] ^= 0x40;
		ck_assert_int_eq(load_bytes(p, im.size), -EBADMSG);
		p[i] ^= 0x40;
	}
	for (size_t i = yara; i < yara + h->sections[IMAGE_YARA].size; i += 61) {
		p[i] ^= 0x40;
		ck_assert_int_eq(load_bytes(p, im.size), -EBADMSG);
		p[i] ^= 0x40;
	}
	ck_assert_int_eq(load_bytes(p, im.size), 0);
	free(p);
}
END_TEST

static int verify_bytes(const void *mem, size_t size)
{
	_cleanup_(fd_closep) int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_eq(write(fd, mem, size), (ssize_t)size);
	ck_assert_int_eq(image_seal(fd), 0);
	return image_verify(fd);
}

START_TEST(verify_any_bit_of_any_section_changed_is_damaged)
{
	_cleanup_(fd_closep) int fd = small_fd(false, "rule a { condition: false }");
	struct image im = copy_of(fd);
	const struct image_header *h = im.mem;
	uint8_t *p = (uint8_t *)im.mem;

	ck_assert_int_eq(image_verify(fd), -EPERM);
	ck_assert_int_eq(verify_bytes(p, im.size), 0);
	for (unsigned s = 0; s < N_IMAGE_SECTIONS; s++) {
		size_t off = h->sections[s].offset, end = off + h->sections[s].size;

		for (; off < end; off += s == IMAGE_YARA ? 61 : 1) {
			p[off] ^= 0x40;
			ck_assert_int_eq(verify_bytes(p, im.size), -EBADMSG);
			p[off] ^= 0x40;
		}
	}
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

struct ids {
	uint8_t yara[RULESET_ID_BYTES], hash[RULESET_ID_BYTES];
};

/* One list entry, or none for a NULL name, in the table of @alg, or the allow list. */
static struct ids ids_of(const char *yara, const char *name, unsigned alg, uint64_t size)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(fd_closep) int fd = -1;
	struct fixture_image f;
	struct ids ids;

	ck_assert_int_eq(engine_global_init(), 0);
	fixture_image_init(&f, yara);
	if (name)
		fixture_image_hash(alg < N_DIGESTS ? &f.block[alg] : &f.allow, "bad", 3, size,
		                   name);
	fd = fixture_image_fd(&f, true);
	ck_assert_int_eq(ruleset_load(fd, -1, &rs), 0);
	memcpy(ids.yara, ruleset_yara_id(rs), sizeof(ids.yara));
	memcpy(ids.hash, ruleset_hash_id(rs), sizeof(ids.hash));
	return ids;
}

static bool same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, RULESET_ID_BYTES) == 0;
}

START_TEST(id_of_no_rules_is_zero)
{
	static const uint8_t zero[RULESET_ID_BYTES];
	struct ids none = ids_of(NULL, NULL, 0, 0);
	struct ids some = ids_of("rule a { condition: true }", NULL, 0, 0);

	ck_assert(same(none.yara, zero));
	ck_assert(!same(none.hash, zero));
	ck_assert(!same(some.yara, zero));
	ck_assert(same(none.hash, some.hash));
}
END_TEST

START_TEST(id_changes_with_its_own_part_alone)
{
	const char *a = "rule a { condition: true }", *b = "rule a { condition: false }";
	const uint64_t any = HASHDB_ANY_SIZE;
	struct ids base = ids_of(a, "Bad", DIGEST_SHA256, any);
	const struct {
		struct ids ids;
		bool same_yara, same_hash;
	} cases[] = {
		{ids_of(a, "Bad", DIGEST_SHA256, any), true, true},
		{ids_of("// words\nrule a { condition : true }", "Bad", DIGEST_SHA256, any), true,
	         true},
		{ids_of(b, "Bad", DIGEST_SHA256, any), false, true},
		{ids_of(NULL, "Bad", DIGEST_SHA256, any), false, true},
		{ids_of(a, "Worse", DIGEST_SHA256, any), true, false},
		{ids_of(a, "Bad", DIGEST_SHA256, 3), true, false},
		{ids_of(a, "Bad", DIGEST_SHA1, any), true, false},
		{ids_of(a, "Bad", N_DIGESTS, any), true, false}, /* the same table, allowed */
		{ids_of(a, NULL, 0, any), true, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_msg(same(cases[i].ids.yara, base.yara) == cases[i].same_yara, "%zu", i);
		ck_assert_msg(same(cases[i].ids.hash, base.hash) == cases[i].same_hash, "%zu", i);
	}
}
END_TEST

/* Every kind of thing a rule is made of; memory that libyara gets is filled differently. */
START_TEST(id_of_the_same_rules_does_not_depend_on_memory)
{
	static const char rules[] =
		"import \"pe\" import \"math\" "
		"rule a : t1 t2 { meta: x = \"y\" n = 3 b = true strings: $a = \"needle\" nocase "
		"wide $b = /ab+c[0-9]{2,5}(x|y)+/ $c = { 4D 5A ?? [2-8] 50 (AA|BB) } $d = \"key\" "
		"xor(1-255) $e = \"encoded\" base64 condition: any of them and "
		"pe.number_of_sections > 3 } "
		"private rule p { strings: $x = \"private\" fullword condition: "
		"for all i in (1..#x) : (@x[i] < 100) } "
		"global rule g { condition: filesize < 100MB } "
		"rule c { condition: p and math.entropy(0, filesize) > 7.0 and "
		"for any s in pe.sections : (s.name == \".text\") } "
		"rule d { condition: filename matches /x.*y/i and filetype == \"ELF\" }";
	static const int fill[] = {0, 1, 0x55, 0xaa, 0xff};
	struct ids base = ids_of(rules, NULL, 0, 0);

	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		struct ids other, again;

		(void)mallopt(M_PERTURB, fill[i]);
		other = ids_of("rule other { strings: $a = /q+/ condition: $a }", NULL, 0, 0);
		again = ids_of(rules, NULL, 0, 0);
		ck_assert(!same(other.yara, base.yara));
		ck_assert(same(again.yara, base.yara));
	}
	(void)mallopt(M_PERTURB, 0);
}
END_TEST

START_TEST(uses_what_the_image_says)
{
	static const struct {
		const char *yara;
		bool names, owner, time;
	} cases[] = {
		{NULL, false, false, false},
		{"rule a { condition: true }", false, false, false},
		{"rule a { condition: filetype == \"ELF\" }", false, false, false},
		{"rule a { condition: extension == \".php\" }", true, false, false},
		{"rule a { condition: owner == \"root\" }", false, true, false},
		{"import \"time\" rule a { condition: time.now() > 1 }", false, false, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
		_cleanup_(fd_closep) int fd = small_fd(true, cases[i].yara);

		ck_assert_int_eq(ruleset_load(fd, -1, &rs), 0);
		ck_assert_msg(ruleset_uses_names(rs) == cases[i].names, "%zu", i);
		ck_assert_msg(ruleset_uses_owner(rs) == cases[i].owner, "%zu", i);
		ck_assert_msg(ruleset_uses_time(rs) == cases[i].time, "%zu", i);
	}
}
END_TEST

START_TEST(check_unknown_use_is_damaged)
{
	_cleanup_(fd_closep) int fd = small_fd(false, NULL);
	struct image im = copy_of(fd);
	struct image_header *h = (struct image_header *)im.mem;

	h->uses = RULESET_USES_ALL;
	ck_assert_int_eq(image_digest(h, im.size, h->sha256), 0);
	ck_assert_int_eq(image_check(h, im.size, rules_yara_version()), 0);
	h->uses = RULESET_USES_ALL + 1;
	ck_assert_int_eq(image_digest(h, im.size, h->sha256), 0);
	ck_assert_int_eq(image_check(h, im.size, rules_yara_version()), -EBADMSG);
	free(h);
}
END_TEST

/* What is noted stands where the header will be, and no longer. */
START_TEST(at_read_gives_the_last_note_or_its_end)
{
	_cleanup_(fd_closep) int fd = memfd_create("image", MFD_CLOEXEC);
	char at[sizeof(struct image_header)], file[sizeof(struct image_header) + 1];
	size_t longest;

	ck_assert(!image_at_read(fd, at)); /* empty */
	memset(file, 'x', sizeof(file) - 1);
	file[sizeof(file) - 1] = '\0';
	file[0] = '/';
	image_at_note(&fd, file);
	ck_assert(image_at_read(fd, at));
	longest = strlen(at);
	ck_assert_uint_gt(longest, 300);
	ck_assert_str_eq(at, file + strlen(file) - longest);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), sizeof(struct image_header));

	file[longest + 1] = '\0'; /* one more than fits */
	image_at_note(&fd, file);
	ck_assert(image_at_read(fd, at));
	ck_assert_str_eq(at, file + 1);
	file[longest] = '\0';
	image_at_note(&fd, file);
	ck_assert(image_at_read(fd, at));
	ck_assert_str_eq(at, file);

	image_at_note(&fd, "/b.yar");
	ck_assert(image_at_read(fd, at));
	ck_assert_str_eq(at, "/b.yar");
	image_at_note(&fd, NULL);
	ck_assert(!image_at_read(fd, at));
}
END_TEST

START_TEST(at_read_of_a_finished_image_says_nothing)
{
	_cleanup_(fd_closep) int fd = memfd_create("image", MFD_CLOEXEC);
	_cleanup_(image_writer_freep) struct image_writer *w = NULL;
	struct ruleset_counts counts = {0};
	char at[sizeof(struct image_header)];

	image_at_note(&fd, "/b.yar");
	ck_assert_int_eq(image_writer_new(fd, 1, &w), 0);
	ck_assert_int_eq(image_writer_finish(w, 0, &counts), 0);
	ck_assert(!image_at_read(fd, at));
}
END_TEST

UNIT_MAIN("image", load_sealed_image_gives_its_counts, load_unsealed_image_is_refused,
          load_any_bit_changed_is_damaged,
          verify_any_bit_of_any_section_changed_is_damaged, load_truncated_image_is_damaged,
          load_any_header_byte_changed_with_right_checksum_reads_nothing_outside,
          check_section_outside_the_image_is_damaged, id_of_no_rules_is_zero,
          id_changes_with_its_own_part_alone,
          id_of_the_same_rules_does_not_depend_on_memory, uses_what_the_image_says,
          check_unknown_use_is_damaged,
          at_read_gives_the_last_note_or_its_end,
          at_read_of_a_finished_image_says_nothing)
