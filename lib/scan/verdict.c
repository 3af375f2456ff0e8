/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdict names
 *
 * Owns: the words for verdicts and reasons. Must not own: decisions (policy).
 */
#include "custos/verdict.h"

#include <string.h>

#include "custos/types.h"

static const char *const verdict_names[] = {
	[VERDICT_UNKNOWN] = "unknown",
	[VERDICT_CLEAN] = "clean",
	[VERDICT_MALICIOUS] = "malicious",
	[VERDICT_ERROR] = "error",
};

static const char *const reason_names[N_REASONS] = {
	[REASON_NONE] = "none",         [REASON_EICAR] = "eicar",
	[REASON_HASH] = "hash-list",    [REASON_YARA] = "yara",
	[REASON_ALLOWLIST] = "allow-list", [REASON_POLICY] = "policy",
	[REASON_TOO_LARGE] = "too-large",  [REASON_TIMEOUT] = "timeout",
	[REASON_IO] = "io-error",       [REASON_NOMEM] = "out-of-memory",
	[REASON_ENGINE] = "engine-error",  [REASON_CRASH] = "scanner-crash",
	[REASON_OVERLOAD] = "overload", [REASON_RESCUE] = "rescue",
};

const char *verdict_name(enum verdict v)
{
	/* Values cross a trust border (shared memory), so they are checked here. */
	return (unsigned)v < ARRAY_SIZE(verdict_names) ? verdict_names[v] : "unknown";
}

const char *reason_name(enum reason r)
{
	return (unsigned)r < N_REASONS ? reason_names[r] : "none";
}

bool verdict_from_name(const char *name, enum verdict *ret)
{
	for (unsigned i = 0; i < ARRAY_SIZE(verdict_names); i++) {
		if (strcmp(name, verdict_names[i]) == 0) {
			*ret = (enum verdict)i;
			return true;
		}
	}
	return false;
}
