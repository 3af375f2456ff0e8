/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage: our own view of the mounts, in which opens raise no events (I6)
 *
 * Context: the loop's thread.
 */
#pragma once

#include <stddef.h>

struct own_mounts {
	int *ids; /* of those that carry an ignore mark; owned */
	size_t n;
};

/* Into a mount namespace of our own; before the first thread starts. Return: 0 or a negative errno. */
int own_mounts_leave_namespace(void);
/* Mark what is new in it. Return: 0 or a negative errno. */
int own_mounts_ignore(struct own_mounts *own, int group);
void own_mounts_deinit(struct own_mounts *own);
