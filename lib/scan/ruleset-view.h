/* SPDX-License-Identifier: Apache-2.0 */
/* Rule set: its parts, for the engine */
#pragma once

#include <stdbool.h>

#include "custos/hashdb.h"
#include "custos/image.h"
#include "custos/rules.h"

struct ruleset {
	struct image image; /* keeps the tables mapped */
	struct ruleset_counts counts;
	struct rules *rules; /* NULL: no YARA rules */
	bool uses_vars;
	struct hashdb block[N_DIGESTS];
	struct hashdb allow; /* SHA-256 */
};
