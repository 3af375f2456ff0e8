/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stall: does a child get on?
 *
 * Owns: what /proc says of it. Must not own: what is done about one that does not.
 */
#include "daemon/supervisor/stall.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "custos/cleanup.h"

/* Adds to *@used. Return: true when it runs, or would if it had a CPU. */
static bool add_one(pid_t pid, uint64_t *used)
{
	_cleanup_(file_closep) FILE *f = NULL;
	char path[64], text[1024] = "", state;
	uint64_t n[4];
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid); /* fits */
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f) || !(p = strrchr(text, ')')))
		return false; /* it has ended */
	/* state, ten numbers, and CPU time: its own, and that of children that have ended */
	if (sscanf(p, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
	           &state, &n[0], &n[1], &n[2], &n[3]) != 5)
		return false;
	*used += n[0] + n[1] + n[2] + n[3];
	return state == 'R';
}

nsec_t stall_look(struct stall *s, pid_t pid, nsec_t now)
{
	_cleanup_(file_closep) FILE *f = NULL;
	char path[64];
	uint64_t used = 0;
	bool runs = add_one(pid, &used);
	int child;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid); /* fits */
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1)
		runs |= add_one(child, &used);
	if (runs || used != s->used || !s->since) {
		s->since = now;
		s->used = used;
	}
	return now - s->since;
}
