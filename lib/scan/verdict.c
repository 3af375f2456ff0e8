/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdict names
 *
 * Owns: the words for verdicts and reasons. Must not own: decisions (policy).
 */
#include "custos/verdict.h"

#include <inttypes.h>
#include <stdio.h>
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
	[REASON_ARC_DEPTH] = "archive-depth",
	[REASON_ARC_MEMBERS] = "archive-members",
	[REASON_ARC_BYTES] = "archive-bytes",
	[REASON_ARC_RATIO] = "archive-ratio",
	[REASON_ARC_TIME] = "archive-time",
	[REASON_ARC_ENCRYPTED] = "archive-encrypted",
	[REASON_ARC_DAMAGED] = "archive-damaged",
	[REASON_ARC_FORMAT] = "archive-format",
	[REASON_WINDOWS] = "windows",
	[REASON_PAY_COUNT] = "payload-count",
	[REASON_PAY_BYTES] = "payload-bytes",
	[REASON_PAY_RATIO] = "payload-ratio",
	[REASON_PAY_TIME] = "payload-time",
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

void member_place_text(const struct member_place *m, char ret[MEMBER_PLACE_BYTES])
{
	size_t len = 0;

	ret[0] = '\0';
	for (uint32_t i = 0; i < MIN(m->n, (uint32_t)MEMBER_LEVELS_MAX); i++)
		len += (size_t)snprintf(ret + len, MEMBER_PLACE_BYTES - len, "%s%u",
		                        i ? "/" : "", m->number[i]);
	if (m->payload)
		(void)snprintf(ret + len, MEMBER_PLACE_BYTES - len, "%spayload@%" PRIu64, len ? "/" : "",
		               m->payload - 1);
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
