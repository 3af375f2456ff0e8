/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decision
 *
 * Owns: what a verdict means under a policy line and a mode.
 * Must not own: facts about the file or the opener (policy_match()), or the answer itself.
 */
#include "custos/decide.h"

#include <string.h>

#include "custos/types.h"

/* Exact files, or prefixes where the version is in the name. Errors (not matches) on these would
 * stop PID 1, the loader or the way back in. */
static const char *const critical_files[] = {
	"/usr/lib/systemd/systemd",  "/lib/systemd/systemd",  "/usr/lib/systemd/systemd-journald",
	"/lib/systemd/systemd-journald", "/usr/bin/dbus-daemon", "/usr/bin/dbus-broker",
	"/usr/sbin/sshd",            "/usr/bin/bash",         "/bin/bash",
	"/usr/bin/dash",             "/bin/sh",               "/usr/bin/custosctl",
	"/usr/sbin/custosd",
};
static const char *const critical_prefixes[] = {
	"/lib64/ld-linux",
	"/usr/lib64/ld-linux",
	"/usr/lib/x86_64-linux-gnu/ld-linux",
	"/usr/lib/x86_64-linux-gnu/libc.so",
	"/usr/lib/x86_64-linux-gnu/systemd/",
	"/usr/lib/aarch64-linux-gnu/ld-linux",
	"/usr/lib/aarch64-linux-gnu/libc.so",
	"/usr/lib/aarch64-linux-gnu/systemd/",
};

bool boot_critical(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(critical_files); i++)
		if (strcmp(path, critical_files[i]) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(critical_prefixes); i++)
		if (strncmp(path, critical_prefixes[i], strlen(critical_prefixes[i])) == 0)
			return true;
	return false;
}

static struct decision on_match(const struct policy_line *line, bool log_only, bool critical)
{
	if (log_only)
		return (struct decision){.action = RECORD_LOG, .flags = RECORD_LOG_ONLY};
	if (line->on_match == ON_MATCH_LOG)
		return (struct decision){.action = RECORD_LOG};
	if (line->on_match == ON_MATCH_QUARANTINE && !critical)
		return (struct decision){.deny = true, .action = RECORD_QUARANTINE};
	return (struct decision){.deny = true, .action = RECORD_DENY};
}

static struct decision on_error(const struct policy_line *line, bool critical)
{
	if (line->on_error == ON_ERROR_DENY && !critical)
		return (struct decision){.deny = true, .action = RECORD_DENY};
	return (struct decision){.action = RECORD_ALLOW};
}

struct decision decide(const struct policy_line *line, const struct finding *f, enum mode mode,
                       const char *path)
{
	bool critical = path && boot_critical(path);
	struct decision d = {.action = RECORD_ALLOW};

	if (!line)
		return d;
	if (line->action == POLICY_SCAN && f->verdict == VERDICT_MALICIOUS)
		d = on_match(line, f->log_only, critical);
	else if (line->action == POLICY_SCAN && f->verdict != VERDICT_CLEAN)
		d = on_error(line, critical);

	if (line->log == LOG_ALL)
		d.flags |= RECORD_LOGGED;
	else if (line->log == LOG_MATCH && line->action == POLICY_SCAN &&
	         f->verdict != VERDICT_CLEAN)
		d.flags |= RECORD_LOGGED;

	if (mode == MODE_MONITOR && d.deny) {
		d.deny = false;
		d.action = RECORD_LOG;
		d.flags |= RECORD_MONITOR;
	}
	return d;
}
