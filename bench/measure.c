/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Openers and figures
 *
 * Owns: the processes that open files under a clock, and how their figures are
 *       reduced (percentiles of a run, medians of rounds).
 * Must not own: who answers the opens.
 * Hands off to: open-loop.c, wakeup.c.
 */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"

#define OPENER_ALARM_SEC 60 /* no run takes a tenth of this; nothing may hang */

/* Shared between the parent and its openers. */
struct arena {
	atomic_uint n_ready;
	atomic_bool go;
	atomic_uint n_errors;
	atomic_uint n_warmup; /* opens */
	struct {
		nsec_t start, end, cpu;
		unsigned n_opens;
	} of[BENCH_OPENERS_MAX];
	uint32_t nsec[]; /* [opener][open] */
};

void bench_pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* a figure then shows it */
}

int bench_mount(const char *path, const char *size)
{
	char options[64];
	int fd;

	(void)snprintf(options, sizeof(options), "size=%s,mode=0755", size);
	if (mount("custos-bench", path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int bench_tmpfs(const char *size, int *ret_dirfd)
{
	int fd;

	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	fd = bench_mount("/mnt", size);
	if (fd < 0)
		return fd;
	*ret_dirfd = fd;
	return 0;
}

void bench_name(char name[BENCH_NAME_BYTES], unsigned i)
{
	(void)snprintf(name, BENCH_NAME_BYTES, "f%07u", i);
}

int bench_files(int dirfd, unsigned first, unsigned n)
{
	char name[BENCH_NAME_BYTES];
	char text[BENCH_FILE_BYTES];

	memset(text, 'x', sizeof(text));
	for (unsigned i = first; i < first + n; i++) {
		_cleanup_(fd_closep) int fd = -1;

		bench_name(name, i);
		(void)snprintf(text, sizeof(text), "%s %llu ", name,
		               (unsigned long long)clock_now());
		(void)unlinkat(dirfd, name, 0); /* usually not there */
		fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0)
			return -errno;
		if (write(fd, text, sizeof(text)) != (ssize_t)sizeof(text))
			return -EIO;
	}
	return 0;
}

static nsec_t cpu_now(clockid_t clock)
{
	struct timespec ts = {0};

	(void)clock_gettime(clock, &ts); /* a process that is gone counts 0 */
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

double bench_cpu_usec(int pid)
{
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0)
		return 0;
	return (double)cpu_now(clock) / 1e3;
}

/* Open+read+close one file. Return: 0, or -1 if any of it failed. */
static int open_once(int dirfd, const char *name)
{
	char buf[BENCH_FILE_BYTES];
	int fd, r;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = read(fd, buf, sizeof(buf)) == (ssize_t)sizeof(buf) ? 0 : -1;
	(void)close(fd); /* part of what is measured */
	return r;
}

static void opener_wait(struct arena *arena)
{
	atomic_fetch_add(&arena->n_ready, 1);
	while (!atomic_load(&arena->go))
		(void)sched_yield();
}

static bool is_over(const struct opener_plan *plan, nsec_t start, nsec_t now)
{
	return plan->limit && now - start >= plan->limit;
}

/* Open what the plan says to warm up with. Return: how many failed. */
static unsigned opener_warm_up(const struct opener_plan *plan, struct arena *arena,
                               unsigned at)
{
	unsigned n_files = plan->warm_files ? plan->warm_files : plan->n_files;
	unsigned base = plan->warm_files ? plan->warm_base : plan->first;
	nsec_t start = clock_now();
	char name[BENCH_NAME_BYTES];
	unsigned i, errors = 0;

	for (i = 0; i < plan->n_warmup && !is_over(plan, start, clock_now()); i++) {
		bench_name(name, base + (at + i) % n_files);
		errors += open_once(plan->dirfd, name) < 0;
	}
	atomic_fetch_add(&arena->n_warmup, i);
	return errors;
}

_Noreturn static void opener_main(const struct opener_plan *plan, struct arena *arena,
                                  unsigned self, unsigned n_openers)
{
	unsigned at = plan->n_files / n_openers * self;
	uint32_t *nsec = arena->nsec + (size_t)self * plan->n_opens;
	char name[BENCH_NAME_BYTES];
	unsigned i, errors;
	nsec_t t0, t1, cpu0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(OPENER_ALARM_SEC);
	bench_pin(plan->cpu);
	errors = opener_warm_up(plan, arena, at);
	opener_wait(arena);
	cpu0 = cpu_now(CLOCK_PROCESS_CPUTIME_ID);
	t1 = arena->of[self].start = clock_now();
	for (i = 0; i < plan->n_opens && !is_over(plan, arena->of[self].start, t1); i++) {
		bench_name(name, plan->first + (at + i) % plan->n_files);
		t0 = clock_now();
		errors += open_once(plan->dirfd, name) < 0;
		t1 = clock_now();
		nsec[i] = (uint32_t)MIN(t1 - t0, (nsec_t)UINT32_MAX);
	}
	arena->of[self].end = t1;
	arena->of[self].n_opens = i;
	arena->of[self].cpu = cpu_now(CLOCK_PROCESS_CPUTIME_ID) - cpu0;
	atomic_fetch_add(&arena->n_errors, errors);
	_exit(0);
}

static int compare_nsec(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_usec(const uint32_t *sorted, size_t n, double share)
{
	size_t i = (size_t)((double)n * share);

	return sorted[MIN(i, n - 1)] / 1e3;
}

/* Close the gaps that openers left who ran out of time. Return: opens in all. */
static size_t arena_pack(struct arena *arena, unsigned n_openers, unsigned n_opens)
{
	size_t n = 0;

	for (unsigned i = 0; i < n_openers; i++) {
		memmove(arena->nsec + n, arena->nsec + (size_t)i * n_opens,
		        arena->of[i].n_opens * sizeof(arena->nsec[0]));
		n += arena->of[i].n_opens;
	}
	return n;
}

static void arena_reduce(struct arena *arena, unsigned n_openers, unsigned n_opens,
                         struct opener_result *ret)
{
	size_t n = arena_pack(arena, n_openers, n_opens);
	nsec_t start = arena->of[0].start, end = arena->of[0].end, cpu = 0;

	for (unsigned i = 0; i < n_openers; i++) {
		start = MIN(start, arena->of[i].start);
		end = MAX(end, arena->of[i].end);
		cpu += arena->of[i].cpu;
	}
	qsort(arena->nsec, n, sizeof(arena->nsec[0]), compare_nsec);
	*ret = (struct opener_result){
		.p50_usec = percentile_usec(arena->nsec, n, 0.50),
		.p99_usec = percentile_usec(arena->nsec, n, 0.99),
		.p999_usec = percentile_usec(arena->nsec, n, 0.999),
		.opens_per_sec = (double)n * 1e9 / (double)MAX(end - start, (nsec_t)1),
		.cpu_usec = (double)cpu / 1e3 / (double)n,
		.n_errors = atomic_load(&arena->n_errors),
		.n_opens = (unsigned)n,
		.n_total = (unsigned)n + atomic_load(&arena->n_warmup),
	};
}

/* Wait for @n openers. Return: 0, or -EIO when one did not end well. */
static int openers_reap(const pid_t *pids, unsigned n)
{
	int r = 0, status;

	for (unsigned i = 0; i < n; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status != 0)
			r = -EIO;
	return r;
}

/* Let them go once all are warm; one that died early is found by its absence. */
static void openers_start(struct arena *arena, unsigned n)
{
	nsec_t limit = clock_now() + OPENER_ALARM_SEC * NSEC_PER_SEC;

	while (atomic_load(&arena->n_ready) < n && clock_now() < limit)
		(void)usleep(200);
	atomic_store(&arena->go, true);
}

int bench_openers(const struct opener_plan *plan, unsigned n_openers,
                  struct opener_result *ret)
{
	size_t size =
		sizeof(struct arena) + sizeof(uint32_t) * n_openers * plan->n_opens;
	pid_t pids[BENCH_OPENERS_MAX];
	struct arena *arena;
	unsigned n = 0;
	int r;

	if (n_openers == 0 || n_openers > BENCH_OPENERS_MAX || plan->n_opens == 0)
		return -EINVAL;
	arena = mmap(NULL, size, PROT_READ | PROT_WRITE,
	             MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (arena == MAP_FAILED)
		return -errno;
	for (; n < n_openers; n++) {
		pids[n] = fork();
		if (pids[n] < 0)
			break;
		if (pids[n] == 0)
			opener_main(plan, arena, n, n_openers);
	}
	openers_start(arena, n);
	r = openers_reap(pids, n);
	if (r == 0 && n < n_openers)
		r = -EAGAIN;
	if (r == 0)
		arena_reduce(arena, n_openers, plan->n_opens, ret);
	(void)munmap(arena, size); /* our own mapping */
	return r;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const struct opener_result *results, unsigned n, size_t offset)
{
	double column[BENCH_ROUNDS_MAX];

	n = MIN(n, (unsigned)BENCH_ROUNDS_MAX);
	for (unsigned i = 0; i < n; i++)
		memcpy(&column[i], (const char *)&results[i] + offset, sizeof(double));
	qsort(column, n, sizeof(column[0]), compare_double);
	return n % 2 ? column[n / 2] : (column[n / 2 - 1] + column[n / 2]) / 2;
}

void bench_median(const struct opener_result *results, unsigned n,
                  struct opener_result *ret)
{
	struct opener_result m = {0};

#define COLUMN(field)                                                                  \
	m.field = median(results, n, offsetof(struct opener_result, field))
	COLUMN(p50_usec);
	COLUMN(p99_usec);
	COLUMN(p999_usec);
	COLUMN(opens_per_sec);
	COLUMN(cpu_usec);
#undef COLUMN
	m.p50_low = m.p50_high = results[0].p50_usec;
	for (unsigned i = 0; i < n; i++) {
		m.p50_low = MIN(m.p50_low, results[i].p50_usec);
		m.p50_high = MAX(m.p50_high, results[i].p50_usec);
		m.n_errors += results[i].n_errors;
	}
	*ret = m;
}

/* First "model name" of /proc/cpuinfo, or "unknown processor". */
static void cpu_model(char *buf, size_t size)
{
	_cleanup_(file_closep) FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	(void)snprintf(buf, size, "unknown processor");
	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		(void)snprintf(buf, size, "%s", colon + 2);
		return;
	}
}

void bench_machine(char *buf, size_t size)
{
	struct utsname uts = {0};
	char model[128], date[32];
	time_t now = time(NULL);
	struct tm tm;

	(void)uname(&uts); /* empty fields say enough */
	cpu_model(model, sizeof(model));
	(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &tm));
	(void)snprintf(buf, size, "%s, %ld cpus, Linux %s, %s", model,
	               sysconf(_SC_NPROCESSORS_ONLN), uts.release, date);
}
