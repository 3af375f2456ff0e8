/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/unpack.h"
#include "fixture-archive.h"
#include "fixture-eicar.h"
#include "fixture-image.h"
#include "unit.h"

#define MAX_BYTES ((uint64_t)4 << 20)

static const char rules[] =
	"rule needle { strings: $a = \"needle in the hay\" condition: $a } "
	"rule php { condition: extension == \".php\" and filepath == \"dir\" and "
	"filesize == 7 } "
	"rule slow { strings: $a = \"slow\" $r = /s(a|b|ab)*c/ condition: $a and #r > "
	"100000 } ";

struct bench {
	struct ruleset *rs;
	struct engine *e;
	struct arc_walker *w;
	struct payload_walker *p;
	struct fixture_image image;
};

static void bench_begin(struct bench *b, const char *yara)
{
	ck_assert_int_eq(engine_global_init(), 0);
	ck_assert_int_eq(arc_global_init(), 0);
	fixture_image_init(&b->image, yara);
}

static void bench_end(struct bench *b, const struct arc_limits *l)
{
	_cleanup_(fd_closep) int fd = fixture_image_fd(&b->image, true);

	ck_assert_int_eq(ruleset_load(fd, -1, &b->rs), 0);
	ck_assert_int_eq(engine_new(b->rs, MAX_BYTES, &b->e), 0);
	ck_assert_int_eq(arc_walker_new(l ? l : &arc_limits_default, &b->w), 0);
	ck_assert_int_eq(payload_walker_new(&payload_limits_default, &b->p), 0);
}

static void bench_stop(struct bench *b)
{
	b->w = arc_walker_free(b->w);
	b->p = payload_walker_free(b->p);
	b->e = engine_free(b->e);
	b->rs = ruleset_free(b->rs);
}

static bool known(void *userdata, const uint8_t *sha256, uint64_t size_bytes)
{
	(void)sha256;
	(void)size_bytes;
	++*(unsigned *)userdata;
	return true;
}

static struct finding scan(struct bench *b, const struct blob *file, unsigned *n_known)
{
	_cleanup_(fd_closep) int fd = memfd_create("file", MFD_CLOEXEC);
	const struct engine_input in = {
		.fd = fd,
		.path = "/srv/file.gz",
		.max_size_bytes = 2 * MAX_BYTES,
		.deadline = clock_now() + 30 * NSEC_PER_SEC,
		.keep_bytes = true,
		.known_clean = n_known ? known : NULL,
		.userdata = n_known,
	};
	struct finding f;
	size_t len;

	ck_assert_int_eq(write(fd, file->buf, file->len), (ssize_t)file->len);
	engine_scan(b->e, &in, &f);
	unpack_judge(b->w, b->p, b->e, &in, NULL, &f);
	(void)engine_bytes(b->e, &len);
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_eq(f.size_bytes, file->len);
	ck_assert(f.has_sha256);
	return f;
}

static void check(const struct finding *f, enum verdict v, enum reason r,
                  const char *rule, const char *member)
{
	char at[MEMBER_PLACE_BYTES];

	member_place_text(&f->member, at);
	ck_assert_str_eq(verdict_name(f->verdict), verdict_name(v));
	ck_assert_str_eq(reason_name(f->reason), reason_name(r));
	ck_assert_str_eq(f->match.rule, rule);
	ck_assert_str_eq(at, member);
	ck_assert_int_eq(f->partial, v == VERDICT_ERROR);
}

static struct blob zip_of(const char *name, const void *data, size_t len)
{
	const struct fixture_member m[] = {
		{"first", "1", 1}, {name, data, len}, {"last", "3", 1}};

	return fixture_pack("zip", "none", NULL, m, 3);
}

static void check_zip(struct bench *b, const char *name, const void *data, size_t len,
                      enum verdict v, enum reason r, const char *rule,
                      const char *member)
{
	struct blob zip = zip_of(name, data, len);
	struct finding f = scan(b, &zip, NULL);

	check(&f, v, r, rule, member);
	blob_free(&zip);
}

