/* SPDX-License-Identifier: Apache-2.0 */
/* Wait point: sleep until somebody says that a condition may have changed (an eventcount)
 *
 * The condition lives elsewhere. A waiter:
 *	key = waitpoint_prepare(w);
 *	if (condition) waitpoint_cancel(w); else waitpoint_wait(w, key, deadline);
 * A waker changes the condition first, then calls waitpoint_wake(). No wake-up is lost: either the
 * waiter sees the new condition, or the waker sees the waiter. A waker with nobody asleep pays one
 * fence and one load, no system call.
 *
 * Works in memory shared between processes. A waiter that is killed leaves n_waiters too high: that
 * costs later wakers a needless system call, nothing else; waitpoint_reset() mends it.
 *
 *              | prepare/wait | wake | reset
 * prepare/wait |      -       |  -   |   X      (X: needs external synchronisation)
 * wake         |      -       |  -   |   -
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "custos/types.h"

struct waitpoint {
	_Atomic uint32_t epoch;     /* any thread: bumped by wakers */
	_Atomic uint32_t n_waiters; /* any thread */
};

uint32_t waitpoint_prepare(struct waitpoint *w);
void waitpoint_cancel(struct waitpoint *w);

/**
 * waitpoint_wait() - sleep until woken since waitpoint_prepare() returned @key
 * @deadline: CLOCK_MONOTONIC, 0 = for ever
 *
 * Return: 0 (also spuriously), or -ETIMEDOUT.
 */
int waitpoint_wait(struct waitpoint *w, uint32_t key, nsec_t deadline);

/* Wake up to @n waiters. */
void waitpoint_wake(struct waitpoint *w, int n);

/* Forget waiters that died. Only while nobody waits or prepares. */
void waitpoint_reset(struct waitpoint *w);
