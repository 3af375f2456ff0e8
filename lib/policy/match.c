/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which line decides
 *
 * Owns: what a predicate means. Must not own: facts (the caller fetches them), time
 * (passed in). Hands off to: the caller, who acts on the line.
 *
 * Runs for every event that misses the cache: this file must not grow allocation,
 * locking, logging or system calls (I4).
 */
#include "custos/policy.h"

#include <string.h>

#include "internal.h"
#include "pathname.h"

/* No mask of facts: the line is out. */
#define NO_MATCH (1U << 31)

/* The string a predicate looks at; "" matches nothing, because no value is empty. */
static const char *subject_string(enum pred_type type, const struct policy_query *q)
{
	const char *s;

	switch (type) {
	case PRED_FSTYPE:
		s = q->fs_type;
		break;
	case PRED_EXE:
		s = q->exe;
		break;
	case PRED_UNIT:
		s = q->unit;
		break;
	case PRED_SLICE:
		s = q->slice;
		break;
	case PRED_CGROUP:
		s = q->cgroup;
		break;
	default:
		s = q->path;
		break;
	}
	return s ? s : "";
}

static bool match_numbers(const struct policy_pred *pred, uint64_t n)
{
	for (size_t i = 0; i < pred->n_values; i++)
		if (pred->values[i].number == n)
			return true;
	return false;
}

static bool match_strings(const struct policy_pred *pred, const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < pred->n_values; i++)
		if (pred->values[i].len == len &&
		    memcmp(pred->values[i].str, s, len) == 0)
			return true;
	return false;
}

static bool match_trees(const struct policy_pred *pred, const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0; i < pred->n_values; i++)
		if (pathname_within(pred->values[i].str, pred->values[i].len, s, len))
			return true;
	return false;
}

static bool match_globs(const struct policy_pred *pred, const char *s)
{
	for (size_t i = 0; i < pred->n_values; i++)
		if (glob_match(pred->values[i].str, s))
			return true;
	return false;
}

static bool match_mounts(const struct policy_pred *pred, const struct policy_query *q)
{
	for (unsigned i = 0; i < q->n_mount_points; i++)
		if (match_strings(pred, q->mount_points[i]))
			return true;
	return false;
}

static bool pred_match(const struct policy_pred *pred, const struct policy_query *q)
{
	switch (pred->type) {
	case PRED_SIZE_ABOVE:
		return q->size_bytes > pred->values[0].number;
	case PRED_SIZE_BELOW:
		return q->size_bytes < pred->values[0].number;
	case PRED_OWNER_NOT:
		return !match_numbers(pred, q->owner);
	case PRED_DEV:
		return match_numbers(pred, q->dev);
	case PRED_UID:
		return match_numbers(pred, q->uid);
	case PRED_GID:
		return match_numbers(pred, q->gid);
	case PRED_CONTAINER:
		return match_numbers(pred, q->container);
	case PRED_MOUNT:
		return match_mounts(pred, q);
	case PRED_DIR:
	case PRED_CGROUP:
		return match_trees(pred, subject_string(pred->type, q));
	case PRED_GLOB:
		return match_globs(pred, subject_string(pred->type, q));
	default:
		return match_strings(pred, subject_string(pred->type, q));
	}
}

/* 0: every predicate holds; NO_MATCH; else the facts that are missing. */
static unsigned line_check(const struct policy_line *line, const struct policy_query *q)
{
	unsigned missing = line->facts & ~q->known;

	for (size_t i = 0; i < line->n_preds; i++) {
		const struct policy_pred *pred = &line->preds[i];

		if (!(pred->fact & missing) && !pred_match(pred, q))
			return NO_MATCH;
	}
	/* The others may spare us the round trip that subject facts take. */
	return missing & ~(unsigned)POLICY_FACT_SUBJECT
	               ? missing & ~(unsigned)POLICY_FACT_SUBJECT
	               : missing;
}

bool policy_line_fits(const struct policy_line *line, const struct policy_query *q)
{
	return (line->events & q->event) && line_check(line, q) != NO_MATCH;
}