START_TEST(judge_without_rules_finds_eicar_and_hashes)
{
	struct bench b;
	char eicar[69];
	size_t len = fixture_eicar(eicar);

	bench_begin(&b, NULL);
	fixture_image_hash(&b.image.block[DIGEST_SHA256], "bad bytes", 9,
	                   HASHDB_ANY_SIZE, "Bad");
	bench_end(&b, NULL);
	check_zip(&b, "x", eicar, len, VERDICT_MALICIOUS, REASON_EICAR,
	          "EICAR-Test-File", "2");
	check_zip(&b, "x", "bad bytes", 9, VERDICT_MALICIOUS, REASON_HASH, "Bad", "2");
	check_zip(&b, "x", "good bytes", 10, VERDICT_CLEAN, REASON_NONE, "", "");
	bench_stop(&b);
}
END_TEST

START_TEST(judge_with_rules_tells_them_the_members_name)
{
	struct bench b;
	struct blob gz, file = {0};
	struct finding f;

	bench_begin(&b, rules);
	bench_end(&b, NULL);
	check_zip(&b, "dir/a.PHP", "content", 7, VERDICT_MALICIOUS, REASON_YARA, "php",
	          "2");
	check_zip(&b, "a.php", "content", 7, VERDICT_CLEAN, REASON_NONE, "", "");
	blob_add(&file, "a needle in the haystack", 24);
	gz = fixture_compress("gzip", file.buf, file.len);
	f = scan(&b, &gz, NULL);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "needle", "1");
	f = scan(&b, &file, NULL); /* no archive: as ever */
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "needle", "");
	blob_free(&gz);
	blob_free(&file);
	bench_stop(&b);
}
END_TEST

START_TEST(judge_known_bytes_are_unpacked_all_the_same)
{
	struct bench b;
	struct blob gz = fixture_compress("gzip", "a needle in the haystack", 24);
	unsigned n_known = 0;
	struct finding f;

	bench_begin(&b, rules);
	bench_end(&b, NULL);
	f = scan(&b, &gz, &n_known);
	ck_assert_uint_eq(n_known, 1);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "needle", "1");
	blob_free(&gz);
	bench_stop(&b);
}
END_TEST

START_TEST(judge_file_on_the_allow_list_is_not_opened)
{
	struct bench b;
	struct blob gz = fixture_compress("gzip", "a needle in the haystack", 24);
	struct finding f;

	bench_begin(&b, rules);
	fixture_image_hash(&b.image.allow, gz.buf, gz.len, HASHDB_ANY_SIZE, "ours");
	fixture_image_hash(&b.image.allow, "needle in the hay, ours", 23,
	                   HASHDB_ANY_SIZE, "ours");
	bench_end(&b, NULL);
	f = scan(&b, &gz, NULL);
	check(&f, VERDICT_CLEAN, REASON_ALLOWLIST, "ours", "");
	check_zip(&b, "x", "needle in the hay, ours", 23, VERDICT_CLEAN, REASON_NONE,
	          "", "");
	blob_free(&gz);
	bench_stop(&b);
}
END_TEST

START_TEST(judge_what_was_not_read_is_never_clean)
{
	static const struct fixture_member two[] = {
		{"a", "1", 1}, {"b", "a needle in the haystack", 24}};
	struct arc_limits l = arc_limits_default;
	struct bench b;
	struct blob zip = fixture_pack("zip", "none", NULL, two, 2), outer;
	struct finding f;

	l.n_members = 1;
	bench_begin(&b, rules);
	bench_end(&b, &l);
	f = scan(&b, &zip, NULL);
	check(&f, VERDICT_ERROR, REASON_ARC_MEMBERS, "", "2");
	blob_free(&zip);
	/* Malice comes before what could not be read. */
	b.w = arc_walker_free(b.w);
	ck_assert_int_eq(arc_walker_new(&arc_limits_default, &b.w), 0);
	zip = fixture_pack("zip", "none", "zip:encryption=zipcrypt", two, 1);
	outer = fixture_pack(
		"zip", "none", NULL,
		(struct fixture_member[]){{"l.zip", zip.buf, zip.len}, two[1]}, 2);
	f = scan(&b, &zip, NULL);
	check(&f, VERDICT_ERROR, REASON_ARC_ENCRYPTED, "", "1");
	f = scan(&b, &outer, NULL);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "needle", "2");
	blob_free(&outer);
	blob_free(&zip);
	bench_stop(&b);
}
END_TEST

