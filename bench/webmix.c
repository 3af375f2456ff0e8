/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mix like a web server's: many readers, few writers
 *
 * `webmix DIR FILES READERS REQUESTS` has READERS processes answer REQUESTS requests in
 * all. A request opens one of FILES files (a quarter of them get three quarters of the
 * requests), asks its size, reads it to its end and closes it. Meanwhile one writer puts
 * a new file in the place of an old one every 5 ms, as a deployment does, and appends to
 * a log. Prints seconds.
 *
 * `webmix DIR FILES` makes the files: 1 to 64 KiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/types.h"

#define NAME_BYTES    32
#define WRITE_USEC    5000
#define READERS_MAX   64
#define FILE_KB_MAX   64
#define ALARM_SECONDS 120 /* nothing may hang */

static char page[FILE_KB_MAX << 10];

/* xorshift: the same requests in every run */
static unsigned next(unsigned *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Sizes as of web pages: half of them up to 4 KiB. */
static size_t size_of(unsigned i)
{
	static const unsigned char kb[] = {1, 2, 3, 4, 4, 8, 16, FILE_KB_MAX};

	return (size_t)kb[i % sizeof(kb)] << 10;
}

static int put_file(int dirfd, unsigned i, unsigned version)
{
	char name[NAME_BYTES];
	int fd;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "page%u", i);
	(void)snprintf(page, sizeof(page), "page %u version %u pid %d", i, version,
	               (int)getpid());
	fd = openat(dirfd, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	n = write(fd, page, size_of(i));
	if (close(fd) < 0 || n != (ssize_t)size_of(i))
		return -EIO;
	return renameat(dirfd, "new", dirfd, name) < 0 ? -errno : 0;
}

static int append_log(int dirfd)
{
	static const char line[] = "GET /page HTTP/1.1 200\n";
	_cleanup_(fd_closep) int fd = -1;

	fd = openat(dirfd, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	return write(fd, line, sizeof(line) - 1) < 0 ? -errno : 0;
}

_Noreturn static void writer_main(int dirfd, unsigned n_files)
{
	unsigned seed = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(ALARM_SECONDS);
	for (unsigned version = 1;; version++) {
		(void)usleep(WRITE_USEC);
		if (put_file(dirfd, next(&seed) % n_files, version) < 0 ||
		    append_log(dirfd) < 0)
			_exit(1);
	}
}

static bool serve(int dirfd, unsigned i)
{
	_cleanup_(fd_closep) int fd = -1;
	char name[NAME_BYTES];
	struct stat st;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "page%u", i);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	n = read(fd, page, sizeof(page));
	return n == st.st_size;
}

_Noreturn static void reader_main(int dirfd, unsigned n_files, unsigned n, unsigned self)
{
	unsigned seed = 0x9e3779b9u + self;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(ALARM_SECONDS);
	for (unsigned i = 0; i < n; i++) {
		unsigned range = next(&seed) % 4 ? MAX(n_files / 4, 1u) : n_files;

		if (!serve(dirfd, next(&seed) % range))
			_exit(1);
	}
	_exit(0);
}

static int make(int dirfd, unsigned n_files)
{
	int r = 0;

	memset(page, 'w', sizeof(page));
	for (unsigned i = 0; r == 0 && i < n_files; i++)
		r = put_file(dirfd, i, 0);
	return r;
}

/* Return: 0 when all readers served all they had to. */
static int run(int dirfd, unsigned n_files, unsigned n_readers, unsigned n_requests)
{
	pid_t writer = fork(), pids[READERS_MAX];
	int r = 0, status;

	if (writer == 0)
		writer_main(dirfd, n_files);
	for (unsigned i = 0; i < n_readers; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			reader_main(dirfd, n_files, n_requests / n_readers, i);
	}
	for (unsigned i = 0; i < n_readers; i++)
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) != pids[i] ||
		    status != 0)
			r = -EIO;
	if (writer <= 0 || waitpid(writer, &status, WNOHANG) != 0)
		return -EIO; /* it must still be writing */
	(void)kill(writer, SIGKILL);
	(void)waitpid(writer, NULL, 0);
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(fd_closep) int dirfd = -1;
	unsigned n_files, n_readers;
	nsec_t start;
	int r;

	if (argc != 3 && argc != 5)
		return 2;
	dirfd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	n_files = (unsigned)strtoul(argv[2], NULL, 10);
	n_readers = argc == 5 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
	if (dirfd < 0 || n_files < 1 || n_readers < 1 || n_readers > READERS_MAX)
		return 2;
	start = clock_now();
	if (argc == 3)
		r = make(dirfd, n_files);
	else
		r = run(dirfd, n_files, n_readers,
		        (unsigned)strtoul(argv[4], NULL, 10));
	if (r < 0) {
		(void)fprintf(stderr, "webmix: %s\n", strerror(-r));
		return 1;
	}
	(void)printf("%.6f\n", (double)(clock_now() - start) / 1e9);
	return 0;
}
