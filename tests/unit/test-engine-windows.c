/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/engine.h"
#include "fixture-image.h"
#include "unit.h"

#define WHOLE_BYTES ((size_t)512 << 10)
/* of windows: the buffer has a page more than the largest file held */
#define HALF    ((WHOLE_BYTES + 4096) / 2)
#define OVERLAP RULES_OVERLAP_BYTES
#define STEP    (HALF - OVERLAP)
#define LARGEST ((size_t)2 << 20)

/* The same rules twice: over windows, and over the whole file. */
struct bench {
	struct ruleset *rs;
	struct engine *windows, *whole;
	uint8_t *file;
	size_t len;
	int fd;
};

static struct bench start(struct fixture_image *image)
{
	_cleanup_(fd_closep) int fd = fixture_image_fd(image, true);
	struct bench b = {.len = HALF + 2 * STEP + 1000,
	                  .fd = memfd_create("file", MFD_CLOEXEC)};

	ck_assert_int_eq(ruleset_load(fd, -1, &b.rs), 0);
	ck_assert_int_eq(engine_new(b.rs, WHOLE_BYTES, &b.windows), 0);
	ck_assert_int_eq(engine_new(b.rs, LARGEST, &b.whole), 0);
	b.file = calloc(1, LARGEST);
	ck_assert_ptr_nonnull(b.file);
	return b;
}

static struct bench start_rules(const char *yara)
{
	struct fixture_image image;

	ck_assert_int_eq(engine_global_init(), 0);
	fixture_image_init(&image, yara);
	return start(&image);
}

static void stop(struct bench *b)
{
	b->windows = engine_free(b->windows);
	b->whole = engine_free(b->whole);
	b->rs = ruleset_free(b->rs);
	free(b->file);
	b->fd = fd_close(b->fd);
}

static void put(struct bench *b, size_t at, const char *text)
{
	ck_assert_uint_le(at + strlen(text), LARGEST);
	memcpy(b->file + at, text, strlen(text));
}

static void take(struct bench *b, size_t at, size_t n)
{
	memset(b->file + at, 0, n);
}

static struct finding scan_with(const struct bench *b, struct engine *e, nsec_t time)
{
	const struct engine_input in = {
		.fd = b->fd,
		.path = "/srv/large.img",
		.max_size_bytes = LARGEST,
		.deadline = clock_now() + time,
	};
	struct finding f;

	/* One file for all: its pages need not be made, cleared and given back each time. */
	ck_assert_int_eq(ftruncate(b->fd, (off_t)b->len), 0);
	ck_assert_int_eq(pwrite(b->fd, b->file, b->len, 0), (ssize_t)b->len);
	engine_scan(e, &in, &f);
	return f;
}

static struct finding scan(const struct bench *b)
{
	struct finding f = scan_with(b, b->windows, 30 * NSEC_PER_SEC);

	ck_assert(f.windows);
	return f;
}

static void check(const struct finding *f, enum verdict v, enum reason r, const char *rule)
{
	ck_assert_str_eq(verdict_name(f->verdict), verdict_name(v));
	ck_assert_str_eq(reason_name(f->reason), reason_name(r));
	ck_assert_str_eq(f->match.rule, rule);
	ck_assert(v == VERDICT_MALICIOUS || f->partial == (v == VERDICT_ERROR));
}

static void check_match(const struct bench *b, const char *rule)
{
	struct finding f = scan(b);

	check(&f, VERDICT_MALICIOUS, REASON_YARA, rule);
}

static void check_clean(const struct bench *b)
{
	struct finding f = scan(b);

	check(&f, VERDICT_CLEAN, REASON_NONE, "");
}

static void check_partial(const struct bench *b)
{
	struct finding f = scan(b);

	check(&f, VERDICT_ERROR, REASON_WINDOWS, "");
}

