/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/eicar.h"
#include "custos/engine.h"
#include "custos/filetype.h"
#include "fixture-eicar.h"
#include "fixture-image.h"
#include "fixture-locked.h"
#include "unit.h"

#define MAX_BYTES ((uint64_t)4 << 20)

struct bench {
	struct ruleset *rs;
	struct engine *e;
};

static struct bench bench_start(struct fixture_image *f)
{
	_cleanup_(fd_closep) int fd = fixture_image_fd(f, true);
	struct bench b;

	ck_assert_int_eq(ruleset_load(fd, -1, &b.rs), 0);
	ck_assert_int_eq(engine_new(b.rs, MAX_BYTES, &b.e), 0);
	return b;
}

static struct bench bench_with_yara(const char *yara)
{
	struct fixture_image f;

	ck_assert_int_eq(engine_global_init(), 0);
	fixture_image_init(&f, yara);
	return bench_start(&f);
}

static void bench_stop(struct bench *b)
{
	b->e = engine_free(b->e);
	b->rs = ruleset_free(b->rs);
}

static struct finding scan_fd(struct engine *e, int fd, const char *path)
{
	struct engine_input in = {
		.fd = fd,
		.path = path,
		.max_size_bytes = MAX_BYTES,
		.deadline = clock_now() + 30 * NSEC_PER_SEC,
	};
	struct finding f;

	engine_scan(e, &in, &f);
	return f;
}

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	return fd;
}

static struct finding scan_path(struct engine *e, const void *data, size_t len,
                                const char *path)
{
	_cleanup_(fd_closep) int fd = file_of(data, len);

	return scan_fd(e, fd, path);
}

static struct finding scan(struct engine *e, const char *text)
{
	return scan_path(e, text, strlen(text), NULL);
}

static void check(const struct finding *f, enum verdict v, enum reason r, const char *rule)
{
	ck_assert_str_eq(verdict_name(f->verdict), verdict_name(v));
	ck_assert_str_eq(reason_name(f->reason), reason_name(r));
	ck_assert_str_eq(f->match.rule, rule);
}

START_TEST(scan_clean_file_has_digest_and_size)
{
	static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf};
	struct bench b = bench_with_yara(NULL);
	_cleanup_(fd_closep) int fd = file_of("abc", 3);
	struct finding f = scan_fd(b.e, fd, NULL);

	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	ck_assert_uint_eq(f.size_bytes, 3);
	ck_assert(f.has_sha256 && !f.partial);
	ck_assert(memcmp(f.sha256, abc, sizeof(abc)) == 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 3); /* the offset is the opener's */
	f = scan(b.e, "");
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	ck_assert_uint_eq(f.size_bytes, 0);
	bench_stop(&b);
}
END_TEST

START_TEST(scan_eicar_variants_follow_the_specification)
{
	struct bench b = bench_with_yara(NULL);
	char text[EICAR_MAX_BYTES + 2];
	size_t len = fixture_eicar(text);
	struct finding f;

	f = scan_path(b.e, text, len, NULL);
	check(&f, VERDICT_MALICIOUS, REASON_EICAR, "EICAR-Test-File");
	memset(text + len, ' ', sizeof(text) - len);
	f = scan_path(b.e, text, EICAR_MAX_BYTES, NULL);
	check(&f, VERDICT_MALICIOUS, REASON_EICAR, "EICAR-Test-File");
	f = scan_path(b.e, text, EICAR_MAX_BYTES + 1, NULL);
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	text[30] |= 0x20; /* a lower-case letter */
	f = scan_path(b.e, text, len, NULL);
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	fixture_eicar(text + 1);
	f = scan_path(b.e, text, len + 1, NULL);
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	bench_stop(&b);
}
END_TEST

START_TEST(scan_block_list_of_each_algorithm_matches)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++) {
		struct fixture_image im;
		struct finding f;
		struct bench b;

		ck_assert_int_eq(engine_global_init(), 0);
		fixture_image_init(&im, NULL);
		fixture_image_hash(&im.block[alg], "bad", 3, HASHDB_ANY_SIZE, "Bad");
		fixture_image_hash(&im.block[alg], "sized", 5, 5, "Sized");
		fixture_image_hash(&im.block[alg], "other", 5, 6, "Other");
		b = bench_start(&im);
		f = scan(b.e, "bad");
		check(&f, VERDICT_MALICIOUS, REASON_HASH, "Bad");
		f = scan(b.e, "sized");
		check(&f, VERDICT_MALICIOUS, REASON_HASH, "Sized");
		f = scan(b.e, "other");
		check(&f, VERDICT_CLEAN, REASON_NONE, "");
		f = scan(b.e, "bad ");
		check(&f, VERDICT_CLEAN, REASON_NONE, "");
		bench_stop(&b);
	}
}
END_TEST

