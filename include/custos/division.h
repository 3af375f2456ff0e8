/* SPDX-License-Identifier: Apache-2.0 */
/* Division of the least number by -1, which a processor may refuse with SIGFPE: notice it, and go on */
#pragma once

#include <stdbool.h>

/**
 * division_init() - have SIGFPE handled here
 *
 * Once per process, before the seal. Outside of division_begin() and division_end(), and for any other fault, the process
 * ends by the signal as it would have.
 * Return: 0 or a negative errno.
 */
int division_init(void);

/**
 * division_begin() - from here on, and in this thread, such a division has some result
 *
 * For code that is not ours, whose results are thrown away when division_end() says so. Before division_init() it does nothing.
 *
 * Context: any thread; not nested; no system call.
 */
void division_begin(void);

/* Return: there was one since division_begin(). Never where the processor gives a result by itself (arm64). */
bool division_end(void);
