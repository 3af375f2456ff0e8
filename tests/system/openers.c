/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openers: processes that open files and do not live to see the answer
 *
 *   openers kill SECONDS SEED LIST   eight at a time open files of the list, until they
 * are killed at a moment drawn by lot: at once, stopped before, stopped and continued,
 * by a signal or by their own exit openers storm N LIST             N processes at
 * once; each opens one file of the list openers stop N LIST              the same, but
 * all are stopped while they wait, and go on when standard input ends
 *
 * `stop` counts those that were stopped while they waited for an answer (inside), and those that had one by then and were
 * kept from coming back with it (held).
 *
 * The list is that of churn: `c PATH` must open, `m PATH` must fail with EPERM. Prints
 * what was counted, and the longest time until a process was gone that had been sent
 * SIGKILL.
 *
 * Owns: the processes and the counters they share.
 * Must not own: knowledge of custos; it only sees open(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINES_MAX   10000
#define N_AT_A_TIME 8
#define PROCS_MAX   10000
#define MOMENT_USEC 3000 /* an open takes 20 to 200 us, one that waits longer */
#define WRONG_SHOWN 20
#define INSIDE_USEC 800000 /* less than a hung scanner is left alone */

struct totals {
	_Atomic uint64_t opens, denied, wrong,
		slowest_usec; /* written by every process, relaxed */
};

static struct totals *totals; /* shared */
static char *lines[LINES_MAX];
static size_t n_lines;
static uint64_t kills, slowest_death_usec;
/* Of those stopped: while they waited for an answer; and once they had it, not yet back from open(2). */
static unsigned n_stopped_inside, n_held_inside;

static uint64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int load_list(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[4096];

	if (!f)
		return -errno;
	while (n_lines < LINES_MAX && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		lines[n_lines++] = strdup(line);
	}
	fclose(f);
	return n_lines ? 0 : -ENODATA;
}

static void open_one(size_t i)
{
	const bool malicious = lines[i][0] == 'm';
	uint64_t began = now_usec(), spent, slowest;
	int fd = open(lines[i] + 2, O_RDONLY | O_CLOEXEC), err = fd < 0 ? errno : 0;

	spent = now_usec() - began;
	slowest = atomic_load(&totals->slowest_usec);
	while (spent > slowest &&
	       !atomic_compare_exchange_weak(&totals->slowest_usec, &slowest, spent))
		;
	atomic_fetch_add(&totals->opens, 1);
	atomic_fetch_add(&totals->denied, err == EPERM);
	if (err != (malicious ? EPERM : 0) &&
	    atomic_fetch_add(&totals->wrong, 1) < WRONG_SHOWN)
		fprintf(stderr, "openers: %s: %s\n", lines[i],
		        err ? strerror(err) : "opened");
	if (fd >= 0)
		close(fd);
}

static void *open_for_ever(void *seed)
{
	unsigned state = *(unsigned *)seed;

	for (;;)
		open_one((size_t)rand_r(&state) % n_lines);
	return NULL;
}

/* One in four has a thread that opens, and ends by itself while that one waits. */
static void victim(unsigned seed)
{
	pthread_t thread;
	unsigned state = seed;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (seed % 4 == 0 && pthread_create(&thread, NULL, open_for_ever, &seed) == 0) {
		usleep((unsigned)rand_r(&state) % MOMENT_USEC);
		_exit(0);
	}
	open_for_ever(&seed);
}

/* Whoever is stopped in the middle of an open stays so until it is answered. */
static void end(pid_t pid, unsigned lot)
{
	if (lot & 1)
		kill(pid, SIGSTOP);
	if (lot & 2)
		usleep(lot % MOMENT_USEC);
	if ((lot & 5) == 5)
		kill(pid, SIGCONT);
	kill(pid, lot & 8 && !(lot & 1) ? SIGTERM : SIGKILL);
}

static int kill_them(unsigned seconds, unsigned seed)
{
	const uint64_t until = now_usec() + (uint64_t)seconds * 1000000;
	unsigned state = seed;

	while (now_usec() < until) {
		pid_t pid[N_AT_A_TIME];

		for (unsigned i = 0; i < N_AT_A_TIME; i++) {
			const unsigned lot = (unsigned)rand_r(&state);

			pid[i] = fork();
			if (pid[i] == 0)
				victim(lot);
			if (pid[i] < 0)
				return -errno;
		}
		usleep((unsigned)rand_r(&state) % MOMENT_USEC);
		for (unsigned i = 0; i < N_AT_A_TIME; i++) {
			uint64_t sent, took;

			end(pid[i], (unsigned)rand_r(&state));
			sent = now_usec();
			if (waitpid(pid[i], NULL, 0) < 0)
				return -errno;
			took = now_usec() - sent;
			slowest_death_usec =
				took > slowest_death_usec ? took : slowest_death_usec;
			kills++;
		}
	}
	return 0;
}

static pid_t crowd[PROCS_MAX];

/* All wait for the end of @gate. */
static int gather(unsigned n, const int gate[2])
{
	char byte;

	for (unsigned i = 0; i < n; i++) {
		crowd[i] = fork();
		if (crowd[i] < 0)
			return -errno;
		if (crowd[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(gate[1]);
			(void)!read(gate[0], &byte, 1);
			open_one(i % n_lines);
			_exit(0);
		}
	}
	return 0;
}

/* Does it wait in the kernel, inside open(2)? A signal to stop waits with it. 'T': it is stopped, wherever. */
static bool is_inside_open(pid_t pid, char state)
{
	char path[64], text[512] = "", call[16] = "";
	FILE *f;
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	end = strrchr(text, ')');
	if (!end || end[1] != ' ' || end[2] != state)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	f = fopen(path, "re");
	if (f && !fgets(call, sizeof(call), f))
		call[0] = '\0';
	if (f)
		fclose(f);
	return strtol(call, NULL, 10) == SYS_openat;
}

static unsigned n_inside_open(unsigned n, char state)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++)
		found += is_inside_open(crowd[i], state);
	return found;
}

