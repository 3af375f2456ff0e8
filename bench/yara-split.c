/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules divided into those for PE and others, against the same rules undivided
 *
 * `yara-split RULES FILES ROUNDS`: both are lists of paths, one a line. Rule files that custos refuses are left out.
 * Each file, and for each rule a made-up file of all its literal strings, with MZ in front and without, is scanned both
 * ways; the sets of rules that match must be the same: exit 1 if not. Then times, ROUNDS alternating rounds over FILES.
 * `yara-split RULES FILES ROUNDS times` leaves the made-up files out, which take minutes with thousands of rules.
 *
 * Owns: the comparison. Must not own: how rules are divided (lib/scan/rules-split.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/rules-compile.h"
#include "lib/scan/rules-compiled.h"

#define FLAGS (SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH | SCAN_FLAGS_REPORT_RULES_MATCHING)
#define FILE_MAX    (16U << 20)
#define TIMEOUT_SEC 60

struct texts {
	char **paths;
	struct rules_source *items; /* of files of rules */
	size_t n;
};

/* What matched: order does not count. */
struct matches {
	uint64_t sum, n;
};

struct scanners {
	YR_SCANNER *whole, *other, *pe;
	struct matches got;
	const struct rules *rules;
	bool ask_pe; /* what is in the part for PE as well does not count */
};

static char *read_all(const char *path, size_t *ret_len)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *buf;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return NULL;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf || read(fd, buf, (size_t)st.st_size) != st.st_size) {
		free(buf);
		return NULL;
	}
	buf[st.st_size] = '\0';
	*ret_len = (size_t)st.st_size;
	return buf;
}

static void read_list(const char *path, struct texts *t)
{
	_cleanup_(file_closep) FILE *f = fopen(path, "r");
	char line[4096];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		t->paths = reallocarray(t->paths, t->n + 1, sizeof(*t->paths));
		if (!t->paths)
			abort();
		t->paths[t->n++] = strdup(line);
	}
}

/* Those that custos takes; one file alone tells. */
static void read_rules(struct texts *t)
{
	size_t n = 0;

	t->items = calloc(t->n + 1, sizeof(*t->items));
	for (size_t i = 0; i < t->n && t->items; i++) {
		struct rules_source *s = &t->items[n];
		_cleanup_(rules_compiled_freep) struct rules_compiled *c = NULL;

		s->file = t->paths[i];
		s->text = read_all(s->file, &s->len);
		if (s->text && rules_compile(s, 1, &c, NULL) == 0)
			n++;
	}
	t->n = n;
}

static void quiet(int level, const char *file, int line, const YR_RULE *rule, const char *message, void *userdata)
{
}

static YR_RULES *compile_whole(const struct texts *t)
{
	YR_COMPILER *c;
	YR_RULES *rules = NULL;

	if (yr_compiler_create(&c) != ERROR_SUCCESS)
		return NULL;
	yr_compiler_set_callback(c, quiet, NULL);
	for (unsigned i = 0; i < N_RULES_VARS; i++)
		(void)yr_compiler_define_string_variable(c, rules_var_name(i), "");
	for (size_t i = 0; i < t->n; i++) {
		_cleanup_(file_closep) FILE *f = fmemopen((void *)t->items[i].text, t->items[i].len, "r");

		if (!f || yr_compiler_add_file(c, f, t->items[i].file, t->items[i].file) != 0)
			return NULL;
	}
	(void)yr_compiler_get_rules(c, &rules);
	yr_compiler_destroy(c);
	return rules;
}

static uint64_t hash(const char *s, uint64_t h)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return h;
}

static int on_match(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	struct scanners *s = userdata;
	const YR_RULE *rule = data;

	if (message == CALLBACK_MSG_RULE_MATCHING && !(s->ask_pe && rules_pe_has(s->rules, rule))) {
		s->got.sum += hash(rule->identifier, hash(rule->ns->name, 0xcbf29ce484222325ULL));
		s->got.n++;
	}
	return CALLBACK_CONTINUE;
}

static YR_SCANNER *scanner_new(YR_RULES *rules, struct scanners *s)
{
	YR_SCANNER *yr = NULL;

	if (!rules || yr_scanner_create(rules, &yr) != ERROR_SUCCESS)
		return NULL;
	yr_scanner_set_callback(yr, on_match, s);
	yr_scanner_set_flags(yr, FLAGS);
	yr_scanner_set_timeout(yr, TIMEOUT_SEC);
	return yr;
}

static struct matches scan(struct scanners *s, const char *buf, size_t len, bool divided)
{
	const bool is_pe = len >= 2 && memcmp(buf, "MZ", 2) == 0;
	YR_SCANNER *first = divided ? s->other : s->whole;
	int err;

	s->got = (struct matches){0};
	s->ask_pe = divided && is_pe && s->pe;
	first->entry_point = YR_UNDEFINED;
	err = yr_scanner_scan_mem(first, (const uint8_t *)buf, len);
	s->ask_pe = false;
	if (err == ERROR_SUCCESS && divided && is_pe && s->pe) {
		s->pe->entry_point = YR_UNDEFINED;
		err = yr_scanner_scan_mem(s->pe, (const uint8_t *)buf, len);
	}
	if (err != ERROR_SUCCESS)
		s->got.sum ^= (uint64_t)err << 56;
	return s->got;
}

struct tally {
	uint64_t n, n_matches, n_differ;
};

static void compare(struct scanners *s, const char *buf, size_t len, const char *what, struct tally *t)
{
	const struct matches a = scan(s, buf, len, false), b = scan(s, buf, len, true);

	t->n++;
	t->n_matches += a.n;
	if (a.n == b.n && a.sum == b.sum)
		return;
	if (t->n_differ++ < 20)
		printf("DIFFERENT %s: %lu whole, %lu divided\n", what, a.n, b.n);
}

