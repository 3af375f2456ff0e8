/* SPDX-License-Identifier: Apache-2.0 */
/* Threads beside an event loop */
#pragma once

#include <pthread.h>

/**
 * thread_start() - run @fn in a thread that takes no signals: those belong to the event loop
 * @name: for whoever looks; at most 15 bytes
 * @ret:  to be joined; NULL: nobody joins it, as it may be stuck. Then it must not end before the caller lets it
 *
 * Return: 0 or a negative errno.
 */
int thread_start(const char *name, void *(*fn)(void *), void *arg, pthread_t *ret);