/* As over the file as a whole. */
static bool check_same(const struct bench *b)
{
	struct finding f = scan(b), whole = scan_with(b, b->whole, 30 * NSEC_PER_SEC);

	ck_assert(!whole.windows);
	check(&f, whole.verdict, whole.reason, whole.match.rule);
	ck_assert(f.log_only == whole.log_only);
	ck_assert_uint_eq(f.size_bytes, whole.size_bytes);
	ck_assert_mem_eq(f.sha256, whole.sha256, sizeof(f.sha256));
	return whole.verdict == VERDICT_MALICIOUS;
}

/* Return: false: it says that it may be something else. */
static bool check_same_or_partial(const struct bench *b)
{
	struct finding f = scan(b), whole;

	if (f.partial)
		return false;
	whole = scan_with(b, b->whole, 30 * NSEC_PER_SEC);
	check(&f, whole.verdict, whole.reason, whole.match.rule);
	return true;
}

START_TEST(scan_at_the_limit_is_whole_and_one_past_it_is_in_windows)
{
	struct bench b = start_rules("rule r { strings: $a = \"needle\" condition: $a }");
	struct finding f;

	for (b.len = WHOLE_BYTES; b.len <= WHOLE_BYTES + 1; b.len++) {
		f = scan_with(&b, b.windows, 30 * NSEC_PER_SEC);
		check(&f, VERDICT_CLEAN, REASON_NONE, "");
		ck_assert(f.windows == (b.len > WHOLE_BYTES));
		ck_assert_uint_eq(f.size_bytes, b.len);
	}
	for (b.len = HALF + 2 * STEP - 1; b.len <= HALF + 2 * STEP + 1; b.len++)
		ck_assert(!check_same(&b)); /* the last window is full, or next to empty */
	b.len = LARGEST + 1;
	b.file = realloc(b.file, b.len);
	f = scan_with(&b, b.windows, 30 * NSEC_PER_SEC);
	check(&f, VERDICT_ERROR, REASON_TOO_LARGE, "");
	stop(&b);
}
END_TEST

START_TEST(scan_finds_a_string_at_every_offset_round_each_border)
{
	static const char needle[] = "needle in the hay";
	struct bench b = start_rules("rule r { strings: $a = \"needle in the hay\" condition: #a == 1 }");
	const size_t borders[] = {0, STEP, HALF, 2 * STEP, HALF + STEP, HALF + 2 * STEP, b.len};

	for (size_t i = 0; i < ARRAY_SIZE(borders); i++) {
		for (int k = -20; k <= 20; k++) {
			const size_t at = borders[i] + (size_t)k;

			if (at > b.len || at + sizeof(needle) - 1 > b.len)
				continue; /* before the start, or behind the end */
			put(&b, at, needle);
			check_match(&b, "r");
			take(&b, at, sizeof(needle));
		}
	}
	check_clean(&b);
	stop(&b);
}
END_TEST

/* A literal string of @n bytes, in @b's file at @at. */
static void put_long(struct bench *b, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		b->file[at + i] = (uint8_t)("0123456789abcdef"[i % 16] + i / 4096 % 7);
}

static struct bench start_long(size_t n)
{
	struct bench b = {.file = malloc(n)};
	size_t len = 0;
	char *rule = malloc(3 * n + 100);

	put_long(&b, n, 0);
	len += (size_t)sprintf(rule, "rule long { strings: $a = {");
	for (size_t i = 0; i < n; i++)
		len += (size_t)sprintf(rule + len, " %02X", b.file[i]);
	(void)sprintf(rule + len, " } condition: $a }");
	free(b.file);
	b = start_rules(rule);
	free(rule);
	return b;
}

START_TEST(scan_finds_the_longest_string_and_says_that_a_longer_one_may_be_missed)
{
	const size_t longest = OVERLAP - 4;
	struct bench b = start_long(longest);

	for (int k = -4; k <= 4; k++) {
		const size_t ats[] = {STEP + (size_t)k, HALF - longest + (size_t)k, HALF - 100};

		for (size_t i = 0; i < ARRAY_SIZE(ats); i++) {
			put_long(&b, longest, ats[i]);
			check_match(&b, "long");
			take(&b, ats[i], longest);
		}
	}
	check_clean(&b);
	stop(&b);
	b = start_long(longest + 1);
	check_partial(&b);
	stop(&b);
}
END_TEST

