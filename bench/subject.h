/* SPDX-License-Identifier: Apache-2.0 */
/* Who answers the opens while they are measured */
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum subject_kind {
	SUBJECT_NONE,
	SUBJECT_MINIMAL, /* bench/minimal.c */
	SUBJECT_CUSTOS,  /* custosd with the built-in rules and N_HASHES hashes */
};

#define SUBJECT_HASHES    200000
#define SUBJECT_WHY_BYTES 256

/* Where things are; all inside the private mount namespace but @build. */
struct world {
	const char *build;   /* build tree with bench/minimal and daemon/custosd */
	const char *base;    /* tmpfs for configuration, state and logs */
	const char *watched; /* root of the measured tmpfs */
	int watched_fd;
};

/**
 * subject_prepare() - write the configuration, the hash list and the two bait files
 *
 * Context: before any subject runs. Return: 0 or a negative errno.
 */
int subject_prepare(const struct world *world);

/**
 * subject_start() - start one and wait until it really answers
 * @cpu: pin it there, -1 = leave to the kernel
 * @ret: set on success: pid for subject_stop(), 0 for SUBJECT_NONE
 * @why: set on failure, SUBJECT_WHY_BYTES
 *
 * custosd counts as started once it refuses both baits (EICAR, a listed hash).
 * Return: 0; -ENOENT when the program is not built; or another negative errno.
 */
int subject_start(enum subject_kind kind, const struct world *world, int cpu,
                  pid_t *ret, char *why);

/* Stop @pid and whatever it started: SIGTERM, then SIGKILL to its process group. */
void subject_stop(pid_t pid);
