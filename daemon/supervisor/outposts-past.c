/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outposts: those of the custosd before, when that was this very process (renew.c)
 *
 * Owns: waiting for their end, as their parent. Must not own: anything they do; they go on for a while by themselves.
 */
#include "daemon/supervisor/outposts-internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"

static bool is_one(pid_t pid)
{
	_cleanup_(file_closep) FILE *f = NULL;
	char path[64], comm[32] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid); /* fits */
	f = fopen(path, "re");
	if (!f || !fgets(comm, sizeof(comm), f))
		return false;
	return strcmp(comm, "custos-outpost\n") == 0 || strcmp(comm, "custos-gate\n") == 0;
}

static int on_exit_of_one(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct outposts *o = userdata;

	(void)sd_event_source_disable_unref(source);
	for (unsigned i = 0; i < o->n_old; i++)
		if (o->old[i] == si->si_pid)
			o->old[i] = o->old[--o->n_old];
	return 0;
}

void outposts_adopt(struct outposts *o)
{
	_cleanup_(file_closep) FILE *f = NULL;
	char path[64];
	int pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid()); /* fits */
	f = fopen(path, "re");
	while (f && o->n_old < OUTPOSTS_OLD_MAX && fscanf(f, "%d", &pid) == 1)
		if (is_one(pid) && sd_event_add_child(o->m->event, NULL, pid, WEXITED, on_exit_of_one, o) >= 0)
			o->old[o->n_old++] = pid;
}
