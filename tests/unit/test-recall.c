/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/engine.h"
#include "fixture-image.h"
#include "unit.h"

#define MAX_BYTES ((uint64_t)1 << 16)

/* Finds nothing in most files of these tests, and "file 3", "file 13", ... */
#define YARA "rule three { strings: $a = \"3\" condition: $a }"

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

static struct bench bench_empty(const char *yara)
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

static struct finding scan_limit(struct engine *e, const char *text, uint64_t max_bytes,
                                 struct engine_digests *ret)
{
	_cleanup_(fd_closep) int fd = memfd_create("file", MFD_CLOEXEC);
	struct engine_input in = {
		.fd = fd,
		.max_size_bytes = max_bytes,
		.deadline = clock_now() + 30 * NSEC_PER_SEC,
		.ret_digests = ret,
	};
	struct finding f;

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	engine_scan(e, &in, &f);
	return f;
}

static struct finding scan(struct engine *e, const char *text, struct engine_digests *ret)
{
	return scan_limit(e, text, MAX_BYTES, ret);
}

static void check_same(const struct finding *a, const struct finding *b)
{
	ck_assert_str_eq(verdict_name(a->verdict), verdict_name(b->verdict));
	ck_assert_str_eq(reason_name(a->reason), reason_name(b->reason));
	ck_assert_str_eq(a->match.rule, b->match.rule);
	ck_assert_uint_eq(a->size_bytes, b->size_bytes);
	ck_assert(a->partial == b->partial && a->has_sha256 && b->has_sha256);
	ck_assert(memcmp(a->sha256, b->sha256, SHA256_BYTES) == 0);
}

START_TEST(scan_digests_are_handed_out_when_hashed_to_the_end)
{
	struct bench b = bench_empty(NULL);
	struct engine_digests d;
	struct finding f = scan(b.e, "abc", &d);

	ck_assert_uint_eq(d.have, 1U << DIGEST_SHA256);
	ck_assert(memcmp(d.digest[DIGEST_SHA256], f.sha256, SHA256_BYTES) == 0);
	memset(&d, 0xff, sizeof(d));
	f = scan_limit(b.e, "abc", 2, &d);
	ck_assert_int_eq(f.reason, REASON_TOO_LARGE);
	ck_assert_uint_eq(d.have, 0);
	bench_stop(&b);
}
END_TEST

START_TEST(scan_digests_of_each_list_are_handed_out)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++) {
		static const uint8_t abc[N_DIGESTS] = {0xba, 0xa9, 0x90};
		struct engine_digests d;
		struct fixture_image im;
		struct bench b;

		ck_assert_int_eq(engine_global_init(), 0);
		fixture_image_init(&im, NULL);
		fixture_image_hash(&im.block[alg], "abc", 3, HASHDB_ANY_SIZE, "Bad");
		b = bench_start(&im);
		(void)scan(b.e, "abc", &d);
		ck_assert_uint_eq(d.have, 1U << DIGEST_SHA256 | 1U << alg);
		ck_assert_uint_eq(d.digest[alg][0], abc[alg]);
		bench_stop(&b);
	}
}
END_TEST

START_TEST(recall_unlisted_file_is_the_same)
{
	struct bench b = bench_empty(YARA);
	struct engine_digests d;
	struct finding old = scan(b.e, "abc", &d), f;

	ck_assert_int_eq(ruleset_recall(b.rs, &d, 3, true, &f), RECALL_SAME);
	check_same(&f, &old);
	bench_stop(&b);
}
END_TEST

START_TEST(recall_block_list_wins_over_allow_list)
{
	struct bench old = bench_empty(NULL), now;
	struct engine_digests d;
	struct fixture_image im;
	struct finding f;

	(void)scan(old.e, "abc", &d);
	fixture_image_init(&im, NULL);
	fixture_image_hash(&im.block[DIGEST_SHA256], "abc", 3, 3, "Bad");
	fixture_image_hash(&im.allow, "abc", 3, HASHDB_ANY_SIZE, "list");
	now = bench_start(&im);
	ck_assert_int_eq(ruleset_recall(now.rs, &d, 3, true, &f), RECALL_FOUND);
	ck_assert_int_eq(f.verdict, VERDICT_MALICIOUS);
	ck_assert_int_eq(f.reason, REASON_HASH);
	ck_assert_str_eq(f.match.rule, "Bad");
	/* The entry is tied to three bytes; only the allow list is left. */
	ck_assert_int_eq(ruleset_recall(now.rs, &d, 4, true, &f), RECALL_FOUND);
	ck_assert_int_eq(f.verdict, VERDICT_CLEAN);
	ck_assert_int_eq(f.reason, REASON_ALLOWLIST);
	bench_stop(&old);
	bench_stop(&now);
}
END_TEST

