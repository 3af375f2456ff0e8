/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules between compiling and writing */
#pragma once

#include "custos/rules-compile.h"

#include "rules-yara.h"

struct rules_compiled {
	struct rules rules;
	unsigned uses; /* mask of enum ruleset_use */
};
