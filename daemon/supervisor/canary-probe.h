/* SPDX-License-Identifier: Apache-2.0 */
/* Canary probe: what the canary process does, apart from when and why (canary.h) */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/shared.h"

enum canary_outcome {
	CANARY_UNKNOWN,   /* not there yet */
	CANARY_REFUSED,   /* as it should be */
	CANARY_SEEN,      /* it opened, and a scanner had called it malicious */
	CANARY_OPENED,    /* and nobody had */
	CANARY_NOT_TRIED, /* no bait could be made: `error` tells why */
	CANARY_HUNG,      /* written by the supervisor alone */
};

#define CANARY_PLACES_MAX 1024

/* Memory that supervisor and canary process share; nobody else has it. */
struct canary_board {
	_Atomic uint32_t
		at; /* index of the place in work; the number of places: all done */
	struct canary_result {
		_Atomic uint32_t outcome; /* enum canary_outcome; written after error */
		int32_t error;            /* positive errno, or 0 */
	} result[CANARY_PLACES_MAX];
};

struct canary_place {
	char *mount_point; /* owned by canary-plan.c */
	dev_t dev;
	pid_t pid; /* of another mount namespace; 0: ours */
};

struct canary_orders {
	struct shared *shared;
	struct canary_board *board;
	const struct canary_place *places;
	size_t first, n;
	int host_root; /* O_PATH */
	int done;      /* eventfd: added to in the end */
};

/**
 * canary_fork() - start a canary process
 *
 * It is no process of ours for the scanner: what it opens is judged like anybody's.
 * When it is done it waits to be killed, so that its number stays its own. Ends with
 * the calling thread. Context: may be called with threads running: the child makes only
 * async-signal-safe calls. Return: pid, or a negative errno.
 */
pid_t canary_fork(const struct canary_orders *o);
