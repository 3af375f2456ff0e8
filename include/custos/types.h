/* SPDX-License-Identifier: Apache-2.0 */
/* Shared vocabulary: units, and handing a pointer or descriptor over */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef uint64_t nsec_t; /* nanoseconds, CLOCK_MONOTONIC unless said otherwise */
typedef uint64_t usec_t; /* microseconds */

#define NSEC_PER_USEC ((nsec_t)1000)
#define NSEC_PER_MSEC ((nsec_t)1000000)
#define NSEC_PER_SEC  ((nsec_t)1000000000)
#define USEC_PER_SEC  ((usec_t)1000000)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

/* Two threads that write different fields must not share a cache line. */
#define CACHELINE_BYTES 64
#define _cacheline_     __attribute__((aligned(CACHELINE_BYTES)))
#define _nodiscard_     __attribute__((warn_unused_result))
#define _printf_(f, a)  __attribute__((format(printf, f, a)))

/* Give up ownership of a pointer: yields it and leaves NULL behind. */
#define ptr_take(p)                                                                      \
	({                                                                               \
		__typeof__(p) _pp = (p);                                                 \
		__typeof__(*_pp) _v = *_pp;                                              \
		*_pp = NULL;                                                             \
		_v;                                                                      \
	})

/* Give up ownership of a descriptor: yields it and leaves -1 behind. */
static inline int fd_take(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}
