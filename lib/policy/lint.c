/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lint: rules that are legal but probably not meant
 *
 * Owns: the findings that need one line and the host. Must not own: errors (the
 * compiler has them; a name that does not resolve is one). Hands off to: lint_covered()
 * for the findings that compare lines.
 */
#include "custos/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "custos/cleanup.h"

#include "internal.h"
#include "lint.h"
#include "pathname.h"

#define YEAR_SEC (366 * INT64_C(86400))

struct lint {
	const struct policy *policy;
	int64_t now_sec;
	struct diag *d;
	size_t n_findings;
};

#define FINDING(lint, line, ...)                                                       \
	do {                                                                           \
		(void)diag_add((lint)->d, (line)->file, (line)->line, __VA_ARGS__);    \
		(lint)->n_findings++;                                                  \
	} while (0)

static const struct policy_pred *pred_get(const struct policy_line *line,
                                          enum pred_type type)
{
	for (size_t i = 0; i < line->n_preds; i++)
		if (line->preds[i].type == type)
			return &line->preds[i];
	return NULL;
}

/* File systems made by the kernel, which hold no file anybody could have brought. */
static bool is_pseudo(const char *fs_type)
{
	static const char *const types[] = {
		"autofs",    "binfmt_misc", "bpf",        "cgroup",    "cgroup2",
		"configfs",  "debugfs",     "devpts",     "efivarfs",  "fusectl",
		"hugetlbfs", "mqueue",      "nsfs",       "pipefs",    "proc",
		"pstore",    "rpc_pipefs",  "securityfs", "selinuxfs", "sockfs",
		"sysfs",     "tracefs"};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i], fs_type) == 0)
			return true;
	return false;
}

static bool only_pseudo(const struct policy_line *line)
{
	const struct policy_pred *fstype = pred_get(line, PRED_FSTYPE);

	if (line->action != POLICY_NOWATCH || !fstype)
		return false;
	for (size_t i = 0; i < fstype->n_values; i++)
		if (!is_pseudo(fstype->values[i].str))
			return false;
	return true;
}

static void lint_reason(struct lint *lint, const struct policy_line *line)
{
	if (line->action != POLICY_SCAN && !*line->reason && !only_pseudo(line))
		FINDING(lint, line, "an exclusion without reason=");
}

static void lint_expiry(struct lint *lint, const struct policy_line *line)
{
	if (line->expires && line->expires <= lint->now_sec)
		FINDING(lint, line, "expired: this rule matches nothing");
	else if (line->expires && line->expires > lint->now_sec + YEAR_SEC)
		FINDING(lint, line, "expires more than a year ahead");
}

static void lint_uid0(struct lint *lint, const struct policy_line *line)
{
	const struct policy_pred *uid = pred_get(line, PRED_UID);

	for (size_t i = 0; line->action == POLICY_ALLOW && uid && i < uid->n_values;
	     i++)
		if (uid->values[i].number == 0)
			FINDING(lint, line,
			        "allow for uid 0: everything that root opens");
}

/* Can others than root write to the first @len bytes of @path, or to a directory above?
 * Then *ret_len is the length of what they can write to. What does not exist is as safe
 * as the directory above. */
static bool writable(const char *path, size_t len, size_t *ret_len)
{
	_cleanup_(freep) char *copy = strndup(path, len);
	struct stat st;
	char *slash;

	while (copy && *copy) {
		if (stat(copy, &st) == 0 &&
		    (st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))) {
			*ret_len = strlen(copy);
			return true;
		}
		slash = strrchr(copy, '/');
		/* The root directory is looked at too, and is the last. */
		slash[slash == copy && slash[1] ? 1 : 0] = '\0';
	}
	return false;
}

/* Anybody who can replace the program or fill the directory has the exclusion. */
static void lint_writable(struct lint *lint, const struct policy_line *line,
                          enum pred_type type)
{
	const struct policy_pred *pred = pred_get(line, type);
	size_t len = 0;

	for (size_t i = 0; pred && i < pred->n_values; i++) {
		const char *path = pred->values[i].str;
		size_t fixed =
			type == PRED_GLOB ? glob_prefix(path) : pred->values[i].len;

		if (writable(path, fixed, &len))
			FINDING(lint, line,
			        "'%s%s': others than root can write to %.*s",
			        pred_name(type), path, (int)len, path);
	}
}

/* Code on it could not be executed anyway: without noexec the exclusion is a place to
 * run from. */
static void lint_noexec(struct lint *lint, const struct policy_line *line)
{
	const struct policy_pred *mount = pred_get(line, PRED_MOUNT);
	struct statvfs vfs;

	for (size_t i = 0;
	     line->action == POLICY_NOWATCH && mount && i < mount->n_values; i++) {
		const char *path = mount->values[i].str;

		if (statvfs(path, &vfs) == 0 && !(vfs.f_flag & ST_NOEXEC))
			FINDING(lint, line, "'mount=%s' is not mounted noexec", path);
	}
}

/* A host whose own programs cannot be opened because a scan failed does not come up
 * again. */
static void lint_on_error(struct lint *lint, const struct policy_line *line)
{
	const char *what;

	if (line->action != POLICY_SCAN || line->on_error != ON_ERROR_DENY)
		return;
	what = lint_critical(line);
	if (what)
		FINDING(lint, line,
		        "on-error=deny covers %s: a failed scan can stop the host",
		        what);
}

static void lint_reachable(struct lint *lint, size_t index)
{
	const struct policy_line *line = &lint->policy->lines[index];

	/* The vendor's last line, behind the site's own `scan any`, is meant to be
	 * redundant. */
	if (index + 1 == lint->policy->n_lines && line->action == POLICY_SCAN &&
	    policy_line_final(line))
		return;
	for (size_t i = 0; i < index; i++) {
		const struct policy_line *before = &lint->policy->lines[i];

		if (!lint_covered(line, before))
			continue;
		FINDING(lint, line, "never reached: %s:%u matches all of it",
		        before->file, before->line);
		return;
	}
}

size_t policy_lint(const struct policy *p, int64_t now_sec, struct diag *d)
{
	struct lint lint = {.policy = p, .now_sec = now_sec, .d = d};

	for (size_t i = 0; i < p->n_lines; i++) {
		const struct policy_line *line = &p->lines[i];

		lint_reachable(&lint, i);
		lint_reason(&lint, line);
		lint_expiry(&lint, line);
		lint_uid0(&lint, line);
		if (line->action != POLICY_SCAN || line->on_match == ON_MATCH_LOG)
			lint_writable(&lint, line, PRED_EXE);
		for (enum pred_type t = PRED_PATH;
		     line->action != POLICY_SCAN && t <= PRED_GLOB; t++)
			lint_writable(&lint, line, t);
		lint_noexec(&lint, line);
		lint_on_error(&lint, line);
	}
	return lint.n_findings;
}
