/* SPDX-License-Identifier: Apache-2.0 */
/* Rule set: one immutable generation of compiled YARA rules and hash tables */
#pragma once

#include "custos/types.h"

struct ruleset;

struct ruleset_counts {
	uint64_t n_yara;        /* rules */
	uint64_t n_hashes;      /* block entries, all algorithms */
	uint64_t n_allow_hashes;
};

/**
 * ruleset_load() - load an image made by custos-compile
 * @image_fd: sealed memfd (borrowed; may be closed afterwards), checked before use
 * @ret:      set on success only; free with ruleset_free()
 *
 * Opens no path. Libyara must have been initialised (engine_global_init()).
 *
 * Context: keeper at start-up and reload; allocates.
 * Return: 0, -EPERM when the image is not sealed against every change, -EBADMSG when it is
 * damaged or made for another version of libyara, -ENOMEM or another negative errno.
 */
int ruleset_load(int image_fd, struct ruleset **ret);
struct ruleset *ruleset_free(struct ruleset *rs); /* accepts NULL, returns NULL */
void ruleset_freep(struct ruleset **rs);
void ruleset_counts(const struct ruleset *rs, struct ruleset_counts *ret);
