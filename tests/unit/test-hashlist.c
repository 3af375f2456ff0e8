/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "custos/cleanup.h"
#include "custos/hashlist.h"
#include "unit.h"

#define MD5_HEX    "0123456789abcdef0123456789ABCDEF"
#define SHA1_HEX   MD5_HEX "01234567"
#define SHA256_HEX MD5_HEX MD5_HEX

static int parse(const char *line, struct hashlist_entry *e)
{
	const char *why = NULL;
	int r = hashlist_parse_line(line, strlen(line), e, &why);

	ck_assert(r != -EINVAL || why);
	return r;
}

START_TEST(parse_line_known_forms_are_entries)
{
	static const struct {
		const char *line;
		enum digest_alg alg;
	} good[] = {
		{SHA256_HEX, DIGEST_SHA256},
		{SHA1_HEX, DIGEST_SHA1},
		{MD5_HEX, DIGEST_MD5},
		{SHA256_HEX "  a file", DIGEST_SHA256},
		{SHA256_HEX " *a file", DIGEST_SHA256},
		{"\\" SHA256_HEX "  a\\nfile", DIGEST_SHA256},
		{SHA256_HEX "\r", DIGEST_SHA256},
		{"  " SHA256_HEX "\t", DIGEST_SHA256},
		{"SHA256 (a) b (c) = " SHA256_HEX, DIGEST_SHA256},
		{"SHA1 (a) = " SHA1_HEX, DIGEST_SHA1},
		{"MD5 (a) = " MD5_HEX, DIGEST_MD5},
		{"MD5(a)= " MD5_HEX, DIGEST_MD5},
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct hashlist_entry e;

		ck_assert_msg(parse(good[i].line, &e) == 1, "refused: %s",
		              good[i].line);
		ck_assert_int_eq(e.alg, good[i].alg);
		ck_assert(e.size_bytes == HASHLIST_ANY_SIZE);
		ck_assert_uint_eq(e.digest[0], 0x01);
		ck_assert_uint_eq(e.digest[15], 0xef);
		ck_assert_ptr_null(e.name);
	}
}
END_TEST

START_TEST(parse_line_clamav_gives_size_and_name)
{
	struct hashlist_entry e;

	ck_assert_int_eq(parse(MD5_HEX ":68:Test.Name-1", &e), 1);
	ck_assert_uint_eq(e.size_bytes, 68);
	ck_assert_uint_eq(e.name_len, 11);
	ck_assert(memcmp(e.name, "Test.Name-1", 11) == 0);
	ck_assert_int_eq(parse(SHA256_HEX ":*:N:73", &e), 1);
	ck_assert(e.size_bytes == HASHLIST_ANY_SIZE);
	ck_assert_int_eq(parse(SHA1_HEX ":1:N:10:99\r", &e), 1);
	ck_assert_int_eq(parse(MD5_HEX ":18446744073709551614:N", &e), 1);
	ck_assert(e.size_bytes == UINT64_MAX - 1);
}
END_TEST

START_TEST(parse_line_without_content_is_nothing)
{
	static const char *const lines[] = {"",   " \t ", "# x", "  # " SHA256_HEX,
	                                    "\r", "#"};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct hashlist_entry e;

		ck_assert_int_eq(parse(lines[i], &e), 0);
	}
}
END_TEST

START_TEST(parse_line_wrong_forms_are_refused)
{
	static const char *const lines[] = {
		"x",
		"\\",
		SHA256_HEX "0",
		SHA256_HEX "x",
		"0123456789",
		MD5_HEX "0",
		SHA256_HEX ",x",
		SHA256_HEX MD5_HEX,
		SHA256_HEX "  a\x01"
			   "b",
		"a\x7f",
		"SHA256",
		"SHA256 (",
		"SHA256 (a) = " SHA1_HEX,
		"SHA1 (a) = " SHA256_HEX,
		"SHA256 (a) " SHA256_HEX,
		"SHA256 a = " SHA256_HEX,
		"SHA256 (a = " SHA256_HEX,
		"SHA512 (a) = " SHA256_HEX,
		MD5_HEX ":",
		MD5_HEX ":1",
		MD5_HEX ":1:",
		MD5_HEX ":x:N",
		MD5_HEX "::N",
		MD5_HEX ":*:N",
		MD5_HEX ":*:N:72",
		MD5_HEX ":1:N:x",
		MD5_HEX ":1:N:1:2:3",
		MD5_HEX ":1:a b",
		MD5_HEX ":18446744073709551615:N",
		MD5_HEX ":99999999999999999999:N",
		"SHA256 (= " SHA256_HEX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct hashlist_entry e;

		ck_assert_msg(parse(lines[i], &e) == -EINVAL, "taken: %s", lines[i]);
	}
}
END_TEST

