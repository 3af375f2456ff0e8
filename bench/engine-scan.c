/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine over lists of files: what matches, and what it costs
 *
 * `engine-scan IMAGE_FD VERB LIST [PASSES [THREADS]]`, where IMAGE_FD is a sealed memfd that custos-compile has written. VERB:
 *   match       every rule that matches each file, with no names known:
 *                 M RULES:RULE PATH   a rule, with its file of rules
 *                 T FACTS PATH        values of the variables that depend on its bytes, each ended by 0x1f
 *                 E RESULT PATH       a rule was not evaluated
 *                 D VERDICT PATH      engine_scan() judges the file otherwise
 *   match-names the same, with the file's own path
 *   time        "load MSEC", then for each pass "pass CPU_USEC WALL_USEC WAITED_USEC BYTES": open, fstat, engine_scan,
 *               close of each file, by THREADS at once, each with an engine of its own, as in the scanner. Waited is
 *               what a thread stood ready and had no processor, on average
 *   floor       the same without the engine
 *
 * Owns: the loop over the files. Must not own: what is compared, and with what (bench/engine).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/engine.h"
#include "lib/scan/engine-vars.h"
#include "lib/scan/rules-tell.h"
#include "lib/scan/ruleset-view.h"

#define FILE_MAX  (100ULL << 20) /* as MaxFileSize= by default */
#define LIMIT_SEC 600            /* no time limit ends what is compared */

struct list {
	char **paths;
	size_t n;
};

struct bench {
	struct ruleset *rs;
	struct engine *engine;
	struct rules_scanner *scanner; /* tells */
	bool with_names, floor;
	/* of the file at hand */
	const char *path;
	unsigned n_matches;
};

static bool read_list(const char *name, struct list *ret)
{
	_cleanup_(file_closep) FILE *f = fopen(name, "re");
	char line[4096];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		ret->paths = reallocarray(ret->paths, ret->n + 1, sizeof(*ret->paths));
		if (!ret->paths)
			abort();
		ret->paths[ret->n++] = strdup(line);
	}
	return f && ret->n > 0;
}

/* Return: 0 or a negative errno. */
static int judge(struct bench *b, const char *path, struct finding *f)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct engine_input in = {
		.fd = fd,
		.path = b->with_names ? path : NULL,
		.max_size_bytes = FILE_MAX,
		.deadline = clock_now() + LIMIT_SEC * NSEC_PER_SEC,
	};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	in.st = &st;
	engine_scan(b->engine, &in, f);
	return 0;
}

static int touch(struct bench *b, const char *path, struct finding *f)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	f->size_bytes = (uint64_t)st.st_size;
	return 0;
}

static void on_match(void *userdata, const char *file, const char *rule)
{
	struct bench *b = userdata;

	(void)printf("M %s:%s %s\n", file, rule, b->path);
	b->n_matches++;
}

static char *read_all(const char *path, size_t *ret_len, uid_t *ret_owner)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	_cleanup_(freep) char *buf = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf || read(fd, buf, (size_t)st.st_size) != st.st_size)
		return NULL;
	*ret_len = (size_t)st.st_size;
	*ret_owner = st.st_uid;
	return ptr_take(&buf);
}

/* What rules may ask of the bytes: none has a line's end in it, or it is not what they see. */
static void print_facts(const struct engine_vars *vars, const char *path)
{
	(void)fputs("T ", stdout);
	for (unsigned i = 0; i < N_RULES_VARS; i++) {
		if (i != RULES_FILETYPE && i < RULES_ELF_TYPE)
			continue; /* of its name, its owner */
		for (const char *p = vars->values[i]; *p; p++)
			(void)putchar((unsigned char)*p < ' ' ? '?' : *p);
		(void)putchar('\x1f');
	}
	(void)puts(path);
}

static int match(struct bench *b, const char *path)
{
	struct rule_match match;
	struct engine_vars vars;
	enum rules_result result;
	struct finding f;
	uid_t owner;
	size_t len;
	_cleanup_(freep) char *buf = read_all(path, &len, &owner);
	int r = buf ? judge(b, path, &f) : -EIO;

	if (r < 0)
		return r;
	b->path = path;
	b->n_matches = 0;
	engine_vars_set(&vars, b->with_names ? path : NULL, owner, buf, len);
	result = rules_scan(b->scanner, buf, len, b->rs->uses & RULESET_USES_VARS ? vars.values : NULL,
	                    clock_now() + LIMIT_SEC * NSEC_PER_SEC, &match);
	print_facts(&vars, path);
	if (result != RULES_CLEAN)
		(void)printf("E %d %s\n", result, path);
	if (f.verdict != (b->n_matches ? VERDICT_MALICIOUS : VERDICT_CLEAN))
		(void)printf("D %s(%s) %s\n", verdict_name(f.verdict), reason_name(f.reason), path);
	return 0;
}

static int match_all(struct bench *b, const struct list *list)
{
	int r;

	if (!b->rs->rules || rules_scanner_new(b->rs->rules, &b->scanner) < 0)
		return -EINVAL;
	rules_scanner_tell(b->scanner, on_match, b);
	for (size_t i = 0; i < list->n; i++) {
		r = match(b, list->paths[i]);
		if (r < 0) {
			(void)fprintf(stderr, "%s: %s\n", list->paths[i], strerrordesc_np(-r));
			return r;
		}
	}
	return 0;
}

