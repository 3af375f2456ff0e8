/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks */
#pragma once

#include <time.h>

#include "custos/types.h"

/* CLOCK_MONOTONIC in nanoseconds. Any thread; vDSO, never blocks. */
nsec_t clock_now(void);

/* CPU time of the calling thread in nanoseconds: what other processes do does not count. A system call. */
nsec_t clock_thread(void);

/* A file time as one number, to compare. */
static inline int64_t timespec_nsec(const struct timespec *ts)
{
	return ts->tv_sec * (int64_t)NSEC_PER_SEC + ts->tv_nsec;
}

/* CLOCK_REALTIME in microseconds since the epoch. Any thread; vDSO. */
usec_t clock_wall_usec(void);