/* Stop them while they wait; all of them, if they come there in time. */
static void stop_inside(unsigned n)
{
	const uint64_t until = now_usec() + INSIDE_USEC;
	char byte;

	while (now_usec() < until && n_inside_open(n, 'D') < n)
		usleep(MOMENT_USEC);
	for (unsigned i = 0; i < n; i++)
		kill(crowd[i], SIGSTOP);
	n_stopped_inside = n_inside_open(n, 'D');
	fputs("stopped\n", stderr);
	(void)!read(STDIN_FILENO, &byte, 1);
	n_held_inside = n_inside_open(n, 'T');
	for (unsigned i = 0; i < n; i++)
		kill(crowd[i], SIGCONT);
}

static int together(unsigned n, bool stop)
{
	int gate[2], status, bad = 0, r;

	r = pipe2(gate, O_CLOEXEC) < 0 ? -errno : gather(n, gate);
	close(gate[1]);
	if (stop && r == 0)
		stop_inside(n);
	while (wait(&status) > 0)
		bad |= status != 0;
	return r < 0 ? r : bad ? -ECHILD : 0;
}

int main(int argc, char **argv)
{
	int r = -EINVAL;

	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (totals == MAP_FAILED || argc < 4)
		return 2;
	r = load_list(argv[argc - 1]);
	if (r == 0 && strcmp(argv[1], "kill") == 0 && argc == 5)
		r = kill_them((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
	else if (r == 0 && (unsigned)atoi(argv[2]) <= PROCS_MAX)
		r = together((unsigned)atoi(argv[2]), strcmp(argv[1], "stop") == 0);
	if (r < 0) {
		fprintf(stderr, "openers: %s\n", strerror(-r));
		return 2;
	}
	printf("opens=%llu denied=%llu wrong=%llu slowest_usec=%llu kills=%llu "
	       "slowest_death_usec=%llu inside=%u held=%u\n",
	       (unsigned long long)totals->opens, (unsigned long long)totals->denied,
	       (unsigned long long)totals->wrong,
	       (unsigned long long)totals->slowest_usec, (unsigned long long)kills,
	       (unsigned long long)slowest_death_usec, n_stopped_inside, n_held_inside);
	return totals->wrong != 0;
}
