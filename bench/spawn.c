/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start many short processes, one after the other
 *
 * `spawn ROOT N PROGRAM` changes its root to ROOT, runs PROGRAM N times and prints the
 * seconds it took. A program, its loader and its libraries below ROOT are then opened on
 * ROOT's file system, whatever the machine's own are.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/clock.h"

static int run_once(char *const argv[])
{
	char *const env[] = {NULL};
	int r, status;
	pid_t pid;

	r = posix_spawn(&pid, argv[0], NULL, NULL, argv, env);
	if (r != 0)
		return -r;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status == 0 ? 0 : -EIO;
}

int main(int argc, char **argv)
{
	unsigned long n;
	nsec_t start;
	int r = 0;

	if (argc != 4)
		return 2;
	n = strtoul(argv[2], NULL, 10);
	if (chroot(argv[1]) < 0 || chdir("/") < 0) {
		perror("spawn: chroot");
		return 1;
	}
	start = clock_now();
	for (unsigned long i = 0; r == 0 && i < n; i++)
		r = run_once(argv + 3);
	if (r < 0) {
		(void)fprintf(stderr, "spawn: %s: %s\n", argv[3], strerror(-r));
		return 1;
	}
	(void)printf("%.6f\n", (double)(clock_now() - start) / 1e9);
	return 0;
}
