/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/engine.h"
#include "custos/image.h"
#include "custos/rules.h"
#include "build.h"
#include "kept.h"
#include "key.h"
#include "unit.h"

static char dir[64];
static const struct key_programs programs = {.self = {1, 2, 3, 4, 5},
                                             .libyara = {6, 7, 8, 9, 10}};

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/custos-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(engine_global_init(), 0);
}

static void teardown(void)
{
	char cmd[128];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static const char *put(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	return path;
}

static int new_memfd(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* Rules, a list to block and one to allow; NULL: none. */
static void read_inputs(struct inputs *in, const char *yara, const char *block,
                        const char *allow)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	*in = (struct inputs)INPUTS_NULL;
	if (yara)
		ck_assert_int_eq(inputs_add_yara(in, put("r.yar", yara), &d), 0);
	if (block)
		ck_assert_int_eq(inputs_add_block(in, put("b.txt", block), &d), 0);
	if (allow)
		ck_assert_int_eq(inputs_add_allow(in, put("a.txt", allow), &d), 0);
}

static void key_for(const char *yara, const char *block, const char *allow,
                    uint8_t *ret)
{
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;

	read_inputs(&in, yara, block, allow);
	ck_assert_int_eq(key_of(&programs, &in, NULL, ret), 0);
}

START_TEST(key_of_same_inputs_is_same)
{
	uint8_t a[KEY_BYTES], b[KEY_BYTES];

	key_for("rule a { condition: true }", "x\n", "y\n", a);
	key_for("rule a { condition: true }", "x\n", "y\n", b);
	ck_assert_mem_eq(a, b, sizeof(a));
}
END_TEST

START_TEST(key_of_any_other_input_is_other)
{
	static const char *const inputs[][3] = {
		{"ab", "x", "y"},   {"ac", "x", "y"},   {"a", "bx", "y"},
		{"ab", "xy", ""},   {"ab", "x", "z"},   {"ab", "xy", NULL},
		{"ab", NULL, "xy"}, {NULL, "x", "y"},   {"", "x", "y"},
		{NULL, NULL, NULL}, {"ab", NULL, NULL},
	};
	uint8_t keys[ARRAY_SIZE(inputs)][KEY_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
		key_for(inputs[i][0], inputs[i][1], inputs[i][2], keys[i]);
		for (size_t k = 0; k < i; k++)
			ck_assert_mem_ne(keys[i], keys[k], KEY_BYTES);
	}
}
END_TEST

START_TEST(key_of_other_programs_or_names_is_other)
{
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	struct key_programs other = programs;
	uint8_t a[KEY_BYTES], b[KEY_BYTES];

	read_inputs(&in, "ab", NULL, NULL);
	ck_assert_int_eq(key_of(&programs, &in, NULL, a), 0);
	other.libyara.ctime++;
	ck_assert_int_eq(key_of(&other, &in, NULL, b), 0);
	ck_assert_mem_ne(a, b, sizeof(a));
	in.self_test = true; /* what is asked of rules */
	ck_assert_int_eq(key_of(&programs, &in, NULL, b), 0);
	ck_assert_mem_ne(a, b, sizeof(a));
	in.rule_budget = 1;
	ck_assert_int_eq(key_of(&programs, &in, NULL, a), 0);
	ck_assert_mem_ne(a, b, sizeof(a));
	((char *)in.yara[0].file)[1] = 'x'; /* the same text under another path */
	ck_assert_int_eq(key_of(&programs, &in, NULL, b), 0);
	ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

START_TEST(key_programs_finds_both_files)
{
	struct key_programs p;

	ck_assert_int_eq(key_programs(&p), 0);
	ck_assert_uint_gt(p.self.size_bytes, 0);
	ck_assert_uint_gt(p.libyara.size_bytes, 0);
	ck_assert_uint_ne(p.self.ino, p.libyara.ino);
}
END_TEST

START_TEST(key_holds_list_that_changed_is_noticed)
{
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	uint8_t key[KEY_BYTES];

	read_inputs(&in, NULL, "one\n", NULL);
	ck_assert_int_eq(key_of(&programs, &in, NULL, key), 0);
	ck_assert(key_holds(&programs, &in, NULL, key));
	put("b.txt", "two\n");
	ck_assert(!key_holds(&programs, &in, NULL, key));
}
END_TEST

/* An image of one rule as custosd keeps it. */
static int keep(const uint8_t *key)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	_cleanup_(fd_closep) int image = new_memfd();
	struct kept_header h = {0};
	struct ruleset_counts counts;
	uint8_t buf[64 * 1024];
	int fd = new_memfd();
	ssize_t n;

	memcpy(h.magic, KEPT_MAGIC, sizeof(h.magic));
	memcpy(h.key, key, KEY_BYTES);
	read_inputs(&in, "rule a { condition: filesize == 3 }",
	            "0123456789abcdef0123456789abcdef\n",
	            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
	ck_assert_int_eq(build_image(&in, NULL, NULL, NULL, image, &counts, &d), 0);
	ck_assert_int_eq(write(fd, &h, sizeof(h)), sizeof(h));
	ck_assert_int_eq(lseek(image, 0, SEEK_SET), 0);
	while ((n = read(image, buf, sizeof(buf))) > 0)
		ck_assert_int_eq(write(fd, buf, (size_t)n), n);
	return fd;
}

static const uint8_t key_1[KEY_BYTES] = {1}, key_2[KEY_BYTES] = {2};

static off_t size_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_size;
}

/* Nothing is taken and nothing is written. */
static void assert_refused(int fd, const uint8_t *key)
{
	_cleanup_(fd_closep) int out = new_memfd();
	struct ruleset_counts counts;

	ck_assert_int_eq(kept_take(fd, key, out, &counts), -ENOENT);
	ck_assert_int_eq(size_of(out), 0);
}

START_TEST(kept_take_its_key_is_copied)
{
	_cleanup_(fd_closep) int fd = keep(key_1), out = new_memfd();
	struct ruleset_counts counts;
	struct image im;

	ck_assert_int_eq(kept_take(fd, key_1, out, &counts), 0);
	ck_assert_uint_eq(counts.n_yara, 1);
	ck_assert_int_eq(size_of(out), size_of(fd) - (off_t)sizeof(struct kept_header));
	im.size = (size_t)size_of(out);
	im.mem = mmap(NULL, im.size, PROT_READ, MAP_PRIVATE, out, 0);
	ck_assert_ptr_ne(im.mem, MAP_FAILED);
	ck_assert_int_eq(image_check(im.mem, im.size, rules_yara_version()), 0);
	image_unmap(&im);
}
END_TEST

START_TEST(kept_take_other_key_or_none_is_refused)
{
	_cleanup_(fd_closep) int fd = keep(key_1), empty = new_memfd();

	assert_refused(fd, key_2);
	assert_refused(empty, key_1);
	assert_refused(-1, key_1);
}
END_TEST

START_TEST(kept_take_any_byte_changed_is_refused)
{
	_cleanup_(fd_closep) int fd = keep(key_1);
	off_t size = size_of(fd);

	for (off_t at = 0; at < size; at += at < 1024 ? 1 : 997) {
		uint8_t byte, other;

		ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
		other = byte ^ 0x10;
		ck_assert_int_eq(pwrite(fd, &other, 1, at), 1);
		assert_refused(fd, key_1);
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	}
}
END_TEST

START_TEST(kept_take_other_length_is_refused)
{
	_cleanup_(fd_closep) int fd = keep(key_1);
	off_t size = size_of(fd);

	ck_assert_int_eq(ftruncate(fd, size + 1), 0);
	assert_refused(fd, key_1);
	ck_assert_int_eq(ftruncate(fd, size - 1), 0);
	assert_refused(fd, key_1);
	ck_assert_int_eq(ftruncate(fd, sizeof(struct kept_header)), 0);
	assert_refused(fd, key_1);
	ck_assert_int_eq(ftruncate(fd, sizeof(struct kept_header) - 1), 0);
	assert_refused(fd, key_1);
	/* Not even read: it is sparse here, but need not be. */
	ck_assert_int_eq(
		ftruncate(fd, (off_t)(sizeof(struct kept_header) + KEPT_BYTES_MAX + 1)),
		0);
	assert_refused(fd, key_1);
}
END_TEST

/* The same image, @bytes long: zeros behind the last section, and a header that says so. */
static int keep_as_long_as(uint64_t bytes)
{
	struct image_header h;
	int fd = keep(key_1);

	ck_assert_int_eq(pread(fd, &h, sizeof(h), sizeof(struct kept_header)), sizeof(h));
	h.total_bytes = bytes;
	ck_assert_int_eq(image_digest(&h, sizeof(h), h.sha256), 0);
	ck_assert_int_eq(pwrite(fd, &h, sizeof(h), sizeof(struct kept_header)), sizeof(h));
	ck_assert_int_eq(ftruncate(fd, (off_t)(sizeof(struct kept_header) + bytes)), 0);
	return fd;
}

START_TEST(kept_take_size_at_the_limit_is_copied_and_past_it_is_not)
{
	_cleanup_(fd_closep) int largest = keep_as_long_as(KEPT_BYTES_MAX), out = new_memfd();
	_cleanup_(fd_closep) int larger = keep_as_long_as(KEPT_BYTES_MAX + 1);
	struct ruleset_counts counts;

	ck_assert_int_eq(kept_take(largest, key_1, out, &counts), 0);
	ck_assert_int_eq(size_of(out), KEPT_BYTES_MAX);
	assert_refused(larger, key_1);
}
END_TEST

UNIT_MAIN_WITH(setup, teardown, "kept", key_of_same_inputs_is_same, key_of_any_other_input_is_other,
               key_of_other_programs_or_names_is_other, key_programs_finds_both_files,
               key_holds_list_that_changed_is_noticed, kept_take_its_key_is_copied,
               kept_take_other_key_or_none_is_refused, kept_take_any_byte_changed_is_refused,
               kept_take_other_length_is_refused, kept_take_size_at_the_limit_is_copied_and_past_it_is_not)
