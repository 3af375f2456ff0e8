/* SPDX-License-Identifier: Apache-2.0 */
/* Hold mark: the kernel is told not to ask about a file that nobody can change unnoticed */
#pragma once

#include "daemon/shared.h"

/* Borrowed. */
struct hold_marks {
	struct shared *shared;
	struct cache cache;
	int group, guard;
};

/**
 * hold_mark() - ignore opens of a file from now on
 * @w:  what is known about it
 * @fd: the file, with a read lease
 *
 * Context: one thread, a lock against a flush held. While it works, opens of the file wait for it: some microseconds,
 * nothing here blocks. Should the thread be stopped in it, the keeper lets them go on (HOLDER_SILENCE_NSEC).
 * Return: 0; -ESTALE: no verdict by the rules in force for the state it is in; or another negative errno.
 */
int hold_mark(const struct hold_marks *m, const struct hold_wish *w, int fd);