START_TEST(scan_conditions_are_those_of_the_whole_file)
{
	static const char *const rules[] = {
		"$a and filesize == 595296", "$a and filesize < 595296", "#a == 3", "#a == 2", "#a > 3",
		"$a at 262144", "$a at 198656", "$a in (262000..262200)", "$a in (0..1000)", "not $a", "not $b",
		"uint32(0) == 0x44434241 and $a", "uint16(1) == 0x4342", "uint16(filesize - 2) == 0x5a59",
		"uint32be(595292) == 0x5758595a", "@a[2] == 262144", "!a[1] == 6", "for all i in (1..#a) : (@a[i] > 100)",
		"uint8(262143) == 0", "uint32(262140) == 0 and $a", "uint16(filesize) == 0", "not $b and #a == 3",
		"int16(filesize - 1) == 1", "filesize > 512KB",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		char text[200];
		struct bench b;

		(void)snprintf(text, sizeof(text),
		               "rule r { strings: $a = \"needle\" $b = \"other\" condition: (%s) and "
		               "(#a < 9999 or #b < 9999) }", rules[i]);
		b = start_rules(text);
		b.len = 595296;
		put(&b, 0, "ABCD");
		put(&b, b.len - 4, "WXYZ");
		put(&b, 300, "needle");
		(void)check_same(&b);
		put(&b, 262144, "needle");
		put(&b, HALF + STEP - 3, "needle");
		(void)check_same(&b);
		put(&b, HALF - 2, "other");
		(void)check_same(&b);
		stop(&b);
	}
}
END_TEST

START_TEST(scan_says_when_a_rule_looks_at_bytes_that_are_gone)
{
	static const char *const rules[] = {
		"uint8(300000) == 1",
		"uint32(264190) == 1", /* across the end of the first window */
		"hash.md5(0, filesize) == \"x\"",
		"hash.sha1(0, filesize) == \"x\"",
		"hash.sha256(0, filesize) == \"x\"",
		"hash.crc32(0, filesize) == 1",
		"hash.checksum32(0, filesize) == 1",
		"math.entropy(0, filesize) > 7.9",
		"math.mean(0, filesize) > 200",
		"math.deviation(0, filesize, 64.0) > 200",
		"math.serial_correlation(0, filesize) > 2",
		"math.monte_carlo_pi(0, filesize) < 0",
		"math.count(0x41, 0, filesize) > 4000000",
		"math.percentage(0x41, 0, filesize) > 0.9",
		"math.mode(0, filesize) == 0x41",
	};
	struct bench b;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		char text[200];

		(void)snprintf(text, sizeof(text),
		               "import \"hash\"\nimport \"math\"\nrule r { strings: $a = \"needle\" condition: $a or %s }",
		               rules[i]);
		b = start_rules(text);
		ck_assert_uint_eq(HALF, 264192);
		check_partial(&b);
		put(&b, 1000, "needle");
		check_match(&b, "r"); /* without asking */
		stop(&b);
	}
	b = start_rules("import \"hash\"\nrule r { condition: hash.md5(0, 1000) == \"x\" or "
	                "hash.md5(filesize - 1000, 1000) == \"x\" or uint32(264188) == 1 }");
	check_clean(&b);
	stop(&b);
}
END_TEST

START_TEST(scan_modules_do_not_take_a_later_window_for_the_file)
{
	static const char elf[] = "\x7f" "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0>\0\1";
	struct bench b = start_rules("import \"elf\"\nrule r { condition: elf.type == elf.ET_EXEC }");

	check_clean(&b);
	memcpy(b.file + STEP, elf, sizeof(elf));
	memcpy(b.file + 3 * STEP, elf, sizeof(elf)); /* the last */
	check_clean(&b);
	/* a program is not read to its end */
	memcpy(b.file, elf, sizeof(elf));
	check_match(&b, "r");
	ck_assert(scan(&b).partial);
	b.file[16] = 3;
	check_partial(&b);
	stop(&b);
}
END_TEST

