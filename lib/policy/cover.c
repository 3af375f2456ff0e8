/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a line covers
 *
 * Owns: comparing lines with each other and with what a host cannot do without.
 * Must not own: findings. Hands off to: lint.c.
 */
#include <string.h>

#include "internal.h"
#include "lint.h"
#include "pathname.h"

static bool value_within(enum pred_type type, const struct pred_value *inner,
                         const struct pred_value *outer)
{
	if (PRED_MASK(type) & PREDS_NUMBER)
		return inner->number == outer->number;
	if (type == PRED_DIR || type == PRED_CGROUP)
		return pathname_within(outer->str, outer->len, inner->str, inner->len);
	return inner->len == outer->len &&
	       memcmp(inner->str, outer->str, inner->len) == 0;
}

static bool value_in(enum pred_type type, const struct pred_value *v,
                     const struct policy_pred *pred)
{
	for (size_t i = 0; i < pred->n_values; i++)
		if (value_within(type, v, &pred->values[i]))
			return true;
	return false;
}

/* Does everything that @inner accepts pass @outer? Both of one type. */
static bool pred_within(const struct policy_pred *inner,
                        const struct policy_pred *outer)
{
	const struct policy_pred *some = inner, *all = outer;

	if (inner->type == PRED_SIZE_ABOVE)
		return inner->values[0].number >= outer->values[0].number;
	if (inner->type == PRED_SIZE_BELOW)
		return inner->values[0].number <= outer->values[0].number;
	if (inner->type == PRED_OWNER_NOT) { /* the longer list accepts less */
		some = outer;
		all = inner;
	}
	for (size_t i = 0; i < some->n_values; i++)
		if (!value_in(some->type, &some->values[i], all))
			return false;
	return true;
}

/* path= and the fixed part of glob= below a dir=. */
static bool paths_within_dir(const struct policy_pred *inner,
                             const struct policy_pred *dir)
{
	for (size_t i = 0; i < inner->n_values; i++) {
		struct pred_value v = inner->values[i];

		if (inner->type == PRED_GLOB)
			v.len = glob_prefix(v.str);
		if (!value_in(PRED_DIR, &v, dir))
			return false;
	}
	return true;
}

static bool implied(const struct policy_line *line, const struct policy_pred *outer)
{
	for (size_t i = 0; i < line->n_preds; i++) {
		const struct policy_pred *inner = &line->preds[i];

		if (inner->type == outer->type && pred_within(inner, outer))
			return true;
		if (outer->type == PRED_DIR &&
		    (inner->type == PRED_PATH || inner->type == PRED_GLOB) &&
		    paths_within_dir(inner, outer))
			return true;
	}
	return false;
}

bool lint_covered(const struct policy_line *line, const struct policy_line *before)
{
	if (line->events & ~before->events)
		return false;
	if (before->expires && (!line->expires || line->expires > before->expires))
		return false;
	for (size_t i = 0; i < before->n_preds; i++)
		if (!implied(line, &before->preds[i]))
			return false;
	return true;
}

static const char *const critical_paths[] = {
	"/usr",
	"/etc",
	"/bin",
	"/sbin",
	"/lib",
	"/lib64",
	"/run/dbus",
	"/run/udev",
	"/run/log/journal",
	"/run/systemd/journal",
	"/var/log/journal",
	"/var/lib/dbus",
};

static const char *const critical_subjects[] = {
	"systemd-journald.service",
	"dbus.service",
	"dbus-broker.service",
	"systemd-udevd.service",
	"/lib/systemd/systemd-journald",
	"/usr/lib/systemd/systemd-journald",
	"/lib/systemd/systemd-udevd",
	"/usr/lib/systemd/systemd-udevd",
	"/usr/bin/udevadm",
	"/bin/udevadm",
	"/usr/bin/dbus-daemon",
	"/usr/bin/dbus-broker",
};

static const char *critical_path(const struct policy_pred *pred)
{
	for (size_t i = 0; i < pred->n_values; i++) {
		const char *s = pred->values[i].str;
		size_t len =
			pred->type == PRED_GLOB ? glob_prefix(s) : pred->values[i].len;

		for (size_t k = 0; k < ARRAY_SIZE(critical_paths); k++) {
			const char *c = critical_paths[k];

			if (pathname_within(c, strlen(c), s, len) ||
			    (pred->type != PRED_PATH &&
			     pathname_within(s, len, c, strlen(c))))
				return c;
		}
	}
	return NULL;
}

static const char *critical_subject(const struct policy_pred *pred)
{
	for (size_t i = 0; i < pred->n_values; i++)
		for (size_t k = 0; k < ARRAY_SIZE(critical_subjects); k++)
			if (strcmp(critical_subjects[k], pred->values[i].str) == 0)
				return critical_subjects[k];
	return NULL;
}

/* Does a list of numbers hold @n? */
static bool has_number(const struct policy_pred *pred, uint64_t n)
{
	for (size_t i = 0; i < pred->n_values; i++)
		if (pred->values[i].number == n)
			return true;
	return false;
}

const char *lint_critical(const struct policy_line *line)
{
	const char *what = critical_paths[0];

	for (size_t i = 0; i < line->n_preds; i++) {
		const struct policy_pred *pred = &line->preds[i];
		unsigned mask = PRED_MASK(pred->type);
		const char *found = what;

		if (mask & (PREDS_PATH | PRED_MASK(PRED_MOUNT)))
			found = critical_path(pred);
		else if (mask & (PRED_MASK(PRED_EXE) | PRED_MASK(PRED_UNIT)))
			found = critical_subject(pred);
		else if (pred->type == PRED_OWNER_NOT && has_number(pred, 0))
			found = NULL; /* the host's own files belong to root */
		else if (pred->type == PRED_CONTAINER && has_number(pred, 1))
			found = NULL; /* the host's own services run in none */
		else if (pred->type == PRED_UID && !has_number(pred, 0))
			found = NULL; /* likewise as root, at first */
		if (!found)
			return NULL;
		what = found;
	}
	return what;
}
