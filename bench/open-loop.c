/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an open costs
 *
 * For each row and round: fresh files, start who answers, warm up, measure 1, 2 and 4
 * openers, stop. Rows alternate, every second round backwards. A "first" row opens
 * every file once, each written before its listener started, so that no cache can know
 * it; an "again" row opens few files often. Started by the script bench/open.
 *
 * Owns: rows, rounds, bars. Must not own: openers (measure.c), daemons (subject.c),
 * printing (report.c).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "measure.h"
#include "report.h"
#include "subject.h"

#define ROUNDS       9
#define ROUNDS_MIN   5 /* medians of fewer say little */
#define OPENS        2000
#define OPENS_MAX    10000 /* 7 openers' first opens must fit the tmpfs */
#define AGAIN_FILES  256
#define WARMUP_OPENS (4 * AGAIN_FILES)
#define WARM_BASE    1000000 /* warm-up files of "first" rows: never measured */

enum row_id {
	ROW_NATIVE_FIRST,
	ROW_NATIVE,
	ROW_MINIMAL_FIRST,
	ROW_MINIMAL,
	ROW_MINIMAL_NEAR,
	ROW_MINIMAL_FAR,
	ROW_COLD,
	ROW_WARM,
	N_ROWS,
};

/*
 * Left to itself, a one-thread listener lands on the opener's CPU or on another for a
 * whole round, with a factor of ten between the two: measure both ends as well.
 */
enum placing {
	PLACE_ANYWHERE,
	PLACE_NEAR, /* opener and listener on CPU 0: the least a wake-up can cost */
	PLACE_FAR,  /* opener on CPU 0, listener on CPU 1 */
};

struct row {
	const char *name;
	enum subject_kind subject;
	bool first; /* every file once */
	enum placing placing;
};

static const struct row rows[N_ROWS] = {
	[ROW_NATIVE_FIRST] = {"native, first open", SUBJECT_NONE, .first = true},
	[ROW_NATIVE] = {"native", SUBJECT_NONE},
	[ROW_MINIMAL_FIRST] = {"minimal, first open", SUBJECT_MINIMAL, .first = true},
	[ROW_MINIMAL] = {"minimal", SUBJECT_MINIMAL},
	[ROW_MINIMAL_NEAR] = {"minimal, same CPU", SUBJECT_MINIMAL,
                              .placing = PLACE_NEAR},
	[ROW_MINIMAL_FAR] = {"minimal, other CPU", SUBJECT_MINIMAL,
                             .placing = PLACE_FAR},
	[ROW_COLD] = {"custos cold (first open)", SUBJECT_CUSTOS, .first = true},
	[ROW_WARM] = {"custos warm", SUBJECT_CUSTOS},
};

static const int listener_cpu[] = {
	[PLACE_ANYWHERE] = -1,
	[PLACE_NEAR] = 0,
	[PLACE_FAR] = 1,
};

static const struct report_bar bars[] = {
	{"cold p50 / minimal p50", ROW_COLD, ROW_MINIMAL_FIRST, 2.0},
	{"warm p50 / minimal p50", ROW_WARM, ROW_MINIMAL, 0},
	{"cold p50 / minimal on the same CPU p50", ROW_COLD, ROW_MINIMAL_NEAR, 0},
	{"cold p50 / minimal on another CPU p50", ROW_COLD, ROW_MINIMAL_FAR, 0},
	{"warm p50 / native p50", ROW_WARM, ROW_NATIVE, 0},
};

_Static_assert(BENCH_ROUNDS_MAX >= ROUNDS_MIN, "the rounds fit");

/* All there is to one run; too large for the stack. */
struct run {
	struct world world;
	unsigned n_rounds, n_opens;
	struct opener_result results[N_ROWS][REPORT_WIDTHS][BENCH_ROUNDS_MAX];
	char why[N_ROWS][SUBJECT_WHY_BYTES];
	bool skipped[N_ROWS];
};

/* Number of the first file for @width: the widths of a "first" row share none. */
static unsigned first_file(const struct run *run, unsigned width)
{
	unsigned n = 0;

	for (unsigned w = 0; w < width; w++)
		n += report_widths[w] * run->n_opens;
	return n;
}

static int make_files(const struct run *run, const struct row *row)
{
	int dirfd = run->world.watched_fd;
	int r;

	if (!row->first)
		return bench_files(dirfd, 0, AGAIN_FILES);
	r = bench_files(dirfd, WARM_BASE, AGAIN_FILES);
	return r < 0 ? r : bench_files(dirfd, 0, first_file(run, REPORT_WIDTHS));
}

static int measure_width(const struct run *run, const struct row *row, unsigned width,
                         struct opener_result *ret)
{
	struct opener_plan plan = {
		.dirfd = run->world.watched_fd,
		.n_files = AGAIN_FILES,
		.n_opens = run->n_opens,
		.n_warmup = WARMUP_OPENS,
		.cpu = row->placing == PLACE_ANYWHERE ? -1 : 0,
	};

