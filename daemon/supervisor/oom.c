/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory
 *
 * Owns: which of our processes the kernel ends first when there is no memory.
 * Must not own: how much they may use (MemoryMax= of the unit).
 *
 * A scanner can be replaced, at the cost of the time of a clone, and it is the one that
 * uses the memory. Keeper and anchor keep the files in flight, and the supervisor the
 * marks.
 */
#include "daemon/supervisor/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/types.h"

/* More than ours; with the unit's OOMScoreAdjust=-900 it is -500: still behind ordinary
 * services. */
#define SCANNER_MORE  400
#define SCORE_ADJ_MAX 1000

static int own_score(void)
{
	_cleanup_(fd_closep) int fd =
		open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return 0;
	return (int)strtol(text, NULL, 10);
}

void oom_prefer(pid_t scanner)
{
	_cleanup_(fd_closep) int fd = -1;
	char path[64], text[16];
	int n;

	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj",
	               scanner); /* fits */
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* gone */
	n = snprintf(text, sizeof(text), "%d",
	             MIN(own_score() + SCANNER_MORE, SCORE_ADJ_MAX));
	(void)!write(fd, text, (size_t)n); /* only a preference */
}
