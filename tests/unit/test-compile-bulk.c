/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: large lists in an image of their own, which later generations share */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "custos/cleanup.h"
#include "custos/engine.h"
#include "custos/image.h"
#include "unit.h"

#define N          2000 /* hashes of the large list */
#define BULK_BYTES 20000
#define LINE_BYTES 76 /* of put_large() */

static char dir[64];

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

static const char *below(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* What stands in the large list, and what a small one adds. */
struct content {
	unsigned first, end;   /* digests number first to end - 1 */
	unsigned with_size;    /* this one only for files of 5 bytes, and of 6; 0: none */
	bool one_size_gone;    /* only of 5 */
	const char *name;      /* of number end - 1; NULL: that of the list */
	const char *small;     /* text of another list, or NULL */
	const char *ignored;   /* text of an .ign2 file, or NULL */
	const char *allow;     /* text of a small allow list, or NULL */
};

static void digest_of(unsigned i, uint8_t ret[DIGEST_MAX_BYTES])
{
	uint64_t x = i * 0x9e3779b97f4a7c15U;

	for (unsigned k = 0; k < DIGEST_MAX_BYTES; k++) {
		x = x * 6364136223846793005U + 1442695040888963407U;
		ret[k] = (uint8_t)(x >> 56);
	}
}

static void hex_of(unsigned i, char ret[65])
{
	uint8_t d[DIGEST_MAX_BYTES];

	digest_of(i, d);
	for (unsigned k = 0; k < DIGEST_MAX_BYTES; k++)
		(void)snprintf(ret + 2 * k, 3, "%02x", d[k]);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(below(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void put_large(const struct content *c)
{
	FILE *f = fopen(below("large.hsb"), "w");
	char hex[65];

	ck_assert_ptr_nonnull(f);
	for (unsigned i = c->first; i < c->end; i++) {
		hex_of(i, hex);
		if (i == c->with_size && i) {
			fprintf(f, "%s:5:five\n", hex);
			if (!c->one_size_gone)
				fprintf(f, "%s:6:six\n", hex);
		} else {
			fprintf(f, "%s:*:%s:73\n", hex, c->name && i == c->end - 1 ? c->name : "large");
		}
	}
	ck_assert_int_eq(fclose(f), 0);
}

/* One generation. */
struct made {
	int image, out, used; /* used: out, or that of an earlier one */
	char source[BULK_SOURCE_BYTES];
	struct ruleset *rs;
	struct ruleset_counts counts;
};

static int new_memfd(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void read_inputs(struct inputs *in, const struct content *c)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	put_large(c);
	ck_assert_int_eq(inputs_add_block(in, below("large.hsb"), &d), 0);
	if (c->small) {
		put("small.txt", c->small);
		ck_assert_int_eq(inputs_add_block(in, below("small.txt"), &d), 0);
	}
	if (c->ignored) {
		put("names.ign2", c->ignored);
		ck_assert_int_eq(inputs_add_block(in, below("names.ign2"), &d), 0);
	}
	if (c->allow) {
		put("allow.txt", c->allow);
		ck_assert_int_eq(inputs_add_allow(in, below("allow.txt"), &d), 0);
	}
	in->bulk_from = BULK_BYTES;
}

/* @earlier: NULL for none */
static struct made make(const struct content *c, const struct made *earlier)
{
	_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(bulk_deinit) struct bulk b;
	struct made m = {.image = new_memfd(), .out = new_memfd()};
	char option[128];

	read_inputs(&in, c);
	bulk_init(&b);
	b.out_fd = m.out;
	if (earlier) {
		(void)snprintf(option, sizeof(option), "%d:%s", earlier->used, earlier->source);
		ck_assert(bulk_parse(option, &b));
	}
	ck_assert_int_eq(bulk_open(&b, &in), 0);
	ck_assert_int_eq(build_image(&in, NULL, &b, NULL, m.image, &m.counts, &d), 0);
	ck_assert_uint_eq(d.n_total, 0);
	m.used = b.used_fd;
	memcpy(m.source, b.used_fd == m.out ? b.now : b.source, sizeof(m.source));
	ck_assert_int_eq(image_seal(m.image), 0);
	ck_assert_int_eq(image_verify(m.image), 0);
	ck_assert_int_eq(ruleset_load(m.image, m.used, &m.rs), 0);
	return m;
}

static void drop(struct made *m)
{
	ruleset_freep(&m->rs);
	(void)close(m->image);
	(void)close(m->out);
}

/* The name under which a file of this digest and size is refused; "": it is not. */
static const char *refused_as(const struct made *m, unsigned i, uint64_t size)
{
	struct engine_digests d = {.have = (1U << N_DIGESTS) - 1};
	static struct finding f;

	digest_of(i, d.digest[DIGEST_SHA256]);
	if (ruleset_recall(m->rs, &d, size, true, &f) != RECALL_FOUND)
		return "";
	return f.verdict == VERDICT_MALICIOUS ? f.match.rule : "allowed";
}

/* Exactly those of the list are refused. */
static void check_range(const struct made *m, unsigned first, unsigned end)
{
	for (unsigned i = 0; i < 2 * N; i++)
		ck_assert_msg(!*refused_as(m, i, 1) == !(i >= first && i < end), "%u", i);
	ck_assert_uint_eq(m->counts.n_hashes, end - first);
}

START_TEST(make_first_bulk_is_new)
{
	struct made m = make(&(struct content){.end = N}, NULL);
	struct ruleset *none;

	ck_assert_int_eq(m.used, m.out);
	ck_assert_uint_eq(strlen(m.source), 64);
	check_range(&m, 0, N);
	ck_assert_str_eq(refused_as(&m, 7, 1), "large");
	/* the image alone is not what was asked for */
	ck_assert_int_eq(ruleset_load(m.image, -1, &none), -EBADMSG);
	ck_assert_int_eq(ruleset_load(m.image, m.image, &none), -EBADMSG);
	ck_assert_int_eq(ruleset_load(m.used, m.used, &none), -EBADMSG);
	drop(&m);
}
END_TEST

START_TEST(make_small_lists_alone_have_no_bulk)
{
	/* one line less, one byte too little */
	const unsigned below_limit = (BULK_BYTES - 1) / LINE_BYTES, at_limit = (BULK_BYTES + LINE_BYTES - 1) / LINE_BYTES;
	struct made m = make(&(struct content){.end = below_limit}, NULL);

	ck_assert_int_eq(m.used, -1);
	check_range(&m, 0, below_limit);
	drop(&m);
	m = make(&(struct content){.end = at_limit}, NULL);
	ck_assert_int_eq(m.used, m.out);
	check_range(&m, 0, at_limit);
	drop(&m);
}
END_TEST

START_TEST(make_same_lists_share_the_bulk)
{
	struct made first = make(&(struct content){.end = N}, NULL);
	struct made second = make(&(struct content){.end = N}, &first);
	char hex[66];

	ck_assert_int_eq(second.used, first.used);
	ck_assert_str_eq(second.source, first.source);
	check_range(&second, 0, N);
	ck_assert_mem_eq(ruleset_hash_id(first.rs), ruleset_hash_id(second.rs), RULESET_ID_BYTES);
	drop(&second);
	/* another small list changes nothing in the bulk */
	hex_of(N, hex);
	second = make(&(struct content){.end = N, .small = hex}, &first);
	ck_assert_int_eq(second.used, first.used);
	check_range(&second, 0, N + 1);
	ck_assert_str_eq(refused_as(&second, N, 1), "small.txt");
	ck_assert_mem_ne(ruleset_hash_id(first.rs), ruleset_hash_id(second.rs), RULESET_ID_BYTES);
	drop(&second);
	drop(&first);
}
END_TEST

START_TEST(make_one_more_and_one_less_share_the_bulk)
{
	struct made first = make(&(struct content){.end = N}, NULL);
	struct made second = make(&(struct content){.first = 1, .end = N + 1, .name = "new"}, &first);
	struct made third;

	ck_assert_int_eq(second.used, first.used);
	check_range(&second, 1, N + 1);
	ck_assert_str_eq(refused_as(&second, N, 1), "new");
	/* and back: what was withdrawn counts again */
	third = make(&(struct content){.end = N}, &second);
	ck_assert_int_eq(third.used, first.used);
	check_range(&third, 0, N);
	drop(&third);
	drop(&second);
	drop(&first);
}
END_TEST

START_TEST(make_shares_up_to_a_sixteenth_of_change)
{
	struct made first = make(&(struct content){.end = N}, NULL);
	struct made at = make(&(struct content){.end = N + N / 16}, &first);
	struct made past = make(&(struct content){.end = N + N / 16 + 1}, &first);
	struct made gone = make(&(struct content){.first = N / 16, .end = N}, &first);
	struct made too_many_gone = make(&(struct content){.first = N / 16 + 1, .end = N}, &first);

	ck_assert_int_eq(at.used, first.used);
	check_range(&at, 0, N + N / 16);
	ck_assert_int_eq(past.used, past.out);
	check_range(&past, 0, N + N / 16 + 1);
	ck_assert_int_eq(gone.used, first.used);
	check_range(&gone, N / 16, N);
	ck_assert_int_eq(too_many_gone.used, too_many_gone.out);
	check_range(&too_many_gone, N / 16 + 1, N);
	drop(&too_many_gone);
	drop(&gone);
	drop(&past);
	drop(&at);
	drop(&first);
}
END_TEST

START_TEST(make_one_size_of_a_digest_can_go)
{
	struct made first = make(&(struct content){.end = N, .with_size = 9}, NULL);
	struct made second = make(&(struct content){.end = N, .with_size = 9, .one_size_gone = true}, &first);

	ck_assert_str_eq(refused_as(&first, 9, 5), "five");
	ck_assert_str_eq(refused_as(&first, 9, 6), "six");
	ck_assert_str_eq(refused_as(&first, 9, 7), "");
	ck_assert_uint_eq(first.counts.n_hashes, N + 1);
	ck_assert_int_eq(second.used, first.used);
	ck_assert_str_eq(refused_as(&second, 9, 5), "five");
	ck_assert_str_eq(refused_as(&second, 9, 6), "");
	ck_assert_uint_eq(second.counts.n_hashes, N);
	drop(&second);
	drop(&first);
}
END_TEST

START_TEST(make_another_name_is_told)
{
	struct made first = make(&(struct content){.end = N, .name = "old"}, NULL);
	struct made second = make(&(struct content){.end = N, .name = "new"}, &first);

	ck_assert_str_eq(refused_as(&first, N - 1, 1), "old");
	ck_assert_int_eq(second.used, first.used);
	ck_assert_str_eq(refused_as(&second, N - 1, 1), "new");
	check_range(&second, 0, N);
	drop(&second);
	drop(&first);
}
END_TEST

START_TEST(make_ignored_names_and_allowed_files_count)
{
	struct made first = make(&(struct content){.end = N, .name = "odd"}, NULL);
	struct made second = make(&(struct content){.end = N, .name = "odd", .ignored = "odd\n"}, &first);
	char hex[66];

	ck_assert_int_eq(second.used, first.used);
	check_range(&second, 0, N - 1);
	drop(&second);
	/* what was withdrawn from the one kind of list can stand on the other */
	hex_of(0, hex);
	second = make(&(struct content){.first = 1, .end = N, .allow = hex}, &first);
	ck_assert_str_eq(refused_as(&second, 0, 1), "allowed");
	ck_assert_str_eq(refused_as(&second, 1, 1), "large");
	drop(&second);
	drop(&first);
}
END_TEST

START_TEST(make_nothing_else_is_taken_for_a_bulk)
{
	struct made first = make(&(struct content){.end = N}, NULL), other = first, second;
	char option[128];
	struct stat st;
	void *p;

	/* the same bytes, but somebody may still change them */
	other.used = new_memfd();
	ck_assert_int_eq(fstat(first.used, &st), 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, first.used, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(write(other.used, p, (size_t)st.st_size), st.st_size);
	(void)munmap(p, (size_t)st.st_size);
	second = make(&(struct content){.end = N}, &other);
	ck_assert_int_eq(second.used, second.out);
	drop(&second);
	/* cut, and sealed */
	ck_assert_int_eq(ftruncate(other.used, st.st_size / 2), 0);
	ck_assert_int_eq(image_seal(other.used), 0);
	second = make(&(struct content){.end = N}, &other);
	ck_assert_int_eq(second.used, second.out);
	drop(&second);
	(void)close(other.used);
	other.used = 9999;
	second = make(&(struct content){.end = N}, &other);
	ck_assert_int_eq(second.used, second.out);
	drop(&second);
	/* nobody knows what it was made of: it is compared, and can stay */
	other = first;
	(void)snprintf(other.source, sizeof(other.source), "-");
	(void)snprintf(option, sizeof(option), "%d:-", first.used);
	second = make(&(struct content){.end = N}, &other);
	ck_assert_int_eq(second.used, first.used);
	check_range(&second, 0, N);
	drop(&second);
	drop(&first);
}
END_TEST

START_TEST(make_wrong_lines_are_told_once)
{
	struct made first = make(&(struct content){.end = N}, NULL);

	/* compared, and, when nearly all is new, read again */
	for (unsigned n = 1; n <= 2; n++) {
		_cleanup_(inputs_deinit) struct inputs in = INPUTS_NULL;
		_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
		_cleanup_(bulk_deinit) struct bulk b;
		_cleanup_(fd_closep) int image = new_memfd(), out = new_memfd();
		struct ruleset_counts counts;
		FILE *f;

		read_inputs(&in, &(struct content){.end = n * N});
		f = fopen(below("large.hsb"), "r+");
		ck_assert_ptr_nonnull(f);
		ck_assert_int_ge(fputs("wrong", f), 0);
		ck_assert_int_eq(fclose(f), 0);
		bulk_init(&b);
		b.out_fd = out;
		b.earlier_fd = first.used;
		memcpy(b.source, first.source, sizeof(b.source));
		ck_assert_int_eq(bulk_open(&b, &in), 0);
		ck_assert_int_eq(build_image(&in, NULL, &b, NULL, image, &counts, &d), -EINVAL);
		ck_assert_uint_eq(d.n_total, 1);
		ck_assert_uint_eq(d.items[0].line, 1);
		ck_assert_int_eq(b.used_fd, -1);
	}
	drop(&first);
}
END_TEST

START_TEST(parse_is_strict)
{
	static const char *const bad[] = {"", "-", "x", "4", "4:", "4:ab", "-1:-", ":", ":-", "4:--"};
	struct bulk b;

	bulk_init(&b);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!bulk_parse(bad[i], &b), "%s", bad[i]);
	ck_assert(bulk_parse("4:-", &b));
	ck_assert_int_eq(b.earlier_fd, 4);
	bulk_deinit(&b);
}
END_TEST

UNIT_MAIN_WITH(setup, teardown, "compile-bulk", make_first_bulk_is_new, make_small_lists_alone_have_no_bulk,
               make_same_lists_share_the_bulk, make_one_more_and_one_less_share_the_bulk,
               make_shares_up_to_a_sixteenth_of_change, make_one_size_of_a_digest_can_go,
               make_another_name_is_told, make_ignored_names_and_allowed_files_count,
               make_nothing_else_is_taken_for_a_bulk, make_wrong_lines_are_told_once, parse_is_strict)