	if (row->first) {
		plan.first = first_file(run, width);
		plan.n_files = report_widths[width] * run->n_opens;
		plan.warm_base = WARM_BASE;
		plan.warm_files = AGAIN_FILES;
	}
	return bench_openers(&plan, report_widths[width], ret);
}

/* Several openers bound to one CPU would measure that CPU. */
static unsigned n_widths(const struct row *row)
{
	return row->placing == PLACE_ANYWHERE ? REPORT_WIDTHS : 1;
}

/* One row, one round. Return: 0 (also when the row is skipped) or a negative errno. */
static int measure_row(struct run *run, enum row_id id, unsigned round)
{
	const struct row *row = &rows[id];
	pid_t pid;
	int r;

	if (run->skipped[id])
		return 0;
	r = make_files(run, row);
	if (r < 0)
		return r;
	r = subject_start(row->subject, &run->world, listener_cpu[row->placing], &pid,
	                  run->why[id]);
	if (r == -ENOENT) {
		run->skipped[id] = true;
		return 0;
	}
	if (r < 0) {
		(void)fprintf(stderr, "open-loop: %s: %s\n", row->name, run->why[id]);
		return r;
	}
	for (unsigned w = 0; r == 0 && w < n_widths(row); w++)
		r = measure_width(run, row, w, &run->results[id][w][round]);
	subject_stop(pid);
	return r;
}

static int measure_all(struct run *run)
{
	int r = 0;

	for (unsigned round = 0; r == 0 && round < run->n_rounds; round++)
		for (unsigned i = 0; r == 0 && i < N_ROWS; i++)
			r = measure_row(run, round % 2 ? N_ROWS - 1 - i : i, round);
	return r;
}

static int world_new(struct world *world)
{
	int base, r;

	r = bench_tmpfs("64m", &base);
	if (r < 0)
		return r;
	(void)close(base); /* used by name from here on */
	world->base = "/mnt";
	world->watched = "/mnt/watched";
	if (mkdir(world->watched, 0755) < 0)
		return -errno;
	world->watched_fd = bench_mount(world->watched, "512m");
	if (world->watched_fd < 0)
		return world->watched_fd;
	return subject_prepare(world);
}

static int report(struct run *run, FILE *json)
{
	struct report_row out[N_ROWS] = {0};
	struct report report = {
		.rules = "EICAR and a list of 200000 SHA-256 (custos rows)",
		.n_rounds = run->n_rounds,
		.n_opens = run->n_opens,
		.rows = out,
		.n_rows = N_ROWS,
		.bars = bars,
		.n_bars = ARRAY_SIZE(bars),
	};

	bench_machine(report.machine, sizeof(report.machine));
	for (unsigned i = 0; i < N_ROWS; i++) {
		out[i].name = rows[i].name;
		out[i].narrow = n_widths(&rows[i]) == 1;
		out[i].skipped = run->skipped[i] ? run->why[i] : NULL;
		for (unsigned w = 0; w < REPORT_WIDTHS; w++)
			bench_median(run->results[i][w], run->n_rounds,
			             &out[i].by_width[w]);
	}
	report_print(&report, stdout);
	return json ? report_json(&report, json) : 0;
}

static int usage(void)
{
	(void)fprintf(
		stderr,
		"usage: bench/open [--build DIR] [--rounds %d..%d] [--opens 1..%d] "
		"[--json FILE]\n",
		ROUNDS_MIN, BENCH_ROUNDS_MAX, OPENS_MAX);
	return 2;
}

static int parse_args(int argc, char **argv, struct run *run, FILE **json)
{
	static const struct option longopts[] = {
		{"build", required_argument, NULL, 'b'},
		{"rounds", required_argument, NULL, 'r'},
		{"opens", required_argument, NULL, 'o'},
		{"json", required_argument, NULL, 'j'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (opt == 'b')
			run->world.build = optarg;
		else if (opt == 'r')
			run->n_rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'o')
			run->n_opens = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'j' && !*json)
			*json = fopen(optarg, "we"); /* before the namespace hides it */
		else
			return -EINVAL;
		if (opt == 'j' && !*json)
			return -errno;
	}
	if (optind != argc || run->n_rounds < ROUNDS_MIN ||
	    run->n_rounds > BENCH_ROUNDS_MAX || !run->n_opens ||
	    run->n_opens > OPENS_MAX)
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	static struct run run = {
		.world.build = ".", .n_rounds = ROUNDS, .n_opens = OPENS};
	_cleanup_(file_closep) FILE *json = NULL;
	int r;

	r = parse_args(argc, argv, &run, &json);
	if (r == -EINVAL)
		return usage();
	if (r == 0 && geteuid() != 0) {
		(void)puts("skipped: needs root (fanotify, mount namespace)");
		return 0;
	}
	if (r == 0)
		r = world_new(&run.world);
	if (r == 0)
		r = measure_all(&run);
	if (r == 0)
		r = report(&run, json);
	if (r == 0)
		return 0;
	(void)fprintf(stderr, "open-loop: %s\n", strerror(-r));
	return 1;
}
