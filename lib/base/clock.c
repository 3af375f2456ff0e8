/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks
 *
 * Owns: nothing. Must not own: timers (they belong to event loops).
 */
#include "custos/clock.h"

#include <time.h>

static nsec_t read_clock(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts); /* cannot fail for those we ask */
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

nsec_t clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

nsec_t clock_thread(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

usec_t clock_wall_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail for this clock */
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)(ts.tv_nsec / 1000);
}