/* A class file of Java is none of the module's, though it begins like a universal binary. */
START_TEST(scan_class_file_is_clean_and_its_rules_see_it)
{
	static const uint8_t class_file[] = {0xca, 0xfe, 0xba, 0xbe, 0xff, 0xff, 0, 65, 0, 16, 10, 0, 3};
	struct bench b = start_rules("import \"macho\"\nrule r { strings: $a = \"needle\" condition: "
	                             "macho.nfat_arch == 7 or ($a and not defined macho.nfat_arch) }");
	struct finding f;

	memcpy(b.file, class_file, sizeof(class_file));
	check_clean(&b);
	put(&b, 3 * STEP, "needle");
	check_match(&b, "r");
	b.file[10] = 0; /* no constant: it may be either */
	f = scan(&b);
	check(&f, VERDICT_ERROR, REASON_ENGINE, "");
	stop(&b);
}
END_TEST

START_TEST(scan_runs_rules_for_programs_of_windows_over_those_alone)
{
	struct bench b = start_rules("rule mz { strings: $a = \"needle\" condition: uint16(0) == 0x5a4d and #a == 2 } "
	                             "rule other { strings: $a = \"needle\" condition: #a == 3 }");

	put(&b, HALF - 3, "needle");
	put(&b, 10, "needle");
	check_clean(&b);
	put(&b, STEP, "MZ");
	check_clean(&b);
	put(&b, 0, "MZ");
	check_match(&b, "mz");
	put(&b, HALF + 100, "needle");
	check_match(&b, "other");
	stop(&b);
}
END_TEST

/* The border is no end of a word or line; the ends of the file are. */
START_TEST(scan_takes_no_border_for_an_end)
{
	static const char *const strings[] = {
		"\"word\" fullword", "\"word\" wide fullword", "/^word/", "/word$/", "/\\bword\\b/", "/wor[a-d]{1,9}/",
		"/(a|word)*b/ wide ascii", "{ 77 6f 72 64 [0-190] 61 }",
	};
	static const char *const conditions[] = {"$a", "#a == 1", "not $a", "#a == 2"};
	unsigned n_partial = 0, n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(strings) * ARRAY_SIZE(conditions); i++) {
		const size_t ats[] = {STEP, HALF, HALF + STEP};
		char text[200];
		struct bench b;

		(void)snprintf(text, sizeof(text), "rule r { strings: $a = %s condition: %s }",
		               strings[i / ARRAY_SIZE(conditions)], conditions[i % ARRAY_SIZE(conditions)]);
		b = start_rules(text);
		for (size_t j = 0; j < ARRAY_SIZE(ats) * 9; j++) {
			const size_t at = ats[j / 9] + j % 9;
			static const uint8_t wide[] = "w\0o\0r\0d\0b";

			memset(b.file + at - 10, 'a', 24); /* glued, on both sides */
			put(&b, at - 6, "word");
			if (strstr(text, "wide"))
				memcpy(b.file + at - 7, wide, sizeof(wide));
			n++;
			n_partial += !check_same_or_partial(&b);
			take(&b, at - 10, 24);
		}
		stop(&b);
	}
	/* where one match is enough, none may have been looked for behind a false one */
	ck_assert_uint_le(n_partial, n / 50);
}
END_TEST