static int count_entry(void *userdata, const struct hashlist_entry *e)
{
	ck_assert_uint_gt(e->line, 0);
	(*(unsigned *)userdata)++;
	return 0;
}

static int read_text(const void *text, size_t len, unsigned *n, struct diag *d)
{
	_cleanup_(fd_closep) int fd = memfd_create("list", MFD_CLOEXEC);

	*n = 0;
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return hashlist_read(fd, "list", count_entry, n, d);
}

START_TEST(read_mixed_list_hands_on_every_entry)
{
	static const char text[] =
		"\xef\xbb\xbf# list\r\n\r\n" SHA256_HEX "  a\r\n" MD5_HEX
		":1:N\n\n" SHA1_HEX; /* no line feed at the end */
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	unsigned n;

	ck_assert_int_eq(read_text(text, sizeof(text) - 1, &n, &d), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(d.n_total, 0);
}
END_TEST

START_TEST(read_bad_lines_are_all_reported_with_numbers)
{
	static const char text[] = "bad\n" SHA256_HEX "\nworse\n";
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	unsigned n;

	ck_assert_int_eq(read_text(text, sizeof(text) - 1, &n, &d), -EINVAL);
	ck_assert_uint_eq(d.n_total, 2);
	ck_assert_uint_eq(d.items[0].line, 1);
	ck_assert_uint_eq(d.items[1].line, 3);
	ck_assert_str_eq(d.items[1].file, "list");
}
END_TEST

/* One line of @len bytes, with or without a line feed behind it. */
static int read_long_line(size_t len, bool lf, struct diag *d)
{
	_cleanup_(freep) char *text = malloc(len + 1);
	unsigned n;

	memset(text, 'x', len);
	memcpy(text, SHA256_HEX "  ", 66);
	text[len] = '\n';
	return read_text(text, len + lf, &n, d);
}

START_TEST(read_line_at_limit_is_taken)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(read_long_line(HASHLIST_LINE_MAX, true, &d), 0);
	ck_assert_int_eq(read_long_line(HASHLIST_LINE_MAX, false, &d), 0);
}
END_TEST

START_TEST(read_line_over_limit_ends_the_reading)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;

	ck_assert_int_eq(read_long_line(HASHLIST_LINE_MAX + 1, true, &d), -EINVAL);
	ck_assert_int_eq(read_long_line(HASHLIST_LINE_MAX + 1, false, &d), -EINVAL);
	ck_assert_int_eq(read_long_line(1 << 20, false, &d), -EINVAL);
	ck_assert_uint_eq(d.n_total, 3);
	ck_assert_ptr_nonnull(strstr(d.items[0].reason, "longer than"));
}
END_TEST

START_TEST(read_too_many_bad_lines_stops)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(freep) char *text = malloc(2 * (HASHLIST_BAD_LINES_MAX + 50));
	unsigned n;

	for (size_t i = 0; i < HASHLIST_BAD_LINES_MAX + 50; i++)
		memcpy(text + 2 * i, "x\n", 2);
	ck_assert_int_eq(read_text(text, 2 * (HASHLIST_BAD_LINES_MAX - 1), &n, &d),
	                 -EINVAL);
	ck_assert_uint_eq(d.n_total, HASHLIST_BAD_LINES_MAX - 1);
	diag_deinit(&d);
	ck_assert_int_eq(read_text(text, 2 * (HASHLIST_BAD_LINES_MAX + 50), &n, &d),
	                 -EINVAL);
	ck_assert_uint_eq(d.n_total, HASHLIST_BAD_LINES_MAX + 1);
}
END_TEST

START_TEST(read_across_buffer_ends_loses_nothing)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	size_t n_lines = 20000, len = 68; /* 68 does not divide the buffer */
	_cleanup_(freep) char *text = malloc(n_lines * len);
	unsigned n;

	for (size_t i = 0; i < n_lines; i++)
		memcpy(text + i * len, SHA256_HEX "  a\n", len);
	ck_assert_int_eq(read_text(text, n_lines * len, &n, &d), 0);
	ck_assert_uint_eq(n, n_lines);
}
END_TEST

