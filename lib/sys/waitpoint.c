/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait point
 *
 * Owns: the sleep and the wake-up. Must not own: the condition.
 * The futexes are not PRIVATE: the memory may be shared with another process.
 */
#include "custos/waitpoint.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint32_t waitpoint_prepare(struct waitpoint *w)
{
	/* seq_cst: pairs with the fence in waitpoint_wake(); the waiter's later look at its
	 * condition must not move before this. */
	atomic_fetch_add_explicit(&w->n_waiters, 1, memory_order_seq_cst);
	return atomic_load_explicit(&w->epoch, memory_order_seq_cst);
}

void waitpoint_cancel(struct waitpoint *w)
{
	/* Relaxed: only an optimisation hint for wakers. */
	atomic_fetch_sub_explicit(&w->n_waiters, 1, memory_order_relaxed);
}

int waitpoint_wait(struct waitpoint *w, uint32_t key, nsec_t deadline)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline / NSEC_PER_SEC),
		.tv_nsec = (long)(deadline % NSEC_PER_SEC),
	};
	long r;

	/* FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time (futex(2)). */
	r = syscall(SYS_futex, &w->epoch, FUTEX_WAIT_BITSET, key, deadline ? &ts : NULL, NULL,
	            FUTEX_BITSET_MATCH_ANY);
	r = r < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
	waitpoint_cancel(w);
	return (int)r;
}

void waitpoint_wake(struct waitpoint *w, int n)
{
	/* seq_cst: the waker's change of the condition must be visible before it looks for
	 * waiters; pairs with waitpoint_prepare(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&w->n_waiters, memory_order_relaxed) == 0)
		return;
	atomic_fetch_add_explicit(&w->epoch, 1, memory_order_release);
	(void)syscall(SYS_futex, &w->epoch, FUTEX_WAKE, n, NULL, NULL, 0); /* nobody there: fine */
}

void waitpoint_reset(struct waitpoint *w)
{
	atomic_store_explicit(&w->n_waiters, 0, memory_order_relaxed);
}
