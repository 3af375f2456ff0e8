/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a policy line
 *
 * Owns: the table of options, their values, bounds and defaults.
 * Must not own: predicates. Hands off to: compile.c.
 */
#include <errno.h>
#include <string.h>

#include "custos/conf.h"
#include "custos/quantity.h"

#include "internal.h"

enum option {
	OPT_ON_MATCH,
	OPT_ON_ERROR,
	OPT_TIMEOUT,
	OPT_MAX_SIZE,
	OPT_LOG,
	OPT_ARCHIVES,
	OPT_REASON,
	OPT_EXPIRES,
	N_OPTIONS
};

/* Names of enum values, in their order. */
static const char *const on_match_names[] = {"deny", "quarantine", "log", NULL};
static const char *const on_error_names[] = {"allow", "deny", NULL};
static const char *const log_names[] = {"match", "none", "all", NULL};

static const struct {
	const char *name;
	const char *expected;
	unsigned actions; /* mask of 1 << enum policy_action that it goes with */
} options[N_OPTIONS] = {
	[OPT_ON_MATCH] = {"on-match", "deny, quarantine or log", 1 << POLICY_SCAN},
	[OPT_ON_ERROR] = {"on-error", "allow or deny", 1 << POLICY_SCAN},
	[OPT_TIMEOUT] = {"timeout", "a duration from 50ms to 60s", 1 << POLICY_SCAN},
	[OPT_MAX_SIZE] = {"max-size", "a size from 1 byte to 1T, such as 100M",
                          1 << POLICY_SCAN},
	[OPT_LOG] = {"log", "none, match or all", 1 << POLICY_SCAN | 1 << POLICY_ALLOW},
	[OPT_ARCHIVES] = {"archives", "yes or no", 1 << POLICY_SCAN},
	[OPT_REASON] = {"reason", "a text in quotes",
                        1 << POLICY_SCAN | 1 << POLICY_ALLOW | 1 << POLICY_NOWATCH},
	[OPT_EXPIRES] = {"expires", "a date such as 2027-06-30",
                         1 << POLICY_SCAN | 1 << POLICY_ALLOW | 1 << POLICY_NOWATCH},
};

/* Index of @s in @names, or -EINVAL. */
static int name_index(const char *const *names, const char *s)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], s) == 0)
			return i;
	return -EINVAL;
}

static int archives_parse(const char *s, enum policy_archives *ret)
{
	const bool yes = strcmp(s, "yes") == 0;

	if (!yes && strcmp(s, "no") != 0)
		return -EINVAL;
	*ret = yes ? ARCHIVES_YES : ARCHIVES_NO;
	return 0;
}

static int timeout_parse(const char *s, nsec_t *ret)
{
	nsec_t v;

	if (duration_parse(s, &v) < 0 || v < CONF_TIMEOUT_MIN || v > CONF_TIMEOUT_MAX)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int max_size_parse(const char *s, uint64_t *ret)
{
	uint64_t v;

	if (size_parse(s, &v) < 0 || v < 1 || v > CONF_MAX_FILE_SIZE_MAX)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int reason_copy(struct compiler *c, const struct word_value *v, const char **ret)
{
	*ret = arena_strndup(&c->policy->arena, v->str, v->len);
	return *ret ? 0 : -ENOMEM;
}

static int option_set(struct compiler *c, enum option o, const struct word_value *v,
                      struct policy_line *line)
{
	int r;

	switch (o) {
	case OPT_ON_MATCH:
		r = name_index(on_match_names, v->str);
		line->on_match = r < 0 ? ON_MATCH_DENY : (enum policy_on_match)r;
		return r;
	case OPT_ON_ERROR:
		r = name_index(on_error_names, v->str);
		line->on_error = r < 0 ? ON_ERROR_ALLOW : (enum policy_on_error)r;
		return r;
	case OPT_LOG:
		r = name_index(log_names, v->str);
		line->log = r < 0 ? LOG_MATCH : (enum policy_log)r;
		return r;
	case OPT_ARCHIVES:
		return archives_parse(v->str, &line->archives);
	case OPT_TIMEOUT:
		return timeout_parse(v->str, &line->timeout);
	case OPT_MAX_SIZE:
		return max_size_parse(v->str, &line->max_size_bytes);
	case OPT_REASON:
		return v->len == 0 ? -EINVAL : reason_copy(c, v, &line->reason);
	default:
		return date_parse(v->str, &line->expires);
	}
}

int compile_option(struct compiler *c, const struct word *w, struct policy_line *line,
                   unsigned *seen)
{
	enum option o = 0;
	int r;

	while (o < N_OPTIONS && strcmp(options[o].name, w->key) != 0)
		o++;
	if (o == N_OPTIONS || w->op != '=')
		return 0;
	if (*seen & 1U << o)
		return diag_add(c->d, c->file, c->line, "'%s=' twice", w->key);
	*seen |= 1U << o;
	if (w->n_values != 1)
		return diag_add(c->d, c->file, c->line,
		                "'%s=' takes one value: quote a comma", w->key);
	r = option_set(c, o, &w->values[0], line);
	if (r == -EINVAL)
		return diag_add(c->d, c->file, c->line, "'%s=%s': expected %s", w->key,
		                w->values[0].str, options[o].expected);
	return r < 0 ? r : 1;
}

int compile_options_check(struct compiler *c, struct policy_line *line, unsigned seen)
{
	int result = 0;

	for (enum option o = 0; o < N_OPTIONS; o++)
		if (seen & 1U << o && !(options[o].actions & 1U << line->action))
			result = diag_add(c->d, c->file, c->line,
			                  "'%s=' has no meaning with this action",
			                  options[o].name);
	if (result < 0 || line->action != POLICY_SCAN ||
	    line->events != POLICY_WRITE_CLOSE)
		return result;

	/* The file has been written and closed: there is nothing left to deny. */
	if (seen & 1U << OPT_ON_ERROR && line->on_error == ON_ERROR_DENY)
		return diag_add(c->d, c->file, c->line,
		                "a write-close cannot be denied");
	if (!(seen & 1U << OPT_ON_MATCH))
		line->on_match = ON_MATCH_LOG;
	else if (line->on_match == ON_MATCH_DENY)
		return diag_add(c->d, c->file, c->line,
		                "a write-close cannot be denied");
	return 0;
}
