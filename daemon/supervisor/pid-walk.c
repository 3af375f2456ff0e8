/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All processes, a few at a time
 *
 * Owns: the stream that knows how far a round has come. Must not own: what is looked for, or when.
 */
#include "daemon/supervisor/pid-walk.h"

#include <stdlib.h>

#include "custos/clock.h"

bool pid_walk_turn(struct pid_walk *w, nsec_t most, void (*fn)(void *userdata, pid_t pid),
                   void *userdata)
{
	const nsec_t began = clock_now();
	const struct dirent *e;

	if (!w->proc)
		w->proc = opendir("/proc");
	while (w->proc && (e = readdir(w->proc))) {
		char *end;
		const long pid = strtol(e->d_name, &end, 10);

		if (!*end && pid > 0)
			fn(userdata, (pid_t)pid);
		if (clock_now() - began >= most)
			return false;
	}
	pid_walk_end(w);
	return true;
}

void pid_walk_end(struct pid_walk *w)
{
	if (w->proc)
		(void)closedir(w->proc);
	w->proc = NULL;
}