START_TEST(judge_rules_that_outlast_the_ceiling_of_time_are_told)
{
	struct arc_limits l = arc_limits_default;
	struct bench b;
	const size_t size = (size_t)3 << 20;
	uint8_t *data = malloc(size);
	struct blob zip;
	struct finding f;

	memset(data, 'a', size);
	memcpy(data, "slow", 4);
	for (size_t i = 8; i < size; i += 64)
		data[i] = 's';
	l.time = 30 * NSEC_PER_MSEC;
	l.ratio = ARC_RATIO_MAX;
	bench_begin(&b, rules);
	bench_end(&b, &l);
	zip = fixture_pack_one("zip", "x", data, size);
	f = scan(&b, &zip, NULL);
	check(&f, VERDICT_ERROR, REASON_ARC_TIME, "", "1");
	blob_free(&zip);
	free(data);
	bench_stop(&b);
}
END_TEST

static const char level_rules[] =
	"rule logs { meta: level = \"log\" strings: $a = \"a mark that logs\" condition: $a } "
	"rule whole { meta: level = \"log\" strings: $a = \"MARK\" condition: $a and extension == \".gz\" } "
	"rule denies { strings: $a = \"a mark that denies\" condition: $a } ";

/* Two members and a file with these; what is said of it. */
static void check_levels(struct bench *b, const char *first, const char *second, enum verdict v,
                         const char *rule, const char *member, bool log_only)
{
	const struct fixture_member m[] = {{"a", first, strlen(first)}, {"b", second, strlen(second)}};
	struct blob tar = fixture_pack("ustar", "none", NULL, m, 2);
	struct finding f = scan(b, &tar, NULL);

	check(&f, v, v == VERDICT_CLEAN ? REASON_NONE : REASON_YARA, rule, member);
	ck_assert_int_eq(f.log_only, log_only);
	blob_free(&tar);
}

START_TEST(judge_members_by_rules_of_level_log_yield_to_those_that_deny)
{
	struct bench b;
	struct blob gz = fixture_compress("gzip", "a mark that logs", 16);
	struct finding f;

	bench_begin(&b, level_rules);
	bench_end(&b, NULL);
	/* bytes of a tar stand in it as they are: the file as a whole matches, too */
	check_levels(&b, "a mark that logs", "nothing", VERDICT_MALICIOUS, "logs", "", true);
	check_levels(&b, "a mark that logs", "a mark that denies", VERDICT_MALICIOUS, "denies", "", false);
	check_levels(&b, "nothing", "at all", VERDICT_CLEAN, "", "", false);
	f = scan(&b, &gz, NULL);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "logs", "");
	ck_assert(f.log_only);
	blob_free(&gz);
	bench_stop(&b);
}
END_TEST

/* MARK is a name in the archive, which is no member's content. */
START_TEST(judge_file_that_only_logs_is_opened_all_the_same)
{
	struct bench b;
	struct blob bad = zip_of("MARK", "a mark that denies", 18), good = zip_of("MARK", "none", 4);
	struct finding f;

	bench_begin(&b, level_rules);
	bench_end(&b, NULL);
	f = scan(&b, &good, NULL);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "whole", "");
	ck_assert(f.log_only);
	f = scan(&b, &bad, NULL);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "denies", "2");
	ck_assert(!f.log_only);
	blob_free(&bad);
	blob_free(&good);
	bench_stop(&b);
}
END_TEST

START_TEST(judge_match_of_level_log_does_not_hide_what_was_not_read)
{
	const struct fixture_member m[] = {{"a", "a mark that logs", 16}, {"b", "2", 1}, {"c", "3", 1}};
	struct blob zip = fixture_pack("zip", "none", NULL, m, 3);
	struct arc_limits l = arc_limits_default;
	struct bench b;
	struct finding f;

	l.n_members = 2;
	bench_begin(&b, level_rules);
	bench_end(&b, &l);
	f = scan(&b, &zip, NULL);
	check(&f, VERDICT_ERROR, REASON_ARC_MEMBERS, "", "3");
	ck_assert(!f.log_only);
	blob_free(&zip);
	bench_stop(&b);
}
END_TEST