START_TEST(recall_digest_that_was_not_computed_is_a_miss)
{
	struct bench old = bench_empty(NULL), now;
	struct engine_digests d;
	struct fixture_image im;
	struct finding f = {.size_bytes = 99};

	(void)scan(old.e, "abc", &d);
	fixture_image_init(&im, NULL);
	/* SHA-256 would do, but the entry of MD5 might have named it. */
	fixture_image_hash(&im.block[DIGEST_SHA256], "abc", 3, 3, "Bad");
	fixture_image_hash(&im.block[DIGEST_MD5], "else", 4, 4, "Else");
	now = bench_start(&im);
	ck_assert_int_eq(ruleset_recall(now.rs, &d, 3, true, &f), RECALL_MISS);
	ck_assert_uint_eq(f.size_bytes, 99);
	d.have = 0;
	ck_assert_int_eq(ruleset_recall(old.rs, &d, 3, true, &f), RECALL_MISS);
	bench_stop(&old);
	bench_stop(&now);
}
END_TEST

START_TEST(recall_allowed_file_off_the_list_needs_the_rules)
{
	struct bench with = bench_empty(YARA), without = bench_empty(NULL);
	struct engine_digests d;
	struct finding f;

	(void)scan(with.e, "abc", &d);
	ck_assert_int_eq(ruleset_recall(with.rs, &d, 3, false, &f), RECALL_MISS);
	ck_assert_int_eq(ruleset_recall(with.rs, &d, 3, true, &f), RECALL_SAME);
	ck_assert_int_eq(ruleset_recall(without.rs, &d, 3, false, &f), RECALL_SAME);
	bench_stop(&with);
	bench_stop(&without);
}
END_TEST

static unsigned pick(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245U + 12345U;
	return (*seed >> 8) % n;
}

static unsigned file_text(unsigned i, char text[16])
{
	return (unsigned)snprintf(text, 16, "file %u", i);
}

#define N_FILES 16

/* Lists of some of the files, by some digests, tied to a right or a wrong size or none.
 * Return: the digests that looking a file up takes. */
static unsigned random_lists(unsigned *seed, struct fixture_image *im)
{
	unsigned n = pick(seed, 12), needed = 1U << DIGEST_SHA256;

	for (unsigned i = 0; i < n; i++) {
		unsigned alg = pick(seed, N_DIGESTS + 2);
		char text[16], name[16];
		unsigned len = file_text(pick(seed, N_FILES), text);
		uint64_t size = pick(seed, 2) ? HASHDB_ANY_SIZE : len - pick(seed, 2);

		(void)snprintf(name, sizeof(name), "entry %u", i);
		fixture_image_hash(alg < N_DIGESTS ? &im->block[alg] : &im->allow, text, len,
		                   size, name);
		if (alg < N_DIGESTS)
			needed |= 1U << alg;
	}
	return needed;
}

static struct bench random_bench(unsigned *seed, const struct rules_compiled *yara, unsigned *ret_needed)
{
	struct fixture_image im;

	fixture_image_init(&im, yara ? YARA : NULL);
	im.compiled = yara;
	*ret_needed = random_lists(seed, &im);
	return bench_start(&im);
}

/* Counts how often each answer was given. */
static void compare(struct bench *old, struct bench *now, unsigned needed, bool has_yara,
                    unsigned n[3])
{
	for (unsigned i = 0; i < N_FILES; i++) {
		struct finding before, fresh, f;
		enum engine_recall r, expected;
		struct engine_digests d;
		bool yara_ran, listed;
		char text[16];

		file_text(i, text);
		before = scan(old->e, text, &d);
		if (before.verdict != VERDICT_CLEAN)
			continue;
		yara_ran = before.reason == REASON_NONE;
		fresh = scan(now->e, text, NULL);
		listed = fresh.reason == REASON_HASH || fresh.reason == REASON_ALLOWLIST;
		expected = needed & ~d.have ? RECALL_MISS :
		           listed ? RECALL_FOUND :
		           has_yara && !yara_ran ? RECALL_MISS : RECALL_SAME;
		r = ruleset_recall(now->rs, &d, before.size_bytes, yara_ran, &f);
		ck_assert_int_eq(r, expected);
		if (r != RECALL_MISS)
			check_same(&f, &fresh);
		n[r]++;
	}
}

START_TEST(recall_random_lists_agree_with_a_new_scan)
{
	_cleanup_(rules_compiled_freep) struct rules_compiled *rules = NULL;
	unsigned seed = 7, n[3] = {0}, needed;

	ck_assert_int_eq(engine_global_init(), 0);
	rules = fixture_compile(YARA); /* the lists differ, the rules do not */
	for (unsigned i = 0; i < 300; i++) {
		const struct rules_compiled *yara = i % 2 ? rules : NULL;
		struct bench old = random_bench(&seed, yara, &needed);
		struct bench now = random_bench(&seed, yara, &needed);

		compare(&old, &now, needed, yara, n);
		bench_stop(&old);
		bench_stop(&now);
	}
	/* Every answer is common, else this would prove nothing. */
	for (unsigned i = 0; i < ARRAY_SIZE(n); i++)
		ck_assert_uint_gt(n[i], 200);
}
END_TEST

UNIT_MAIN("recall", scan_digests_are_handed_out_when_hashed_to_the_end,
          scan_digests_of_each_list_are_handed_out, recall_unlisted_file_is_the_same,
          recall_block_list_wins_over_allow_list,
          recall_digest_that_was_not_computed_is_a_miss,
          recall_allowed_file_off_the_list_needs_the_rules,
          recall_random_lists_agree_with_a_new_scan)
