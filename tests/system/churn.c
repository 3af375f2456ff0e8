/* SPDX-License-Identifier: Apache-2.0 */
/*
 * churn: open many files from many processes, knowing what the answer must be.
 *
 * The list has one file a line: `c PATH` must open, `m PATH` must fail with EPERM.
 * Every process takes every n-th line, over and over, until standard input ends, or says anything, and
 * each file was opened once. Malicious files are opened at most --budget times in all,
 * so that the daemon's history of events can be compared with what was seen here.
 *
 * Owns: the processes and the counters they share.
 * Must not own: knowledge of custos; it only sees open(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX        100000 /* ten times what the tests ask for */
#define PROCS_MAX        64
#define WRONG_SHOWN_MAX  20 /* a broken daemon must not flood the log */
#define EXPECT_MALICIOUS 'm'

struct totals {
	_Atomic uint64_t opens, denied, wrong; /* written by every process, relaxed */
	_Atomic uint64_t slowest_usec;
	_Atomic uint32_t denied_of[FILES_MAX]; /* each written by one process only */
};

struct churn {
	struct totals *totals; /* shared */
	char **lines;
	size_t n_lines;
	unsigned n_procs;
	uint64_t budget;     /* malicious opens per process; 0 = no limit */
	unsigned pause_usec; /* after a malicious open */
	unsigned pass_pause_usec;
	uint64_t slow_usec;  /* opens of this length and more are listed */
	int slow_fd;         /* there, opened to append; -1: they are not */
};

static uint64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int load_list(struct churn *c, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!f)
		return -errno;
	c->lines = calloc(FILES_MAX, sizeof(*c->lines));
	if (!c->lines)
		return -ENOMEM;
	while (c->n_lines < FILES_MAX && (len = getline(&line, &room, f)) > 3) {
		line[len - 1] = '\0';
		c->lines[c->n_lines++] = strdup(line);
	}
	free(line);
	fclose(f);
	return c->n_lines ? 0 : -ENODATA;
}

static void note_wrong(struct totals *t, const char *path, const char *got)
{
	if (atomic_fetch_add_explicit(&t->wrong, 1, memory_order_relaxed) <
	    WRONG_SHOWN_MAX)
		fprintf(stderr, "churn: wrong answer for %s: %s\n", path, got);
}

/* "BEGAN ENDED" in microseconds of CLOCK_REALTIME, as bash's EPOCHREALTIME has them. */
static void list_slow(struct churn *c, uint64_t spent_usec)
{
	struct timespec ts;
	unsigned long long now;

	clock_gettime(CLOCK_REALTIME, &ts);
	now = (unsigned long long)ts.tv_sec * 1000000 + (unsigned long long)ts.tv_nsec / 1000;
	dprintf(c->slow_fd, "%llu %llu\n", now - spent_usec, now);
}

static void open_one(struct churn *c, size_t i)
{
	bool malicious = c->lines[i][0] == EXPECT_MALICIOUS;
	const char *path = c->lines[i] + 2;
	struct totals *t = c->totals;
	uint64_t start = now_usec(), spent, slowest;
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = errno;

	spent = now_usec() - start;
	if (c->slow_fd >= 0 && spent >= c->slow_usec)
		list_slow(c, spent);
	slowest = atomic_load_explicit(&t->slowest_usec, memory_order_relaxed);
	while (spent > slowest && !atomic_compare_exchange_weak_explicit(
					  &t->slowest_usec, &slowest, spent,
					  memory_order_relaxed, memory_order_relaxed))
		;
	atomic_fetch_add_explicit(&t->opens, 1, memory_order_relaxed);
	if (fd >= 0) {
		close(fd);
		if (malicious)
			note_wrong(t, path, "opened");
		return;
	}
	if (err == EPERM) {
		atomic_fetch_add_explicit(&t->denied, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&t->denied_of[i], 1, memory_order_relaxed);
	}
	if (!malicious || err != EPERM)
		note_wrong(t, path, strerror(err));
}

/* Or something is there to read: it is left to the others. */
static bool input_ended(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

static void run_process(struct churn *c, unsigned index)
{
	uint64_t spent_budget = 0;
	bool first = true, last = false;

	while (first || !last) {
		for (size_t i = index; i < c->n_lines; i += c->n_procs) {
			bool malicious = c->lines[i][0] == EXPECT_MALICIOUS;

			if (malicious && c->budget && spent_budget >= c->budget)
				continue;
			spent_budget += malicious;
			open_one(c, i);
			if (malicious && c->pause_usec)
				usleep(c->pause_usec);
			last = last || input_ended();
			if (last && !first)
				break;
		}
		first = false;
		if (c->pass_pause_usec)
			usleep(c->pass_pause_usec);
	}
}

static int start_processes(struct churn *c)
{
	for (unsigned i = 0; i < c->n_procs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return -errno;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run_process(c, i);
			_exit(0);
		}
	}
	return 0;
}

/* Return 0 when every process ended well and no answer was wrong. */
static int collect(struct churn *c, const char *denials_path)
{
	FILE *f = denials_path ? fopen(denials_path, "we") : NULL;
	struct totals *t = c->totals;
	int status, bad = 0;

	while (wait(&status) > 0)
		bad |= status != 0;
	for (size_t i = 0; f && i < c->n_lines; i++)
		if (t->denied_of[i])
			fprintf(f, "%u %s\n", (unsigned)t->denied_of[i],
			        c->lines[i] + 2);
	if (f && fclose(f) != 0)
		bad = 1;
	printf("opens=%llu denied=%llu wrong=%llu slowest_usec=%llu\n",
	       (unsigned long long)t->opens, (unsigned long long)t->denied,
	       (unsigned long long)t->wrong, (unsigned long long)t->slowest_usec);
	return bad || t->wrong;
}

static int usage(void)
{
	fprintf(stderr,
	        "usage: churn [-p PROCS] [-b BUDGET] [-u PAUSE_USEC] [-d DENIALS] "
	        "[-w PASS_PAUSE_USEC] [-s SLOW_USEC -S SLOW_LIST] LIST < pipe\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct churn c = {.n_procs = 8, .slow_fd = -1};
	const char *denials = NULL;
	int opt, r;

	while ((opt = getopt(argc, argv, "p:b:u:d:w:s:S:")) != -1) {
		if (opt == 'p')
			c.n_procs = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'b')
			c.budget = strtoull(optarg, NULL, 10);
		else if (opt == 'u')
			c.pause_usec = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'w')
			c.pass_pause_usec = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'd')
			denials = optarg;
		else if (opt == 's')
			c.slow_usec = strtoull(optarg, NULL, 10);
		else if (opt == 'S')
			c.slow_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		else
			return usage();
	}
	if (optind != argc - 1 || c.n_procs < 1 || c.n_procs > PROCS_MAX)
		return usage();
	c.budget = (c.budget + c.n_procs - 1) / c.n_procs;
	c.totals = mmap(NULL, sizeof(*c.totals), PROT_READ | PROT_WRITE,
	                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r = c.totals == MAP_FAILED ? -errno : load_list(&c, argv[optind]);
	if (r == 0)
		r = start_processes(&c);
	if (r < 0) {
		fprintf(stderr, "churn: %s\n", strerror(-r));
		return 2;
	}
	return collect(&c, denials);
}
