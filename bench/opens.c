/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make files, or open them under a clock, as bench/run says
 *
 * `opens make DIR FIRST N UID` writes N files of 4 KiB that belong to UID; `opens run DIR
 * [option...]` opens them and prints what it measured as one JSON object.
 *
 * Owns: the command line. Must not own: openers and figures (measure.c), rows and rounds
 * (bench/run).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "measure.h"

static int usage(void)
{
	(void)fputs("usage: opens make DIR FIRST N UID\n"
	            "       opens run DIR [--first N] [--files N] [--openers N] [--opens N]\n"
	            "           [--warmup N] [--warm-base N] [--warm-files N] [--cpu N]\n"
	            "           [--limit-msec N]\n",
	            stderr);
	return 2;
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

static int make(int dirfd, char *const argv[])
{
	unsigned first = number(argv[0]), n = number(argv[1]);
	uid_t uid = number(argv[2]);
	char name[BENCH_NAME_BYTES];
	int r;

	r = bench_files(dirfd, first, n);
	for (unsigned i = first; r == 0 && uid != geteuid() && i < first + n; i++) {
		bench_name(name, i);
		if (fchownat(dirfd, name, uid, uid, 0) < 0)
			r = -errno;
	}
	return r;
}

/* Return: false when the command line makes no sense. */
static bool parse(int argc, char **argv, struct opener_plan *plan, unsigned *n_openers)
{
	static const struct option longopts[] = {
		{"first", required_argument, NULL, 'f'},
		{"files", required_argument, NULL, 'n'},
		{"openers", required_argument, NULL, 'o'},
		{"opens", required_argument, NULL, 'm'},
		{"warmup", required_argument, NULL, 'w'},
		{"warm-base", required_argument, NULL, 'b'},
		{"warm-files", required_argument, NULL, 'k'},
		{"cpu", required_argument, NULL, 'c'},
		{"limit-msec", required_argument, NULL, 'l'},
		{0},
	};
	unsigned limit_msec = 0;
	unsigned *to[] = {['f'] = &plan->first,      ['n'] = &plan->n_files,
	                  ['o'] = n_openers,         ['m'] = &plan->n_opens,
	                  ['w'] = &plan->n_warmup,   ['b'] = &plan->warm_base,
	                  ['k'] = &plan->warm_files, ['l'] = &limit_msec};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1)
		if (opt == 'c')
			plan->cpu = (int)number(optarg);
		else if (opt == '?')
			return false;
		else
			*to[opt] = number(optarg);
	plan->limit = limit_msec * NSEC_PER_MSEC;
	return optind == argc && plan->n_files && plan->n_opens;
}

static void print(unsigned n_openers, const struct opener_result *r)
{
	(void)printf("{\"openers\": %u, \"p50Usec\": %.3f, \"p99Usec\": %.3f, "
	             "\"p999Usec\": %.3f, \"opensPerSec\": %.1f, \"openerCpuUsec\": %.4f, "
	             "\"opens\": %u, \"allOpens\": %u, \"errors\": %u}\n",
	             n_openers, r->p50_usec, r->p99_usec, r->p999_usec,
	             r->opens_per_sec, r->cpu_usec, r->n_opens, r->n_total,
	             r->n_errors);
}

int main(int argc, char **argv)
{
	struct opener_plan plan = {.n_files = 1, .n_opens = 1, .cpu = -1};
	_cleanup_(fd_closep) int dirfd = -1;
	struct opener_result result;
	unsigned n_openers = 1;
	int r;

	if (argc < 3)
		return usage();
	dirfd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		perror(argv[2]);
		return 1;
	}
	plan.dirfd = dirfd;
	if (strcmp(argv[1], "make") == 0 && argc == 6) {
		r = make(dirfd, argv + 3);
	} else if (strcmp(argv[1], "run") == 0 &&
	           parse(argc - 2, argv + 2, &plan, &n_openers)) {
		r = bench_openers(&plan, n_openers, &result);
		if (r == 0)
			print(n_openers, &result);
	} else {
		return usage();
	}
	if (r < 0)
		(void)fprintf(stderr, "opens: %s\n", strerror(-r));
	return r < 0;
}
