/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who should answer an open, and how should it wait?
 *
 * Measures the same openers against allow-all listeners of many shapes, on a tmpfs
 * in a mount namespace of our own: blocking read or epoll, one reader or two, answer
 * by the reader or handed to a worker that sleeps or spins first, pinned or not,
 * scheduling class. Shapes alternate within a round; figures are medians of rounds.
 * Run by the script bench/wakeup.
 *
 * Owns: the table of shapes and the printed table.
 * Must not own: listeners (wakeup-listener.c), openers (measure.c).
 */
#include "wakeup.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

#define N_FILES       256
#define N_MANY        4 /* openers of the throughput column */
#define ROUNDS        7
#define OPENS         4000
#define SHAPES_MAX    64
#define BASELINE_NAME "block"

#define SHAPE(n, ...)                                                                  \
	{                                                                              \
		.name = (n), __VA_ARGS__                                               \
	}
#define BLOCK(r) .wait = WAIT_BLOCK, .n_readers = (r)
#define EPOLL(r) .wait = WAIT_EPOLL, .n_readers = (r)
#define HERD(r)  .wait = WAIT_HERD, .n_readers = (r)
#define TRY(r, usec)                                                                   \
	.wait = WAIT_TRY_EPOLL, .n_readers = (r), .reader_spin_usec = (usec)
#define HAND(usec)  EPOLL(1), .worker = true, .worker_spin_usec = (usec)
#define ON(o, r, w) .opener_on = (o), .reader_on = (r), .worker_on = (w)

static const struct shape shapes[] = {
	SHAPE("native", .wait = WAIT_NONE),
	SHAPE(BASELINE_NAME, BLOCK(1)),
	SHAPE("block-2", BLOCK(2)),
	SHAPE("epoll", EPOLL(1)),
	SHAPE("epoll-2", EPOLL(2)),
	SHAPE("try-epoll", TRY(1, 0)),
	SHAPE("try-epoll-2", TRY(2, 0)),
	SHAPE("spin20-epoll", TRY(1, 20)),
	SHAPE("spin50-epoll", TRY(1, 50)),
	SHAPE("spin50-epoll-2", TRY(2, 50)),
	SHAPE("hand-sleep", HAND(0)),
	SHAPE("hand-spin20", HAND(20)),
	SHAPE("hand-spin50", HAND(50)),
	SHAPE("hand-spin100", HAND(100)),
	SHAPE("same-core-block", BLOCK(1), ON(1, 1, 0)),
	SHAPE("same-core-epoll-2", EPOLL(2), ON(1, 1, 0)),
	SHAPE("same-core-hand", HAND(0), ON(1, 1, 1)),
	SHAPE("same-core-hand-other", HAND(0), ON(1, 1, 2)),
	SHAPE("other-core-block", BLOCK(1), ON(1, 2, 0)),
	SHAPE("other-core-epoll", EPOLL(1), ON(1, 2, 0)),
	SHAPE("other-core-spin50", TRY(1, 50), ON(1, 2, 0)),
	SHAPE("other-core-hand", HAND(0), ON(1, 2, 2)),
	SHAPE("other-core-hand-spin50", HAND(50), ON(1, 2, 2)),
	SHAPE("epoll-2-nice-10", EPOLL(2), .nice = -10),
	SHAPE("epoll-2-fifo", EPOLL(2), .fifo = true),
	SHAPE("hand-sleep-fifo", HAND(0), .fifo = true),
	SHAPE("spread-block-2", BLOCK(2), .spread = true),
	SHAPE("spread-epoll-2", EPOLL(2), .spread = true),
	SHAPE("spread-herd-2", HERD(2), .spread = true),
	SHAPE("spread-herd-2-fifo", HERD(2), .spread = true, .fifo = true),
	SHAPE("work15-same-core", BLOCK(1), ON(1, 1, 0), .work_usec = 15),
	SHAPE("work15-spread-block-2", BLOCK(2), .spread = true, .work_usec = 15),
	SHAPE("work15-spread-herd-2", HERD(2), .spread = true, .work_usec = 15),
	SHAPE("work15-block", BLOCK(1), .work_usec = 15),
	SHAPE("work15-epoll-2", EPOLL(2), .work_usec = 15),
	SHAPE("work15-hand-sleep", HAND(0), .work_usec = 15),
	SHAPE("work15-hand-spin50", HAND(50), .work_usec = 15),
};

_Static_assert(ARRAY_SIZE(shapes) <= SHAPES_MAX, "results have room for every shape");

/* What one shape gave in each round. */
struct series {
	struct opener_result one[BENCH_ROUNDS_MAX];
	struct opener_result many[BENCH_ROUNDS_MAX];
	struct opener_result listener[BENCH_ROUNDS_MAX]; /* cpu_usec only */
};

