/* SPDX-License-Identifier: Apache-2.0 */
/* All processes, a few at a time: any user can have tens of thousands, and the event loop has other work */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <sys/types.h>

#include "custos/types.h"

struct pid_walk {
	DIR *proc; /* NULL: no round is under way */
};

/**
 * pid_walk_turn() - go on with a round, or begin one
 * @most: look at no further process after so long
 * @fn:   called for each; processes that start or end during a round may be missed or be gone
 *
 * Return: true when the round has ended, or /proc cannot be read.
 */
bool pid_walk_turn(struct pid_walk *w, nsec_t most, void (*fn)(void *userdata, pid_t pid),
                   void *userdata);

/* Give a round up. */
void pid_walk_end(struct pid_walk *w);