START_TEST(judge_archive_that_is_not_held_is_never_clean)
{
	struct blob zip = zip_of("name", "data", 4);
	struct blob large = {.buf = calloc(1, MAX_BYTES + 1 + zip.len), .len = MAX_BYTES + 1 + zip.len};
	struct bench b;
	struct finding f;

	for (unsigned i = 0; i < 2; i++) { /* without rules, too */
		bench_begin(&b, i ? rules : NULL);
		bench_end(&b, NULL);
		f = scan(&b, &large, NULL);
		check(&f, VERDICT_CLEAN, REASON_NONE, "", "");
		ck_assert(f.windows);
		memcpy(large.buf + MAX_BYTES + 1, zip.buf, zip.len);
		f = scan(&b, &large, NULL);
		check(&f, VERDICT_ERROR, REASON_ARC_BYTES, "", "");
		memset(large.buf + MAX_BYTES + 1, 0, zip.len);
		memcpy(large.buf, zip.buf, zip.len);
		f = scan(&b, &large, NULL);
		check(&f, VERDICT_ERROR, REASON_ARC_BYTES, "", "");
		memcpy(large.buf + MAX_BYTES / 2, "needle in the hay", 17);
		f = scan(&b, &large, NULL);
		if (i)
			check(&f, VERDICT_MALICIOUS, REASON_YARA, "needle", "");
		memset(large.buf, 0, large.len);
		bench_stop(&b);
	}
	free(large.buf);
	blob_free(&zip);
}
END_TEST

/* base64 of "a needle in the hay.", "it is told" and "slow" times many */
#define NEEDLE64 "YSBuZWVkbGUgaW4gdGhlIGhheS4="
#define TOLD64   "aXQgaXMgdG9sZA=="

static struct finding scan_text(struct bench *b, const char *text)
{
	struct blob file = {.buf = (void *)(uintptr_t)text, .len = strlen(text)};

	return scan(b, &file, NULL);
}

static const char payload_rules[] =
	"rule needle { strings: $a = \"needle in the hay\" condition: $a } "
	"rule run { strings: $a = \"<?php a needle\" condition: $a at 0 and extension == \".gz\" and filesize < 40 } "
	"rule told { meta: level = \"log\" strings: $a = \"it is told\" condition: $a }";

START_TEST(judge_payloads_of_the_file_and_of_members)
{
	static const char php[] = "<?php eval(base64_decode('" NEEDLE64 "'));";
	static const char told[] = "<?php f(base64_decode('" TOLD64 "'));";
	static const char both[] = "<?php f(base64_decode('" TOLD64 "', '" NEEDLE64 "'));";
	struct bench b;
	struct finding f;

	bench_begin(&b, payload_rules);
	fixture_image_hash(&b.image.block[DIGEST_SHA256], "listed in a list", 16, HASHDB_ANY_SIZE, "Bad");
	bench_end(&b, NULL);
	f = scan_text(&b, php);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "needle", "payload@26");
	check_zip(&b, "x.php", php, strlen(php), VERDICT_MALICIOUS, REASON_YARA, "needle", "2/payload@26");
	f = scan_text(&b, told);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "told", "");
	ck_assert(f.log_only);
	f = scan_text(&b, both);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "needle", "payload@43");
	ck_assert(!f.log_only);
	f = scan_text(&b, "base64_decode bGlzdGVkIGluIGEgbGlzdA==");
	check(&f, VERDICT_MALICIOUS, REASON_HASH, "Bad", "payload@14");
	f = scan_text(&b, "eval('" NEEDLE64 "')"); /* nobody decodes it */
	check(&f, VERDICT_CLEAN, REASON_NONE, "", "");
	b.p = payload_walker_free(b.p); /* none are looked for */
	f = scan_text(&b, php);
	check(&f, VERDICT_CLEAN, REASON_NONE, "", "");
	bench_stop(&b);
	bench_begin(&b, strchr(payload_rules, '}') + 1);
	bench_end(&b, NULL);
	f = scan_text(&b, php);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "run", "payload@26");
	bench_stop(&b);
}
END_TEST

