/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks */
#pragma once

#include "custos/types.h"

/* CLOCK_MONOTONIC in nanoseconds. Any thread; vDSO, never blocks. */
nsec_t clock_now(void);

/* CLOCK_REALTIME in microseconds since the epoch. Any thread; vDSO. */
usec_t clock_wall_usec(void);
