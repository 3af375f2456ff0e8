/* SPDX-License-Identifier: Apache-2.0 */
/* Does a child get on? One that waits for a file whose server does not answer never ends, and cannot be killed */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "custos/types.h"

struct stall {
	nsec_t since;  /* it has used no CPU time since; CLOCK_MONOTONIC; 0: not looked at yet */
	uint64_t used; /* CPU time by then, in ticks, with that of its own children */
};

/**
 * stall_look() - once a second or so
 * @pid: child of ours, so that the number is its own
 *
 * Context: reads /proc alone, where no server is asked. Return: for how long neither it nor a child of its own has
 * used the CPU or waited for one; 0 when it has.
 */
nsec_t stall_look(struct stall *s, pid_t pid, nsec_t now);