START_TEST(scan_puts_the_parts_of_a_string_together_or_says_that_it_cannot)
{
	struct bench b = start_rules("rule r { strings: $a = { 50 51 52 53 [300-400] 60 61 62 63 [300-] 70 71 72 73 } "
	                             "condition: $a }");

	for (int k = -40; k <= 1200; k += 31) { /* across the border, in the overlap */
		put(&b, HALF - 1000 + (size_t)k, "PQRS");
		put(&b, HALF - 650 + (size_t)k, "`abc");
		put(&b, HALF - 300 + (size_t)k, "pqrs");
		check_match(&b, "r");
		take(&b, HALF - 1040, 2300);
	}
	/* parts that have the right distance in their windows, and another in the file */
	put(&b, HALF - OVERLAP + 1000, "PQRS");
	put(&b, STEP + HALF - OVERLAP + 1350, "`abc");
	put(&b, STEP + HALF - OVERLAP + 1850, "pqrs");
	check_clean(&b);
	take(&b, HALF - OVERLAP, STEP + OVERLAP);
	/* so long that no window has it */
	put(&b, 1000, "PQRS");
	put(&b, 1350, "`abc");
	check_partial(&b);
	put(&b, 5000, "pqrs");
	check_match(&b, "r");
	stop(&b);
}
END_TEST

START_TEST(scan_keeps_the_order_of_verdicts)
{
	static const char yara[] =
		"rule gone { condition: uint8(300000) == 1 } "
		"rule tells { meta: level = \"log\" strings: $a = \"tells\" condition: $a } "
		"rule denies { strings: $a = \"denies\" condition: $a }";
	struct bench b = start_rules(yara + strlen("rule gone { condition: uint8(300000) == 1 } "));
	struct finding f;

	put(&b, HALF - 2, "tells");
	f = scan(&b);
	check(&f, VERDICT_MALICIOUS, REASON_YARA, "tells");
	ck_assert(f.log_only);
	put(&b, b.len - 6, "denies");
	check_match(&b, "denies");
	ck_assert(check_same(&b));
	stop(&b);
	b = start_rules(yara);
	put(&b, HALF - 2, "tells");
	check_partial(&b); /* one that was not evaluated may have denied */
	put(&b, b.len - 6, "denies");
	f = scan(&b);
	ck_assert_str_eq(f.match.rule, "denies");
	ck_assert(f.partial && f.verdict == VERDICT_MALICIOUS);
	stop(&b);
}
END_TEST

START_TEST(scan_looks_the_whole_file_up_in_the_lists)
{
	struct fixture_image image;
	struct bench b;
	struct finding f;
	uint8_t *bytes = calloc(1, HALF + 2 * STEP + 1000);

	ck_assert_int_eq(engine_global_init(), 0);
	fixture_image_init(&image, "rule r { condition: uint8(300000) == 0 or uint8(300000) == 1 }");
	fixture_image_hash(&image.block[DIGEST_SHA256], bytes, HALF + 2 * STEP + 1000, HASHDB_ANY_SIZE, "Large.Bad");
	fixture_image_hash(&image.allow, bytes, HALF + 2 * STEP + 999, HASHDB_ANY_SIZE, "list");
	b = start(&image);
	f = scan(&b);
	check(&f, VERDICT_MALICIOUS, REASON_HASH, "Large.Bad");
	b.len--;
	f = scan(&b);
	check(&f, VERDICT_CLEAN, REASON_ALLOWLIST, "list");
	b.len--;
	check_partial(&b);
	stop(&b);
	free(bytes);
}
END_TEST