/* All literal strings of a rule, @front before them. */
static size_t positive(const YR_RULE *rule, const char *front, char *buf, size_t size)
{
	size_t len = strlen(front);
	const YR_STRING *string;

	memcpy(buf, front, len);
	yr_rule_strings_foreach(rule, string)
	{
		if (STRING_IS_LITERAL(string) && len + (size_t)string->length + 1 < size) {
			memcpy(buf + len, string->string, (size_t)string->length);
			len += (size_t)string->length;
			buf[len++] = ' ';
		}
	}
	return len;
}

static struct tally compare_positives(struct scanners *s, YR_RULES *whole)
{
	static const char *const fronts[] = {"", "MZ", "\177ELF"};
	static char buf[1U << 20];
	struct tally t = {0};
	YR_RULE *rule;

	yr_rules_foreach(whole, rule)
	{
		for (size_t i = 0; i < ARRAY_SIZE(fronts); i++)
			compare(s, buf, positive(rule, fronts[i], buf, sizeof(buf)), rule->identifier, &t);
	}
	return t;
}

struct file {
	char *bytes;
	size_t len;
	bool is_pe;
};

static struct file *read_files(const struct texts *list, size_t *ret_n)
{
	struct file *files = calloc(list->n + 1, sizeof(*files));
	size_t n = 0;

	for (size_t i = 0; files && i < list->n; i++) {
		struct file *f = &files[n];

		f->bytes = read_all(list->paths[i], &f->len);
		f->is_pe = f->bytes && f->len >= 2 && memcmp(f->bytes, "MZ", 2) == 0;
		n += f->bytes != NULL;
	}
	*ret_n = n;
	return files;
}

/* Of this process, which has one thread: on a machine that others use, too, wall time says little. */
static double cpu_usec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* always there */
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds of processor time for all files of a kind, one pass: what is scanned next finds the caches as the last
 * scan left them. */
static double pass(struct scanners *s, const struct file *files, size_t n, bool is_pe, bool divided)
{
	const double began = cpu_usec();

	for (size_t i = 0; i < n; i++)
		if (files[i].is_pe == is_pe)
			(void)scan(s, files[i].bytes, files[i].len, divided);
	return cpu_usec() - began;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

#define ROUNDS_MAX 99

/* Medians of alternating passes. */
static void time_files(struct scanners *s, const struct file *files, size_t n, bool is_pe, unsigned rounds)
{
	double times[2][ROUNDS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += files[i].is_pe == is_pe;
	if (count == 0)
		return;
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned k = 0; k < 2; k++)
			times[k ^ (r & 1)][r] = pass(s, files, n, is_pe, k ^ (r & 1));
	for (unsigned k = 0; k < 2; k++)
		qsort(times[k], rounds, sizeof(times[k][0]), by_value);
	printf("%s: %zu files, whole %.1f us, divided %.1f us, ratio %.2f\n", is_pe ? "PE" : "not PE", count,
	       times[0][rounds / 2] / (double)count, times[1][rounds / 2] / (double)count,
	       times[0][rounds / 2] / times[1][rounds / 2]);
}

static void print_tally(const char *what, const struct tally *t)
{
	printf("%s: %lu, rules that matched %lu, different %lu\n", what, t->n, t->n_matches, t->n_differ);
}

/* Compile both ways. Return: false when that does not work. */
static bool prepare(struct scanners *s, const struct texts *rules, YR_RULES **ret_whole)
{
	struct rules_compiled *c = NULL;
	YR_RULES_STATS pe = {0};

	*ret_whole = compile_whole(rules);
	if (!*ret_whole || rules_compile(rules->items, rules->n, &c, NULL) < 0)
		return false;
	if (c->rules.pe)
		(void)yr_rules_get_stats(c->rules.pe, &pe);
	printf("%zu files of rules, %lu rules, of them for PE %u\n", rules->n, rules_compiled_count(c),
	       pe.num_rules);
	s->rules = &c->rules;
	s->whole = scanner_new(*ret_whole, s);
	s->other = scanner_new(c->rules.yr, s);
	s->pe = scanner_new(c->rules.pe, s);
	return s->whole && s->other;
}

/* Return: files whose matches differ. */
static uint64_t run(struct scanners *s, const struct texts *list, unsigned rounds)
{
	struct tally t = {0};
	struct file *files;
	size_t n;

	files = read_files(list, &n);
	for (size_t i = 0; i < n; i++)
		compare(s, files[i].bytes, files[i].len, "a file", &t);
	print_tally("files", &t);
	for (unsigned is_pe = 0; is_pe < 2; is_pe++)
		time_files(s, files, n, is_pe, rounds);
	return t.n_differ;
}

int main(int argc, char **argv)
{
	const bool times_only = argc == 5 && strcmp(argv[4], "times") == 0;
	const unsigned rounds = argc < 4 ? 0 : (unsigned)atoi(argv[3]);
	struct texts rules = {0}, list = {0};
	struct tally positives = {0};
	struct scanners s = {0};
	YR_RULES *whole;

	if (argc != (times_only ? 5 : 4) || rounds < 1 || rounds > ROUNDS_MAX || rules_global_init() < 0)
		return 2;
	/* As in a scanner's threads, whose arenas do not go back to the kernel after each file. */
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
	read_list(argv[1], &rules);
	read_list(argv[2], &list);
	read_rules(&rules);
	if (!prepare(&s, &rules, &whole))
		return 2;
	if (!times_only) {
		positives = compare_positives(&s, whole);
		print_tally("positives", &positives);
	}
	return run(&s, &list, rounds) || positives.n_differ;
}