START_TEST(scan_order_is_eicar_block_allow_rules)
{
	struct fixture_image im;
	struct finding f;
	struct bench b;
	char text[EICAR_MAX_BYTES];
	size_t len = fixture_eicar(text);

	ck_assert_int_eq(engine_global_init(), 0);
	fixture_image_init(&im, "rule every { condition: true }");
	fixture_image_hash(&im.allow, text, len, HASHDB_ANY_SIZE, "list");
	fixture_image_hash(&im.block[DIGEST_MD5], "both", 4, HASHDB_ANY_SIZE, "Bad");
	fixture_image_hash(&im.allow, "both", 4, HASHDB_ANY_SIZE, "list");
	fixture_image_hash(&im.allow, "good", 4, HASHDB_ANY_SIZE, "list");
	b = bench_start(&im);
	f = scan_path(b.e, text, len, NULL);
	check(&f, VERDICT_MALICIOUS, REASON_EICAR, "EICAR-Test-File");
	f = scan(b.e, "both");
	check(&f, VERDICT_MALICIOUS, REASON_HASH, "Bad");
	f = scan(b.e, "good");
	check(&f, VERDICT_CLEAN, REASON_ALLOWLIST, "list");
	f = scan(b.e, "rest");
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "every");
	bench_stop(&b);
}
END_TEST

START_TEST(scan_rule_of_level_log_is_a_match_that_only_logs)
{
	struct bench b = bench_with_yara(
		"rule logs { meta: level = \"log\" strings: $a = \"a mark\" condition: $a } "
		"rule denies { strings: $b = \"another\" condition: $b }");
	struct finding f = scan(b.e, "a mark");

	check(&f, VERDICT_MALICIOUS, REASON_YARA, "logs");
	ck_assert(f.log_only && !f.partial);
	f = scan(b.e, "a mark and another");
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "denies");
	ck_assert(!f.log_only);
	f = scan(b.e, "no mork");
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	ck_assert(!f.log_only);
	bench_stop(&b);
}
END_TEST

START_TEST(scan_rules_see_the_variables_of_this_file)
{
	struct bench b = bench_with_yara(
		"rule n { condition: filename == \"a.b.PHP\" and filepath == \"/srv/www\" and "
		"extension == \".php\" and filetype == \"ELF\" } "
		"rule hidden { condition: filename == \".profile\" and extension == \"\" and "
		"filepath == \"\" } "
		"rule owner_ { condition: filename == \"owner\" and owner == \"root\" }");
	struct finding f;

	f = scan_path(b.e, "\x7f" "ELF", 4, "/srv/www/a.b.PHP");
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "n");
	f = scan_path(b.e, "x", 1, "/srv/www/a.b.PHP");
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	f = scan_path(b.e, "x", 1, "/.profile");
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "hidden");
	f = scan_path(b.e, "x", 1, NULL);
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	f = scan_path(b.e, "x", 1, "owner");
	check(&f, geteuid() == 0 ? VERDICT_MALICIOUS : VERDICT_CLEAN,
	      geteuid() == 0 ? REASON_YARA : REASON_NONE, geteuid() == 0 ? "owner_" : "");
	bench_stop(&b);
}
END_TEST

/* Sparse file of @size bytes with a marker at the end. */
static int file_with_tail(uint64_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(pwrite(fd, "MARK", 4, (off_t)size - 4), 4);
	return fd;
}

static void check_limit(const char *yara)
{
	struct bench b = bench_with_yara(yara);
	int at = file_with_tail(MAX_BYTES), over = file_with_tail(MAX_BYTES + 1);
	struct finding f;

	f = scan_fd(b.e, at, NULL);
	ck_assert_int_eq(f.verdict, yara ? VERDICT_MALICIOUS : VERDICT_CLEAN);
	ck_assert_uint_eq(f.size_bytes, MAX_BYTES);
	f = scan_fd(b.e, over, NULL);
	check(&f, VERDICT_ERROR, REASON_TOO_LARGE, "");
	ck_assert(f.partial && !f.has_sha256);
	ck_assert_uint_eq(f.size_bytes, 0);
	fd_close(at);
	fd_close(over);
	bench_stop(&b);
}

