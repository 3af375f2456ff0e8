/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks
 *
 * Owns: nothing. Must not own: timers (they belong to event loops).
 */
#include "custos/clock.h"

#include <time.h>

nsec_t clock_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

usec_t clock_wall_usec(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail for this clock */
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)(ts.tv_nsec / 1000);
}
