/* SPDX-License-Identifier: Apache-2.0 */
/* Decision: policy line and finding in, answer out */
#pragma once

#include "custos/conf.h"
#include "custos/policy.h"
#include "custos/record.h"

struct decision {
	bool deny;                 /* what the kernel is told */
	enum record_action action; /* what is recorded */
	uint32_t flags;            /* RECORD_MONITOR, RECORD_LOGGED, RECORD_LOG_ONLY */
};

/**
 * decide() - the whole decision, pure
 * @line: deciding policy line; NULL: none matched (write-close): allow
 * @f:    finding; ignored for lines that do not scan
 * @path: of the file, or NULL: boot-critical files are never denied for an error, never quarantined
 *
 * Context: any thread; no clock, no state, no allocation.
 */
struct decision decide(const struct policy_line *line, const struct finding *f, enum mode mode,
                       const char *path);

/* Without these the host does not come up again; a broken rule set must not lock it. */
bool boot_critical(const char *path);
