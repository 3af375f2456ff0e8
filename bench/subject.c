/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and stop the programs under measurement
 *
 * Owns: their processes (each a process group of its own), configuration and baits.
 * Must not own: figures. Hands off to: open-loop.c.
 */
#include "subject.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "measure.h"

#define START_LIMIT_MSEC                                                               \
	30000 /* a debug build with sanitizers is slow to load rules                   \
	       */
#define STOP_LIMIT_MSEC 10000
#define STEP_MSEC       20
#define BAIT_EICAR      "bait-eicar"
#define BAIT_HASH       "bait-hash"

/* SHA-256 of "abc", the example of FIPS 180-2 */
#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* In halves, so that nobody's scanner takes this program for the test file. */
static const char eicar_head[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-";
static const char eicar_tail[] = "ANTIVIRUS-TEST-FILE!$H+H*";

static FILE *open_in(const char *dir, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fopen(path, "we");
}

static int close_checked(FILE *f)
{
	int bad = ferror(f);

	return fclose(f) != 0 || bad ? -EIO : 0;
}

/* The same list in every run: a counter through a 64-bit mixer. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static int write_hashes(const char *base)
{
	FILE *f = open_in(base, "hashes.sha256");

	if (!f)
		return -errno;
	(void)fprintf(f, "%s\n", ABC_SHA256);
	for (uint64_t i = 1; i < SUBJECT_HASHES; i++) {
		for (uint64_t word = 0; word < 4; word++)
			(void)fprintf(f, "%016llx",
			              (unsigned long long)mix(i * 4 + word));
		(void)fputc('\n', f);
	}
	return close_checked(f);
}

static int write_config(const struct world *world)
{
	FILE *f = open_in(world->base, "etc/custosd.conf");

	if (!f)
		return -errno;
	(void)fprintf(f,
	              "[Daemon]\nMode=enforce\n[Watch]\nMount=%s\n"
	              "[Rules]\nHashes=%s/hashes.sha256\n",
	              world->watched, world->base);
	return close_checked(f);
}

static int write_bait(const char *dir, const char *name, const char *head,
                      const char *tail)
{
	FILE *f = open_in(dir, name);

	if (!f)
		return -errno;
	(void)fprintf(f, "%s%s", head, tail);
	return close_checked(f);
}

int subject_prepare(const struct world *world)
{
	static const char *const dirs[] = {"etc", "run", "state"};
	char path[256];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", world->base, dirs[i]);
		if (mkdir(path, 0755) < 0)
			return -errno;
	}
	r = write_config(world);
	if (r == 0)
		r = write_hashes(world->base);
	if (r == 0)
		r = write_bait(world->watched, BAIT_EICAR, eicar_head, eicar_tail);
	if (r == 0)
		r = write_bait(world->watched, BAIT_HASH, "abc", "");
	return r;
}

/* In the new process: be found and stopped easily, log to @log. */
static void child_setup(const char *log, int cpu)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_pin(cpu);
	if (fd >= 0) {
		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
	}
}

static pid_t start(char *const argv[], const char *log, int cpu)
{
	pid_t pid = fork();

	if (pid != 0) {
		if (pid > 0)
			(void)setpgid(pid, pid); /* whichever of us is first */
		return pid < 0 ? -errno : pid;
	}
	child_setup(log, cpu);
	(void)execv(argv[0], argv);
	_exit(127);
}

static bool log_is_ready(const char *log)
{
	_cleanup_(file_closep) FILE *f = fopen(log, "re");
	char line[16];

	return f && fgets(line, sizeof(line), f) && strcmp(line, "ready\n") == 0;
}

static bool is_refused(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == EPERM;
	(void)close(fd);
	return false;
}

static bool is_ready(enum subject_kind kind, const struct world *world, const char *log)
{
	if (kind == SUBJECT_MINIMAL)
		return log_is_ready(log);
	return is_refused(world->watched_fd, BAIT_EICAR) &&
	       is_refused(world->watched_fd, BAIT_HASH);
}