START_TEST(judge_payloads_that_were_not_looked_at_are_never_clean)
{
	static const char many[] = "<?php f(base64_decode('" TOLD64 "', '" TOLD64 "'));";
	struct payload_limits l = payload_limits_default;
	struct bench b;
	struct finding f;

	bench_begin(&b, payload_rules);
	bench_end(&b, NULL);
	b.p = payload_walker_free(b.p);
	l.n = 1;
	ck_assert_int_eq(payload_walker_new(&l, &b.p), 0);
	f = scan_text(&b, many);
	check(&f, VERDICT_ERROR, REASON_PAY_COUNT, "", "payload@43");
	ck_assert(!f.log_only);
	check_zip(&b, "x.php", many, strlen(many), VERDICT_ERROR, REASON_PAY_COUNT, "", "2/payload@43");
	f = scan_text(&b, "<?php f(base64_decode('" TOLD64 "', '" NEEDLE64 "'));"); /* past the ceiling */
	check(&f, VERDICT_ERROR, REASON_PAY_COUNT, "", "payload@43");
	bench_stop(&b);
}
END_TEST

/* In the first window, the last, and those between, of which nothing is kept. */
START_TEST(judge_script_that_is_not_held_is_never_clean)
{
	static const char word[] = " | base64 -d | sh\n";
	struct blob large = {.buf = malloc(7 << 20), .len = 7 << 20};
	struct bench b;
	struct finding f;

	for (unsigned i = 0; i < 2; i++) { /* without rules, too */
		bench_begin(&b, i ? rules : NULL);
		bench_end(&b, NULL);
		for (unsigned mib = 0; mib < 7; mib++) {
			memset(large.buf, '\n', large.len);
			f = scan(&b, &large, NULL);
			check(&f, VERDICT_CLEAN, REASON_NONE, "", "");
			ck_assert(f.windows);
			memcpy((char *)large.buf + (mib << 20) + 512, word, strlen(word));
			f = scan(&b, &large, NULL);
			check(&f, VERDICT_ERROR, REASON_PAY_BYTES, "", "");
			memcpy(large.buf, "\x7f" "ELF", 4); /* no script */
			f = scan(&b, &large, NULL);
			check(&f, VERDICT_CLEAN, REASON_NONE, "", "");
		}
		bench_stop(&b);
	}
	free(large.buf);
}
END_TEST

/* Behind a program, where those who have rar switched on have it looked for. */
START_TEST(judge_kinds_that_are_on_are_never_clean_in_windows)
{
	struct blob large = {.buf = calloc(1, 7 << 20), .len = 7 << 20};
	struct arc_limits l = arc_limits_default;
	struct bench b;
	struct finding f;

	memcpy(large.buf, "MZ", 2);
	memcpy((char *)large.buf + 4096, "Rar!\x1a\x07\0", 7);
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			l.kinds |= 1U << ARC_RAR;
		bench_begin(&b, rules);
		bench_end(&b, &l);
		f = scan(&b, &large, NULL);
		check(&f, i ? VERDICT_ERROR : VERDICT_CLEAN, i ? REASON_ARC_BYTES : REASON_NONE, "", "");
		bench_stop(&b);
	}
	free(large.buf);
}
END_TEST

UNIT_MAIN("unpack", judge_payloads_of_the_file_and_of_members, judge_payloads_that_were_not_looked_at_are_never_clean, judge_archive_that_is_not_held_is_never_clean, judge_script_that_is_not_held_is_never_clean,
          judge_kinds_that_are_on_are_never_clean_in_windows, judge_members_by_rules_of_level_log_yield_to_those_that_deny,
          judge_file_that_only_logs_is_opened_all_the_same,
          judge_match_of_level_log_does_not_hide_what_was_not_read,
           judge_without_rules_finds_eicar_and_hashes,
          judge_with_rules_tells_them_the_members_name,
          judge_known_bytes_are_unpacked_all_the_same,
          judge_file_on_the_allow_list_is_not_opened,
          judge_what_was_not_read_is_never_clean,
          judge_rules_that_outlast_the_ceiling_of_time_are_told)