/* What the entries of a list are, in the order they came. */
struct seen {
	unsigned n;
	struct hashlist_entry last;
	char name[256];
};

static int see_entry(void *userdata, const struct hashlist_entry *e)
{
	struct seen *s = userdata;

	s->n++;
	s->last = *e;
	(void)snprintf(s->name, sizeof(s->name), "%.*s", (int)e->name_len,
	               e->name ? e->name : "");
	return 0;
}

static int see_file(const char *file, const char *text, struct seen *s, struct diag *d)
{
	_cleanup_(fd_closep) int fd = memfd_create("list", MFD_CLOEXEC);

	*s = (struct seen){0};
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return hashlist_read(fd, file, see_entry, s, d);
}

START_TEST(read_csv_with_a_header_takes_the_named_columns)
{
	static const struct {
		const char *text;
		enum digest_alg alg;
		uint64_t size;
		const char *name;
	} good[] = {
		/* MalwareBazaar's: the header is a comment, blanks behind the commas */
		{"# MalwareBazaar\n# "
	         "\"first_seen_utc\",\"sha256_hash\",\"md5_hash\",\"signature\"\n"
	         "\"2024-01-01 00:00:00\", \"" SHA256_HEX "\", \"" MD5_HEX
	         "\", \"Bad, worse\"\r\n",
	         DIGEST_SHA256, HASHLIST_ANY_SIZE, "Bad,_worse"},
		{"name,md5,size\nx," MD5_HEX ",17\n", DIGEST_MD5, 17, "x"},
		{"\n\"SHA-1\",\"MD5\",\"FileSize\"\n\"" SHA1_HEX "\",\"" MD5_HEX
	         "\",\"3\"\n",
	         DIGEST_SHA1, 3, ""},
		{"sha256,md5\n," MD5_HEX "\n", DIGEST_MD5, HASHLIST_ANY_SIZE, ""},
		{"sha256,md5\nn/a," MD5_HEX, DIGEST_MD5, HASHLIST_ANY_SIZE, ""},
		{"hash , x\n" SHA1_HEX "\n", DIGEST_SHA1, HASHLIST_ANY_SIZE, ""},
		{"sha256,name\r\n" SHA256_HEX ",\"a \"\"b\"\"\"\n", DIGEST_SHA256,
	         HASHLIST_ANY_SIZE, "a_\"\"b\"\""},
		{"# a, b, sha256\n" SHA256_HEX "  a,b\n", DIGEST_SHA256,
	         HASHLIST_ANY_SIZE, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
		struct seen s;

		if (see_file("x", good[i].text, &s, &d) < 0)
			ck_abort_msg("%zu: %s", i, d.items[0].reason);
		ck_assert_uint_eq(s.n, 1);
		ck_assert_int_eq(s.last.alg, good[i].alg);
		ck_assert_uint_eq(s.last.digest[1], 0x23);
		ck_assert(s.last.size_bytes == good[i].size);
		ck_assert_str_eq(s.name, good[i].name);
	}
}
END_TEST

START_TEST(read_csv_rows_that_are_wrong_are_reported_with_numbers)
{
	static const struct {
		const char *text, *reason;
		unsigned line;
	} bad[] = {
		{"a,b\n" SHA256_HEX "\n", "no column of hashes", 1},
		{"sha256,md5\n\n,\n", "no column of the row", 3},
		{"sha256,md5\n" MD5_HEX ",\n", "as its column says", 2},
		{"sha256,size\n" SHA256_HEX ",x\n", "size is not", 2},
		{"sha256,name\n" SHA256_HEX ",\"a\n", "not closed", 2},
		{"sha256,name\n" SHA256_HEX ",\"a\"b\n", "not closed", 2},
		{"sha256,name\n" SHA256_HEX ",\001\n", "control characters", 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
		struct seen s;

		ck_assert_int_eq(see_file("x", bad[i].text, &s, &d), -EINVAL);
		ck_assert_msg(strstr(d.items[0].reason, bad[i].reason), "%zu: %s", i,
		              d.items[0].reason);
		ck_assert_uint_eq(d.items[0].line, bad[i].line);
	}
}
END_TEST

START_TEST(read_csv_row_at_limit_of_fields_is_taken_and_one_more_not)
{
	for (unsigned n = 64; n <= 65; n++) {
		_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
		char text[512] = "sha256,md5\n" SHA256_HEX;
		struct seen s;

		for (unsigned i = 1; i < n; i++)
			strcat(text, ",");
		ck_assert_int_eq(see_file("x", text, &s, &d), n == 64 ? 0 : -EINVAL);
		ck_assert_uint_eq(s.n, n == 64);
	}
}
END_TEST

START_TEST(read_files_of_another_kind_are_refused_with_one_sentence)
{
	static const struct {
		const char *text, *reason;
	} foreign[] = {
		{"Test.Sig:0:*:deadbeef\nTest.Sig2:0:*:deadbeef\n", "YARA rules"},
		{"Test.Sig:1:EOF-10,5:dead??ef:1:2\nx\n", "YARA rules"},
		{"Test.Sig;Engine:51-255,Target:1;0&1;dead;beef\nx\n", "YARA rules"},
		{"Test.Sig;Target:1;0&1;dead;beef\nx\n", "YARA rules"},
		{"45056:" MD5_HEX ":Test.Section\nx\n", "section"},
		{MD5_HEX ",5c5f6f6b-1d1c-4a5e-8a0e-4c1f950d210f\nx\n",
	         "attribute values"},
		{"{\"type\": \"bundle\",\n\"objects\": [\nx\n", "convert stix"},
		{"SQLite format 3\n", "convert"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
		struct seen s;

		ck_assert_int_eq(see_file("x", foreign[i].text, &s, &d), -EINVAL);
		ck_assert_uint_eq(d.n_total, 1);
		ck_assert_msg(strstr(d.items[0].reason, foreign[i].reason), "%zu: %s",
		              i, d.items[0].reason);
	}
}
END_TEST

START_TEST(refused_name_depends_on_suffix_and_list)
{
	static const char *const neither[] = {"a.ndb",    "/x/A.NDB", "a.ldb",
	                                      "a.mdb",    "a.msb",    "a.imp",
	                                      "main.cvd", "a.json",   "a.ign"};
	static const char *const both[] = {"a",     "a.sha256", "a.csv",
	                                   "a.txt", "ndb",      "a.md5sums"};

	for (size_t i = 0; i < ARRAY_SIZE(neither); i++) {
		ck_assert_ptr_nonnull(hashlist_refused_name(neither[i], false));
		ck_assert_ptr_nonnull(hashlist_refused_name(neither[i], true));
	}
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		ck_assert_ptr_null(hashlist_refused_name(both[i], false));
		ck_assert_ptr_null(hashlist_refused_name(both[i], true));
	}
	ck_assert_ptr_nonnull(hashlist_refused_name("a.fp", false));
	ck_assert_ptr_null(hashlist_refused_name("a.sfp", true));
	ck_assert_ptr_null(hashlist_refused_name("a.hsb", false));
	ck_assert_ptr_nonnull(hashlist_refused_name("a.hdb", true));
	ck_assert_ptr_null(hashlist_refused_name("a.ign2", false));
	ck_assert_ptr_nonnull(hashlist_refused_name("a.ign2", true));
}
END_TEST

START_TEST(read_names_of_ign2_gives_names_alone)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct seen s;

	ck_assert_int_eq(
		see_file("a.ign2", "# x\n\nTest.One\nTest.Two:" MD5_HEX "\r\n", &s, &d),
		0);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_str_eq(s.name, "Test.Two");
	ck_assert_int_eq(see_file("a.ign2", "ok\na b\n:x\n", &s, &d), -EINVAL);
	ck_assert_uint_eq(d.n_total, 2);
	ck_assert_uint_eq(d.items[0].line, 2);
}
END_TEST

UNIT_MAIN("hashlist", parse_line_known_forms_are_entries,
          parse_line_clamav_gives_size_and_name, parse_line_without_content_is_nothing,
          parse_line_wrong_forms_are_refused, read_mixed_list_hands_on_every_entry,
          read_bad_lines_are_all_reported_with_numbers, read_line_at_limit_is_taken,
          read_line_over_limit_ends_the_reading, read_too_many_bad_lines_stops,
          read_across_buffer_ends_loses_nothing,
          read_csv_with_a_header_takes_the_named_columns,
          read_csv_rows_that_are_wrong_are_reported_with_numbers,
          read_csv_row_at_limit_of_fields_is_taken_and_one_more_not,
          read_files_of_another_kind_are_refused_with_one_sentence,
          refused_name_depends_on_suffix_and_list, read_names_of_ign2_gives_names_alone)