START_TEST(scan_size_at_limit_is_judged_and_over_it_is_not)
{
	check_limit(NULL);
	check_limit("rule m { strings: $a = \"MARK\" condition: $a at filesize - 4 }");
}
END_TEST

START_TEST(scan_limit_of_the_input_below_the_engines_counts)
{
	struct bench b = bench_with_yara(NULL);
	_cleanup_(fd_closep) int fd = file_of("12345", 5);
	struct engine_input in = {.fd = fd, .deadline = clock_now() + NSEC_PER_SEC};
	struct finding f;

	in.max_size_bytes = 5;
	engine_scan(b.e, &in, &f);
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	in.max_size_bytes = 4;
	engine_scan(b.e, &in, &f);
	check(&f, VERDICT_ERROR, REASON_TOO_LARGE, "");
	bench_stop(&b);
}
END_TEST

START_TEST(scan_deadline_in_the_past_is_a_timeout)
{
	struct bench b = bench_with_yara("rule every { condition: true }");
	_cleanup_(fd_closep) int fd = file_of("x", 1);
	struct engine_input in = {.fd = fd, .max_size_bytes = MAX_BYTES, .deadline = 1};
	struct finding f;

	engine_scan(b.e, &in, &f);
	check(&f, VERDICT_ERROR, REASON_TIMEOUT, "");
	ck_assert(f.partial);
	f = scan(b.e, "x");
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "every");
	bench_stop(&b);
}
END_TEST

START_TEST(scan_unreadable_input_is_an_io_error)
{
	struct bench b = bench_with_yara(NULL);
	_cleanup_(fd_closep) int writeonly = open("/dev/null", O_WRONLY | O_CLOEXEC);
	_cleanup_(fd_closep) int path = open("/", O_PATH | O_CLOEXEC);
	struct finding f;

	f = scan_fd(b.e, -1, NULL);
	check(&f, VERDICT_ERROR, REASON_IO, "");
	f = scan_fd(b.e, writeonly, NULL);
	check(&f, VERDICT_ERROR, REASON_IO, "");
	f = scan_fd(b.e, path, NULL);
	check(&f, VERDICT_ERROR, REASON_IO, "");
	bench_stop(&b);
}
END_TEST

/* The same bytes judged by chunk and from the whole buffer have the same digest. */
START_TEST(scan_large_file_digest_is_the_same_with_and_without_rules)
{
	struct bench plain = bench_with_yara(NULL);
	struct bench rules = bench_with_yara("rule no { condition: false }");
	size_t len = (3 << 20) + 12345;
	uint8_t *data = malloc(len);
	struct finding a, b;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);
	a = scan_path(plain.e, data, len, NULL);
	b = scan_path(rules.e, data, len, NULL);
	check(&a, VERDICT_CLEAN, REASON_NONE, "");
	check(&b, VERDICT_CLEAN, REASON_NONE, "");
	ck_assert_uint_eq(a.size_bytes, len);
	ck_assert(memcmp(a.sha256, b.sha256, SHA256_BYTES) == 0);
	/* Pages given back read as zero; a smaller file must not see old bytes either. */
	b = scan_path(rules.e, data, 10, NULL);
	a = scan_path(plain.e, data, 10, NULL);
	ck_assert(memcmp(a.sha256, b.sha256, SHA256_BYTES) == 0);
	free(data);
	bench_stop(&plain);
	bench_stop(&rules);
}
END_TEST

static void *scan_many(void *userdata)
{
	struct engine *e = userdata;

	for (unsigned i = 0; i < 500; i++) {
		struct finding f = scan(e, i % 2 ? "a needle" : "a haystack");

		/* check() is for the main thread only */
		if (f.verdict != (i % 2 ? VERDICT_MALICIOUS : VERDICT_CLEAN))
			return "wrong verdict";
	}
	return NULL;
}

static bool knows(void *userdata, const uint8_t *sha256, uint64_t size_bytes)
{
	unsigned *asked = userdata;

	ck_assert_uint_eq(size_bytes, 6);
	++*asked;
	return sha256[0] == 0x09; /* "needle" */
}