static int wait_ready(enum subject_kind kind, const struct world *world,
                      const char *log, pid_t pid, char *why)
{
	/* a subject that marks but never answers would hold us for ever */
	(void)alarm(2 * START_LIMIT_MSEC / 1000);
	for (unsigned msec = 0; msec < START_LIMIT_MSEC; msec += STEP_MSEC) {
		if (waitpid(pid, NULL, WNOHANG) != 0) {
			(void)snprintf(why, SUBJECT_WHY_BYTES,
			               "ended at once, see the log");
			return -ECHILD;
		}
		if (is_ready(kind, world, log)) {
			(void)alarm(0);
			return 0;
		}
		(void)usleep(STEP_MSEC * 1000);
	}
	(void)snprintf(why, SUBJECT_WHY_BYTES, "not ready after %d s",
	               START_LIMIT_MSEC / 1000);
	return -ETIMEDOUT;
}

/* What it said last, for the one who has to find out. */
static void print_log(const char *log)
{
	_cleanup_(file_closep) FILE *f = fopen(log, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		(void)fprintf(stderr, "  | %s", line);
}

struct command {
	char program[256], log[256], etc[256], run[256], state[256];
	char *argv[8];
};

static void command_init(struct command *c, enum subject_kind kind,
                         const struct world *world)
{
	char *custosd[] = {c->program, "--config-root", c->etc,   "--runtime-dir",
	                   c->run,     "--state-dir",   c->state, NULL};
	char *minimal[] = {c->program, (char *)world->watched, NULL};
	bool is_custos = kind == SUBJECT_CUSTOS;

	(void)snprintf(c->program, sizeof(c->program), "%s/%s", world->build,
	               is_custos ? "daemon/custosd" : "bench/minimal");
	(void)snprintf(c->log, sizeof(c->log), "%s/log", world->base);
	(void)snprintf(c->etc, sizeof(c->etc), "%s/etc", world->base);
	(void)snprintf(c->run, sizeof(c->run), "%s/run", world->base);
	(void)snprintf(c->state, sizeof(c->state), "%s/state", world->base);
	if (is_custos)
		memcpy(c->argv, custosd, sizeof(custosd));
	else
		memcpy(c->argv, minimal, sizeof(minimal));
}

int subject_start(enum subject_kind kind, const struct world *world, int cpu,
                  pid_t *ret, char *why)
{
	struct command command;
	pid_t pid;
	int r;

	*ret = 0;
	if (kind == SUBJECT_NONE)
		return 0;
	command_init(&command, kind, world);
	if (access(command.program, X_OK) < 0) {
		(void)snprintf(why, SUBJECT_WHY_BYTES, "%s is not built",
		               strrchr(command.program, '/') + 1);
		return -ENOENT;
	}
	(void)unlink(command.log); /* of the one before */
	pid = start(command.argv, command.log, cpu);
	if (pid < 0) {
		(void)snprintf(why, SUBJECT_WHY_BYTES, "%s", strerror(-pid));
		return pid;
	}
	r = wait_ready(kind, world, command.log, pid, why);
	if (r < 0) {
		print_log(command.log);
		subject_stop(pid);
		return r;
	}
	*ret = pid;
	return 0;
}

void subject_stop(pid_t pid)
{
	bool gone = false;

	if (pid <= 0)
		return;
	(void)kill(pid, SIGTERM);
	for (unsigned msec = 0; msec < STOP_LIMIT_MSEC && !gone; msec += STEP_MSEC) {
		gone = waitpid(pid, NULL, WNOHANG) != 0;
		if (!gone)
			(void)usleep(STEP_MSEC * 1000);
	}
	(void)kill(-pid, SIGKILL); /* helpers that outlived it, or itself */
	if (!gone)
		(void)waitpid(pid, NULL, 0);
}
