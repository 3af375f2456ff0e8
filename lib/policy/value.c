/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predicate values
 *
 * Owns: the table of predicates, and what their values look like.
 * Must not own: lines, matching. Hands off to: compile.c and image.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "custos/quantity.h"

#include "internal.h"
#include "pathname.h"

#define NAME_VALUE_MAX                                                                 \
	255 /* a unit, slice or file system type: the kernel's NAME_MAX */

enum value_kind {
	KIND_PATH,
	KIND_GLOB,
	KIND_NAME,
	KIND_UNIT,
	KIND_SLICE,
	KIND_UID,
	KIND_GID,
	KIND_DEV,
	KIND_SIZE,
	KIND_YESNO,
};

static const struct {
	const char *name;
	enum value_kind kind;
} preds[N_PREDS] = {
	[PRED_SIZE_ABOVE] = {"size>", KIND_SIZE},
	[PRED_SIZE_BELOW] = {"size<", KIND_SIZE},
	[PRED_OWNER_NOT] = {"owner-not=", KIND_UID},
	[PRED_DEV] = {"dev=", KIND_DEV},
	[PRED_FSTYPE] = {"fstype=", KIND_NAME},
	[PRED_MOUNT] = {"mount=", KIND_PATH},
	[PRED_PATH] = {"path=", KIND_PATH},
	[PRED_DIR] = {"dir=", KIND_PATH},
	[PRED_GLOB] = {"glob=", KIND_GLOB},
	[PRED_UID] = {"uid=", KIND_UID},
	[PRED_GID] = {"gid=", KIND_GID},
	[PRED_CONTAINER] = {"container=", KIND_YESNO},
	[PRED_EXE] = {"exe=", KIND_PATH},
	[PRED_UNIT] = {"unit=", KIND_UNIT},
	[PRED_SLICE] = {"slice=", KIND_SLICE},
	[PRED_CGROUP] = {"cgroup=", KIND_PATH},
};

static bool root_only(const char *name, uint64_t *ret)
{
	*ret = 0;
	return strcmp(name, "root") == 0;
}

const struct policy_names policy_names_builtin = {.uid = root_only, .gid = root_only};

const char *pred_name(enum pred_type type)
{
	return preds[type].name;
}

unsigned pred_fact(enum pred_type type)
{
	unsigned mask = PRED_MASK(type);

	if (mask & PREDS_MOUNT)
		return POLICY_FACT_MOUNT;
	if (mask & PREDS_PATH)
		return POLICY_FACT_PATH;
	return mask & PREDS_SUBJECT ? POLICY_FACT_SUBJECT : 0;
}

static bool has_suffix(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && memcmp(s + len - n, suffix, n) == 0;
}

/* Why the string of @v cannot be a value, or NULL. */
static const char *string_error(enum value_kind kind, const struct pred_value *v)
{
	if (kind == KIND_PATH)
		return pathname_error(v->str);
	if (kind == KIND_GLOB)
		return glob_error(v->str);
	if (v->len == 0)
		return "is empty";
	if (v->len > NAME_VALUE_MAX)
		return "is longer than 255 bytes";
	if (memchr(v->str, '/', v->len))
		return "contains '/'";
	/* A name that systemd never gives would never match: say so now. */
	if (kind == KIND_UNIT && !memchr(v->str, '.', v->len))
		return "lacks a suffix such as .service";
	if (kind == KIND_SLICE && !has_suffix(v->str, v->len, ".slice"))
		return "lacks the suffix .slice";
	return NULL;
}

static const char *id_parse(const char *s, bool (*lookup)(const char *, uint64_t *),
                            const char *unknown, uint64_t *ret)
{
	if (s[strspn(s, "0123456789")] != '\0' || !*s)
		return lookup(s, ret) ? NULL : unknown;
	/* (uid_t)-1 is "no id" to the kernel. */
	if (size_parse(s, ret) < 0 || *ret >= UINT32_MAX)
		return "is not an id from 0 to 4294967294";
	return NULL;
}

static const char *dev_parse(const char *s, uint64_t *ret)
{
	const char *colon = strchr(s, ':');
	unsigned long major, minor;

	if (!colon || s[strspn(s, "0123456789:")] != '\0' || colon == s ||
	    colon[1] == '\0' || strchr(colon + 1, ':') || strlen(s) > 16)
		return "is not MAJOR:MINOR";
	major = strtoul(s, NULL, 10); /* only digits, and too few to overflow */
	minor = strtoul(colon + 1, NULL, 10);
	if (major >= 1UL << 12 || minor >= 1UL << 20)
		return "is not MAJOR:MINOR";
	*ret = makedev((unsigned)major, (unsigned)minor);
	return NULL;
}

static const char *number_parse(enum value_kind kind, const char *s,
                                const struct policy_names *names, uint64_t *ret)
{
	switch (kind) {
	case KIND_UID:
		return id_parse(s, names->uid, "is not a user this host knows", ret);
	case KIND_GID:
		return id_parse(s, names->gid, "is not a group this host knows", ret);
	case KIND_DEV:
		return dev_parse(s, ret);
	case KIND_SIZE:
		return size_parse(s, ret) < 0 ? "is not a size such as 100M" : NULL;
	default:
		*ret = strcmp(s, "yes") == 0;
		return *ret || strcmp(s, "no") == 0 ? NULL : "is neither yes nor no";
	}
}

int pred_value_parse(enum pred_type type, const char *s, size_t len,
                     const struct policy_names *names, struct arena *a,
                     struct pred_value *v, const char **ret_why)
{
	enum value_kind kind = preds[type].kind;
	const char *why;

	*v = (struct pred_value){0};
	if (PRED_MASK(type) & PREDS_NUMBER) {
		why = number_parse(kind, s, names, &v->number);
	} else {
		v->len = kind == KIND_PATH ? pathname_trim(s) : len;
		v->str = arena_strndup(a, s, v->len);
		if (!v->str)
			return -ENOMEM;
		why = string_error(kind, v);
	}
	if (!why)
		return 0;
	*ret_why = why;
	return -EINVAL;
}

bool pred_value_valid(enum pred_type type, const struct pred_value *v)
{
	switch (preds[type].kind) {
	case KIND_UID:
	case KIND_GID:
		return v->number < UINT32_MAX;
	case KIND_YESNO:
		return v->number <= 1;
	case KIND_DEV:
	case KIND_SIZE:
		return true;
	default:
		return strlen(v->str) == v->len && !string_error(preds[type].kind, v);
	}
}

int date_parse(const char *s, int64_t *ret_sec)
{
	struct tm tm = {0};
	int year, month, day, n = 0;
	time_t t;

	if (strlen(s) != 10 || strspn(s, "0123456789-") != 10 ||
	    sscanf(s, "%4d-%2d-%2d%n", &year, &month, &day, &n) != 3 || n != 10)
		return -EINVAL;
	if (year < 1971 || month < 1 || day < 1)
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	t = timegm(&tm);
	/* timegm() turns 31 April into 1 May; take only what it leaves alone. */
	if (tm.tm_year != year - 1900 || tm.tm_mon != month - 1 || tm.tm_mday != day)
		return -EINVAL;
	*ret_sec = t;
	return 0;
}
