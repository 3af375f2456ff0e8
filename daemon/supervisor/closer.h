/* SPDX-License-Identifier: Apache-2.0 */
/* Closer: close descriptors of strangers, which may take for ever
 *
 * close(2) of a file on FUSE or a network file system tells its server and waits for
 * the answer, and whoever has received a descriptor must close it. So threads that
 * nobody waits for do it.
 *
 * Synchronisation: closer_close() and closer_is_full() are for one thread, the event
 * loop.
 */
#pragma once

#include <stdbool.h>

/* Threads at most, each stuck with one file. */
#define CLOSER_THREADS_MAX 8
/* With so many waiting nobody should take more; what is under way by then still has
 * room. */
#define CLOSER_WAITING_ENOUGH 256

struct closer;

int closer_new(struct closer **ret); /* 0 or a negative errno. Starts a thread */

/* Consumes @fd; -1 is nothing. Without a closer (NULL) it is closed here and now. Never
 * blocks with one. */
void closer_close(struct closer *c, int fd);

/* So many wait that no more descriptors of strangers should be received. */
bool closer_is_full(struct closer *c);

/* Waits for what can be closed in half a second; the rest goes with the process.
 * Accepts NULL, returns NULL. */
struct closer *closer_free(struct closer *c);
