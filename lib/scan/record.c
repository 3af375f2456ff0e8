/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit record
 *
 * Owns: the border check of what comes out of shared memory.
 * Must not own: where records are stored or sent.
 */
#include "custos/record.h"

#include "custos/types.h"

static const char *const action_names[] = {
	[RECORD_ALLOW] = "allow",
	[RECORD_DENY] = "deny",
	[RECORD_LOG] = "log",
	[RECORD_QUARANTINE] = "quarantine",
};

const char *record_action_name(unsigned action)
{
	return action < ARRAY_SIZE(action_names) ? action_names[action] : "allow";
}

static void terminate(char *s, size_t size)
{
	s[size - 1] = '\0';
}

void record_sanitise(struct record *r)
{
	if (r->action >= ARRAY_SIZE(action_names))
		r->action = RECORD_LOG;
	if (r->verdict > VERDICT_ERROR)
		r->verdict = VERDICT_UNKNOWN;
	if (r->reason >= N_REASONS)
		r->reason = REASON_NONE;
	if (r->member.n > MEMBER_LEVELS_MAX)
		r->member.n = MEMBER_LEVELS_MAX;
	if (r->path_len >= sizeof(r->path))
		r->path_len = sizeof(r->path) - 1;
	r->path[r->path_len] = '\0';
	terminate(r->match.rule, sizeof(r->match.rule));
	terminate(r->match.set, sizeof(r->match.set));
	terminate(r->unit, sizeof(r->unit));
	terminate(r->cgroup, sizeof(r->cgroup));
	terminate(r->exe, sizeof(r->exe));
}