static struct series results[SHAPES_MAX];

struct options {
	unsigned n_rounds, n_opens;
	char **names; /* NULL-terminated; empty = all */
};

static bool wanted(const struct options *options, const struct shape *shape)
{
	if (!options->names[0])
		return true;
	for (char **name = options->names; *name; name++)
		if (strcmp(*name, shape->name) == 0)
			return true;
	return strcmp(shape->name, BASELINE_NAME) == 0; /* ratios need it */
}

static int measure(const struct shape *shape, int dirfd, unsigned n_opens,
                   struct series *series, unsigned round)
{
	struct opener_plan plan = {
		.dirfd = dirfd,
		.n_files = N_FILES,
		.n_opens = n_opens,
		.n_warmup = n_opens / 8,
		.cpu = (int)shape->opener_on - 1,
	};
	double cpu = 0;
	pid_t pid = 0;
	int r = 0;

	if (shape->wait != WAIT_NONE)
		r = listener_start(shape, dirfd, &pid);
	if (r < 0)
		return r;
	if (pid)
		cpu = bench_cpu_usec(pid);
	r = bench_openers(&plan, 1, &series->one[round]);
	if (pid)
		cpu = bench_cpu_usec(pid) - cpu;
	series->listener[round].cpu_usec = cpu / (plan.n_opens + plan.n_warmup);
	if (r == 0)
		r = bench_openers(&plan, N_MANY, &series->many[round]);
	listener_stop(pid);
	return r;
}

static int run(const struct options *options, int dirfd)
{
	int r = bench_files(dirfd, 0, N_FILES);

	for (unsigned round = 0; r == 0 && round < options->n_rounds; round++)
		for (size_t i = 0; r == 0 && i < ARRAY_SIZE(shapes); i++)
			if (wanted(options, &shapes[i]))
				r = measure(&shapes[i], dirfd, options->n_opens,
				            &results[i], round);
	return r;
}

static void print_row(const struct options *options, const char *name,
                      const struct series *series, double baseline)
{
	struct opener_result one, many, listener;

	bench_median(series->one, options->n_rounds, &one);
	bench_median(series->many, options->n_rounds, &many);
	bench_median(series->listener, options->n_rounds, &listener);
	(void)printf("| %-22s | %6.1f | %6.1f..%-6.1f | %6.1f | %7.1f | %5.2f | %8.0f "
	             "| %5.1f "
	             "| %5.1f |%s\n",
	             name, one.p50_usec, one.p50_low, one.p50_high, one.p99_usec,
	             one.p999_usec, one.p50_usec / baseline, many.opens_per_sec,
	             one.cpu_usec, listener.cpu_usec,
	             one.n_errors + many.n_errors ? " ERRORS" : "");
}

static void print_table(const struct options *options)
{
	struct opener_result baseline = {.p50_usec = 1};
	char machine[256];

	bench_machine(machine, sizeof(machine));
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (strcmp(shapes[i].name, BASELINE_NAME) == 0)
			bench_median(results[i].one, options->n_rounds, &baseline);
	(void)printf("%s; tmpfs, open+read+close of 4 KiB, median of %u rounds of %u "
	             "opens\n\n",
	             machine, options->n_rounds, options->n_opens);
	(void)puts("| shape                  | p50 us | p50 of rounds | p99 us | p99.9 "
	           "us | "
	           "ratio | opens/s of 4 | opener CPU us | listener CPU us |");
	(void)puts("|---|---|---|---|---|---|---|---|---|");
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (wanted(options, &shapes[i]))
			print_row(options, shapes[i].name, &results[i],
			          baseline.p50_usec);
}

static int usage(void)
{
	(void)fputs("usage: wakeup [--rounds N] [--opens N] [SHAPE...]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"opens", required_argument, NULL, 'o'},
		{0},
	};
	struct options options = {.n_rounds = ROUNDS, .n_opens = OPENS};
	int dirfd, opt, r;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1)
		if (opt == 'r')
			options.n_rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'o')
			options.n_opens = (unsigned)strtoul(optarg, NULL, 10);
		else
			return usage();
	if (options.n_rounds < 1 || options.n_rounds > BENCH_ROUNDS_MAX ||
	    !options.n_opens)
		return usage();
	options.names = argv + optind;
	r = bench_tmpfs("64m", &dirfd);
	if (r == 0)
		r = run(&options, dirfd);
	if (r < 0) {
		(void)fprintf(stderr, "wakeup: %s (root is needed)\n", strerror(-r));
		return 1;
	}
	print_table(&options);
	return 0;
}
