/* SPDX-License-Identifier: Apache-2.0 */
/* Rule set: one immutable generation of compiled YARA rules and hash tables */
#pragma once

#include <stdbool.h>

#include "custos/types.h"

#define RULESET_ID_BYTES 32 /* SHA-256 */

struct ruleset;

/* What some YARA rule looks at besides the bytes of a file. A mask. */
enum ruleset_use {
	RULESET_USES_VARS = 1,  /* any external variable (rules.h): they must be set */
	RULESET_USES_NAME = 2,  /* filename, filepath or extension */
	RULESET_USES_OWNER = 4, /* owner */
	RULESET_USES_TIME = 8,  /* the module time: what time it is */
	RULESET_USES_ALL = 15,
};

struct ruleset_counts {
	uint64_t n_yara;        /* rules */
	uint64_t n_hashes;      /* block entries, all algorithms */
	uint64_t n_allow_hashes;
};

/**
 * ruleset_load() - load an image made by custos-compile
 * @image_fd: sealed memfd (borrowed; may be closed afterwards), checked before use
 * @bulk_fd:  likewise, the one it was made with; -1: none
 * @ret:      set on success only; free with ruleset_free()
 *
 * Opens no path. Libyara must have been initialised (engine_global_init()).
 *
 * Context: keeper at start-up and reload; allocates.
 * Return: 0, -EPERM when the image is not sealed against every change, -EBADMSG when it is
 * damaged, made for another version of libyara or with another bulk, -ENOMEM or another negative errno.
 */
int ruleset_load(int image_fd, int bulk_fd, struct ruleset **ret);
struct ruleset *ruleset_free(struct ruleset *rs); /* accepts NULL, returns NULL */
void ruleset_freep(struct ruleset **rs);
void ruleset_counts(const struct ruleset *rs, struct ruleset_counts *ret);

/*
 * Two rule sets with the same id, RULESET_ID_BYTES long, say the same about the same bytes
 * (and the same name, owner and time, where they are used): the YARA rules, or all hash
 * lists. The first is all zero when there are no YARA rules. Different ids mean nothing
 * more than "perhaps": lists in another order differ. Borrowed from @rs.
 */
const uint8_t *ruleset_yara_id(const struct ruleset *rs);
const uint8_t *ruleset_hash_id(const struct ruleset *rs);

/* May the same bytes be judged differently under another name, of another owner, at
 * another time? True when in doubt. */
bool ruleset_uses_names(const struct ruleset *rs);
bool ruleset_uses_owner(const struct ruleset *rs);
bool ruleset_uses_time(const struct ruleset *rs);