static bool expired(const struct policy_line *line, int64_t now_sec)
{
	return line->expires && now_sec >= line->expires;
}

unsigned policy_match(const struct policy *p, const struct policy_query *q,
                      int64_t now_sec, const struct policy_line **ret)
{
	size_t i = q->watched ? p->n_mark_only : 0;

	for (; i < p->n_lines; i++) {
		const struct policy_line *line = &p->lines[i];
		unsigned r;

		if (!(line->events & q->event) || expired(line, now_sec))
			continue;
		r = line_check(line, q);
		if (r == NO_MATCH)
			continue;
		if (r == 0)
			*ret = line;
		return r;
	}
	*ret = NULL;
	return 0;
}

/* The facts of @q that do not depend on who opens the file, and that are really there. */
static unsigned object_facts(const struct policy_query *q)
{
	unsigned known = q->known & (POLICY_FACT_PATH | POLICY_FACT_MOUNT);

	/* Asked for and not found is no knowledge: it may be found next time. */
	if (!q->path || !*q->path)
		known &= ~(unsigned)POLICY_FACT_PATH;
	if (!q->fs_type || !*q->fs_type || q->n_mount_points == 0)
		known &= ~(unsigned)POLICY_FACT_MOUNT;
	return known;
}

/* Does @line, when it decides, leave no trace of a clean file of this size? */
static bool line_silent(const struct policy_line *line, uint64_t size_bytes,
                        uint64_t max_size_bytes)
{
	if (line->log == LOG_ALL)
		return false;
	switch (line->action) {
	case POLICY_NOWATCH:
	case POLICY_ALLOW:
		return true;
	case POLICY_SCAN:
		if (line->max_size_bytes)
			max_size_bytes = line->max_size_bytes;
		return size_bytes <= max_size_bytes; /* else an error, not clean */
	}
	return false;
}

bool policy_silent(const struct policy *p, const struct policy_query *q,
                   uint64_t max_size_bytes)
{
	unsigned undecided = POLICY_OPEN | POLICY_EXEC;
	struct policy_query object = *q;

	object.known = object_facts(q);
	for (size_t i = 0; i < p->n_lines; i++) {
		const struct policy_line *line = &p->lines[i];
		unsigned missing;

		if (!(line->events & undecided))
			continue;
		missing = line_check(line, &object);
		if (missing == NO_MATCH)
			continue;
		if (!line_silent(line, q->size_bytes, max_size_bytes))
			return false;
		/* One that expires decides until then, and the next ones afterwards. */
		if (!missing && !line->expires)
			undecided &= ~line->events;
		if (!undecided)
			return true;
	}
	return false;
}

/* Which files of a file system a line speaks of, by its mount-level predicates. */
enum reach { REACH_NONE, REACH_SOME, REACH_ALL };

static enum reach line_reach(const struct policy_line *line,
                             const struct policy_query *mount_facts)
{
	const unsigned both = POLICY_OPEN | POLICY_EXEC;
	enum reach reach = (line->events & both) == both ? REACH_ALL : REACH_SOME;

	for (size_t i = 0; i < line->n_preds; i++) {
		const struct policy_pred *pred = &line->preds[i];

		if (pred->fact != POLICY_FACT_MOUNT)
			reach = REACH_SOME;
		else if (!pred_match(pred, mount_facts))
			return REACH_NONE;
	}
	return reach;
}

const struct policy_line *policy_nowatch_mount(const struct policy *p,
                                               const struct policy_query *mount_facts,
                                               int64_t now_sec)
{
	for (size_t i = 0; i < p->n_lines; i++) {
		const struct policy_line *line = &p->lines[i];
		enum reach reach;

		if (expired(line, now_sec))
			continue;
		reach = line_reach(line, mount_facts);
		if (reach == REACH_ALL)
			return line->action == POLICY_NOWATCH ? line : NULL;
		if (reach == REACH_SOME && line->action == POLICY_SCAN)
			return NULL;
	}
	return NULL;
}