/* One of the threads of a pass. */
struct hand {
	struct bench *b;
	struct engine *engine;
	const struct list *list;
	_Atomic size_t *next; /* file; shared by all */
	pthread_t thread;
	uint64_t n_bytes, cpu, waited; /* nanoseconds */
	int r;
};

/* Of the calling thread, since it began: nanoseconds on a processor, and ready for one. */
static int own_times(uint64_t *ret_cpu, uint64_t *ret_waited)
{
	_cleanup_(file_closep) FILE *f = fopen("/proc/thread-self/schedstat", "re");
	unsigned long long waited;
	struct timespec t;

	/* its first number is as old as the last tick */
	if (!f || fscanf(f, "%*u %llu", &waited) != 1 || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0)
		return -ENOTSUP;
	*ret_cpu = (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
	*ret_waited = waited;
	return 0;
}

static void *work(void *arg)
{
	struct hand *h = arg;
	struct bench own = {.engine = h->engine, .floor = h->b->floor};
	uint64_t cpu, waited;

	h->r = own_times(&cpu, &waited);
	while (h->r == 0) {
		/* Relaxed: a number, nothing is published by it. */
		const size_t i = atomic_fetch_add_explicit(h->next, 1, memory_order_relaxed);
		struct finding f = {0};

		if (i >= h->list->n)
			break;
		h->r = own.floor ? touch(&own, h->list->paths[i], &f) : judge(&own, h->list->paths[i], &f);
		if (h->r == 0 && f.verdict == VERDICT_ERROR)
			h->r = -EIO;
		h->n_bytes += f.size_bytes;
	}
	if (h->r == 0)
		h->r = own_times(&h->cpu, &h->waited);
	h->cpu -= cpu;
	h->waited -= waited;
	return NULL;
}

static int time_pass(struct hand *hands, unsigned n_threads)
{
	const nsec_t began = clock_now();
	uint64_t cpu = 0, waited = 0, n_bytes = 0;
	_Atomic size_t next = 0;
	int r = 0;

	for (unsigned i = 0; i < n_threads; i++) {
		hands[i].next = &next;
		hands[i].n_bytes = 0;
		if (pthread_create(&hands[i].thread, NULL, work, &hands[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < n_threads; i++) {
		(void)pthread_join(hands[i].thread, NULL); /* a thread of ours, once */
		cpu += hands[i].cpu;
		waited += hands[i].waited;
		n_bytes += hands[i].n_bytes;
		r = r ? r : hands[i].r;
	}
	if (r == 0)
		(void)printf("pass %.1f %.1f %.1f %llu\n", (double)cpu / 1e3, (double)(clock_now() - began) / 1e3,
		             (double)waited / 1e3 / n_threads, (unsigned long long)n_bytes);
	return r;
}

static int time_all(struct bench *b, const struct list *list, unsigned n_passes, unsigned n_threads)
{
	_cleanup_(freep) struct hand *hands = calloc(n_threads, sizeof(*hands));
	int r = hands ? 0 : -ENOMEM;

	for (unsigned i = 0; i < n_threads && r == 0; i++) {
		hands[i] = (struct hand){.b = b, .list = list};
		r = engine_new(b->rs, FILE_MAX, &hands[i].engine);
	}
	for (unsigned i = 0; i < n_passes && r == 0; i++)
		r = time_pass(hands, n_threads);
	for (unsigned i = 0; i < n_threads && hands; i++)
		engine_free(hands[i].engine);
	return r;
}

static int prepare(struct bench *b, int image_fd)
{
	const nsec_t began = clock_now();
	int r = engine_global_init();

	if (r == 0)
		r = ruleset_load(image_fd, -1, &b->rs);
	if (r == 0)
		r = engine_new(b->rs, FILE_MAX, &b->engine);
	if (r == 0)
		(void)printf("load %.1f\n", (double)(clock_now() - began) / 1e6);
	return r;
}

static int run(struct bench *b, const char *verb, const struct list *list, unsigned n_passes, unsigned n_threads)
{
	b->with_names = strcmp(verb, "match-names") == 0;
	b->floor = strcmp(verb, "floor") == 0;
	if (b->with_names || strcmp(verb, "match") == 0)
		return match_all(b, list);
	return b->floor || strcmp(verb, "time") == 0 ? time_all(b, list, n_passes, n_threads) : -EINVAL;
}

/* A number from 1 to 64; 1 when it is not given. */
static unsigned number(int argc, char **argv, int i)
{
	const unsigned long v = argc > i ? strtoul(argv[i], NULL, 10) : 1;

	return v <= 64 ? (unsigned)v : 0;
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	struct list list = {0};
	unsigned n_passes, n_threads;
	int r;

	n_passes = number(argc, argv, 4);
	n_threads = number(argc, argv, 5);
	if (argc < 4 || argc > 6 || n_passes < 1 || n_threads < 1 || !read_list(argv[3], &list)) {
		(void)fprintf(stderr, "usage: engine-scan IMAGE_FD match|match-names|time|floor LIST [PASSES [THREADS]]\n");
		return 2;
	}
	r = prepare(&b, atoi(argv[1]));
	if (r == 0)
		r = run(&b, argv[2], &list, n_passes, n_threads);
	if (r < 0)
		(void)fprintf(stderr, "engine-scan: %s\n", strerrordesc_np(-r));
	return r < 0;
}