START_TEST(scan_late_or_changing_is_an_error_or_judged_as_it_is)
{
	struct bench b = start_rules("rule r { strings: $a = \"needle\" condition: $a }");
	_cleanup_(fd_closep) int fd = memfd_create("file", MFD_CLOEXEC);
	struct finding f = scan_with(&b, b.windows, 0);
	struct stat st;
	struct engine_input in = {.fd = fd, .max_size_bytes = LARGEST, .st = &st};

	check(&f, VERDICT_ERROR, REASON_TIMEOUT, "");
	ck_assert_int_eq(ftruncate(fd, 1000), 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	in.deadline = clock_now() + 30 * NSEC_PER_SEC;
	st.st_size = LARGEST; /* it was */
	engine_scan(b.windows, &in, &f);
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	ck_assert_uint_eq(f.size_bytes, 1000);
	st.st_size = WHOLE_BYTES; /* it is more by now than can be held */
	ck_assert_int_eq(ftruncate(fd, WHOLE_BYTES + 1), 0);
	engine_scan(b.windows, &in, &f);
	check(&f, VERDICT_ERROR, REASON_TOO_LARGE, "");
	st.st_size = WHOLE_BYTES + 1; /* and more than may be read */
	ck_assert_int_eq(ftruncate(fd, LARGEST + 1), 0);
	engine_scan(b.windows, &in, &f);
	check(&f, VERDICT_ERROR, REASON_TOO_LARGE, "");
	ck_assert_int_eq(ftruncate(fd, LARGEST), 0);
	engine_scan(b.windows, &in, &f);
	check(&f, VERDICT_CLEAN, REASON_NONE, "");
	(void)close(fd);
	engine_scan(b.windows, &in, &f);
	check(&f, VERDICT_ERROR, REASON_IO, "");
	fd = -1;
	stop(&b);
}
END_TEST

START_TEST(scan_one_string_in_a_million_places)
{
	struct bench b = start_rules("rule r { strings: $a = \"aa\" condition: #a > 3 }");
	struct finding f;

	/* libyara leaves a string out past its limit, and that is never clean */
	b.len = LARGEST;
	memset(b.file, 'a', b.len);
	f = scan(&b);
	ck_assert(f.verdict == VERDICT_ERROR || f.verdict == VERDICT_MALICIOUS);
	memset(b.file, 0, b.len);
	check_clean(&b); /* nothing is left of the scan before */
	stop(&b);
}
END_TEST

/* Words at random places near borders, against the whole file. */
START_TEST(scan_at_random_is_as_over_the_whole_file)
{
	struct bench b = start_rules("rule a { strings: $a = \"alpha\" $b = \"beta\" fullword nocase $c = /gam+a[0-9]{0,8}/ "
	                             "condition: (#a == 2 and $b) or (#b == 3 and not $a) or #c == 4 } "
	                             "rule b { strings: $a = \"delta\" wide ascii $b = { 65 70 73 [2-90] 6c } "
	                             "condition: for any i in (1..#a) : (@a[i] < @b[1]) }");
	static const char *const words[] = {"alpha", " beta", "beTAx", "gamma", "gammmma123", "delta",
	                                    "d\0e\0l\0t\0a", "epsil", "epsi345l"};
	unsigned n_found = 0;
	const char *seed = getenv("SEED");

	srandom(seed ? (unsigned)atoi(seed) : 7);
	for (unsigned i = 0; i < 200; i++) {
		const size_t borders[] = {20, STEP, HALF, 2 * STEP, HALF + STEP, b.len - 20};
		size_t ats[12];

		for (unsigned j = 0; j < ARRAY_SIZE(ats); j++) {
			ats[j] = borders[(unsigned)random() % ARRAY_SIZE(borders)] + (unsigned)random() % 30 - 15;
			put(&b, ats[j], words[(unsigned)random() % ARRAY_SIZE(words)]);
		}
		n_found += check_same_or_partial(&b);
		for (unsigned j = 0; j < ARRAY_SIZE(ats); j++)
			take(&b, ats[j], 12);
	}
	ck_assert_uint_ge(n_found, 150);
	stop(&b);
}
END_TEST

UNIT_MAIN("engine-windows", scan_at_the_limit_is_whole_and_one_past_it_is_in_windows,
          scan_finds_a_string_at_every_offset_round_each_border,
          scan_finds_the_longest_string_and_says_that_a_longer_one_may_be_missed,
          scan_conditions_are_those_of_the_whole_file, scan_says_when_a_rule_looks_at_bytes_that_are_gone,
          scan_modules_do_not_take_a_later_window_for_the_file, scan_class_file_is_clean_and_its_rules_see_it,
          scan_runs_rules_for_programs_of_windows_over_those_alone, scan_takes_no_border_for_an_end,
          scan_puts_the_parts_of_a_string_together_or_says_that_it_cannot, scan_keeps_the_order_of_verdicts,
          scan_looks_the_whole_file_up_in_the_lists, scan_late_or_changing_is_an_error_or_judged_as_it_is,
          scan_one_string_in_a_million_places, scan_at_random_is_as_over_the_whole_file)