START_TEST(scan_known_bytes_spare_the_rules_but_not_the_lists)
{
	struct bench b = bench_with_yara("rule n { strings: $a = /(ne|ba)edle/ condition: $a }");
	_cleanup_(fd_closep) int fd = file_of("needle", 6), other = file_of("baedle", 6);
	unsigned asked = 0;
	struct engine_input in = {
		.fd = fd,
		.max_size_bytes = MAX_BYTES,
		.deadline = clock_now() + 30 * NSEC_PER_SEC,
		.known_clean = knows,
		.userdata = &asked,
	};
	struct finding f;

	engine_scan(b.e, &in, &f);
	check(&f, VERDICT_CLEAN, REASON_NONE, ""); /* or the rule would match */
	ck_assert(f.has_sha256 && !f.partial);
	in.fd = other;
	engine_scan(b.e, &in, &f);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "n");
	ck_assert_uint_eq(asked, 2);
	bench_stop(&b);
}
END_TEST

START_TEST(scan_two_engines_share_one_rule_set)
{
	struct bench b = bench_with_yara("rule n { strings: $a = \"needle\" condition: $a }");
	struct engine *second;
	pthread_t t[2];
	void *r;

	ck_assert_int_eq(engine_new(b.rs, MAX_BYTES, &second), 0);
	ck_assert_int_eq(pthread_create(&t[0], NULL, scan_many, b.e), 0);
	ck_assert_int_eq(pthread_create(&t[1], NULL, scan_many, second), 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(t[i], &r), 0);
		ck_assert_ptr_null(r);
	}
	engine_free(second);
	bench_stop(&b);
}
END_TEST

START_TEST(filetype_name_knows_prefixes_only_when_complete)
{
	ck_assert_str_eq(filetype_name("\x7f" "ELF\x02", 5), "ELF");
	ck_assert_str_eq(filetype_name("\x7f" "ELF", 3), "");
	ck_assert_str_eq(filetype_name("MZ", 2), "EXE");
	ck_assert_str_eq(filetype_name("#!/bin/sh", 9), "SCRIPT");
	ck_assert_str_eq(filetype_name("", 0), "");
}
END_TEST

/* MADV_DONTNEED refuses locked pages. */
START_TEST(release_gives_back_locked_memory_of_large_files)
{
	static uint8_t data[MAX_BYTES];
	struct bench b = bench_with_yara("rule r { strings: $a = \"none\" condition: $a }");
	const bool locked = fixture_lock_all();
	_cleanup_(fd_closep) int fd = file_of(memset(data, 'x', sizeof(data)), sizeof(data));
	struct engine_input in = {.fd = fd, .max_size_bytes = MAX_BYTES, .keep_bytes = true,
	                          .deadline = clock_now() + 30 * NSEC_PER_SEC};
	const uint8_t *bytes;
	struct finding f;
	size_t len;

	engine_scan(b.e, &in, &f);
	ck_assert_int_eq(f.verdict, VERDICT_CLEAN);
	bytes = engine_bytes(b.e, &len);
	ck_assert_uint_eq(len, sizeof(data));
	ck_assert_uint_gt(fixture_pages_there(bytes, len), 0);
	engine_release(b.e);
	ck_assert_msg(fixture_pages_there(bytes + len / 2, len / 2) == 0, "locked: %d", locked);
	bench_stop(&b);
}
END_TEST

UNIT_MAIN("engine", scan_clean_file_has_digest_and_size,
          scan_eicar_variants_follow_the_specification,
          scan_block_list_of_each_algorithm_matches, scan_order_is_eicar_block_allow_rules,
          scan_rule_of_level_log_is_a_match_that_only_logs,
          scan_rules_see_the_variables_of_this_file,
          scan_size_at_limit_is_judged_and_over_it_is_not,
          scan_limit_of_the_input_below_the_engines_counts,
          scan_deadline_in_the_past_is_a_timeout, scan_unreadable_input_is_an_io_error,
          scan_large_file_digest_is_the_same_with_and_without_rules,
          scan_known_bytes_spare_the_rules_but_not_the_lists,
          scan_two_engines_share_one_rule_set,
          filetype_name_knows_prefixes_only_when_complete,
          release_gives_back_locked_memory_of_large_files)
