/* SPDX-License-Identifier: Apache-2.0 */
/* Rule set: its parts, for the engine */
#pragma once

#include <stdbool.h>

#include "custos/engine.h"
#include "custos/hashdb.h"
#include "custos/image.h"
#include "custos/rules.h"

/* In the order of the sections. */
struct ruleset_tables {
	struct hashdb block[N_DIGESTS];
	struct hashdb allow; /* SHA-256 */
};

struct ruleset {
	struct image image, bulk_image; /* keep the tables mapped */
	struct ruleset_counts counts;
	struct rules *rules; /* NULL: no YARA rules */
	uint32_t uses; /* mask of enum ruleset_use */
	uint8_t yara_id[RULESET_ID_BYTES];
	uint8_t hash_id[RULESET_ID_BYTES];
	struct ruleset_tables own, bulk;
	struct ruleset_tables withdrawn; /* of bulk: these digests do not count */
};

/* The digests that looking a file up takes: mask of 1 << enum digest_alg, never empty. */
unsigned ruleset_digests(const struct ruleset *rs);

/* Is the file on a list? If so verdict, reason and rule of @f are set. The block lists
 * come first. @d: holds ruleset_digests(); @f: its size_bytes counts. */
bool ruleset_lists_have(const struct ruleset *rs, const struct engine_digests *d,
                        struct finding *f);
