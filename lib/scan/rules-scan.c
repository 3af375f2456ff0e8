/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: scanning
 *
 * Owns: one libyara scanner and the reading of its results.
 * Must not own: the bytes scanned, or what a match means (engine).
 *
 * Two fields of the public struct YR_SCAN_CONTEXT are set directly: entry_point, which
 * libyara carries over from the file before (a false match), and timeout, which its
 * setter takes in whole seconds only.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yara.h>

#include "custos/clock.h"
#include "custos/rules.h"
#include "rules-yara.h"

/*
 * The same verdicts, measured faster; the buffer is private, so no fault needs
 * catching.
 */
#define SCAN_FLAGS                                                                     \
	(SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH |                               \
	 SCAN_FLAGS_REPORT_RULES_MATCHING)

/*
 * A scanner never gives memory back. Making a new one costs up to 76 us (14,000 rules).
 */
#define FIBERS_MAX 128 /* of 1024; 2 KiB each */
/* such a scan takes hundreds of milliseconds */
#define FRESH_AFTER_BYTES ((size_t)16 << 20)

struct rules_scanner {
	const struct rules *rules;
	YR_SCANNER *yr; /* NULL after an error: made anew for the next file */
	/* of the scan that is running */
	nsec_t deadline;
	bool matched, timed_out, incomplete;
	char *rule;
};

/* "Rule" of an imported module that must not be loaded, or of one that is fine. */
static int on_import(struct rules_scanner *s, const YR_MODULE_IMPORT *import)
{
	if (!rules_module_is_refused(import->module_name))
		return CALLBACK_CONTINUE;
	s->incomplete = true;
	return CALLBACK_ERROR;
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	struct rules_scanner *s = userdata;
	const YR_RULE *rule = data;

	switch (message) {
	case CALLBACK_MSG_RULE_MATCHING:
		(void)snprintf(s->rule, RULE_NAME_BYTES, "%s", rule->identifier);
		s->matched = true;
		/* one is enough, and ends the scan as a success */
		return CALLBACK_ABORT;
	case CALLBACK_MSG_TOO_MANY_MATCHES:
		/*
		 * libyara leaves the string out from here on; other rules still count.
		 */
		s->incomplete = true;
		return CALLBACK_CONTINUE;
	case CALLBACK_MSG_IMPORT_MODULE:
		if (clock_now() >= s->deadline) {
			s->timed_out = true;
			return CALLBACK_ERROR;
		}
		return on_import(s, data);
	default:
		return CALLBACK_CONTINUE;
	}
}

static int make_scanner(struct rules_scanner *s)
{
	if (yr_scanner_create(s->rules->yr, &s->yr) != ERROR_SUCCESS) {
		s->yr = NULL;
		return -ENOMEM;
	}
	yr_scanner_set_callback(s->yr, on_message, s);
	yr_scanner_set_flags(s->yr, SCAN_FLAGS);
	return 0;
}

static void drop_scanner(struct rules_scanner *s)
{
	if (s->yr)
		yr_scanner_destroy(s->yr);
	s->yr = NULL;
}

int rules_scanner_new(const struct rules *rules, struct rules_scanner **ret)
{
	struct rules_scanner *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->rules = rules;
	if (make_scanner(s) < 0) {
		free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

struct rules_scanner *rules_scanner_free(struct rules_scanner *s)
{
	if (s)
		drop_scanner(s);
	free(s);
	return NULL;
}

static int set_vars(struct rules_scanner *s, const char *const *vars)
{
	for (unsigned i = 0; vars && i < N_RULES_VARS; i++)
		if (yr_scanner_define_string_variable(s->yr, rules_var_name(i),
		                                      vars[i]) != ERROR_SUCCESS)
			return -ENOMEM;
	return 0;
}

static enum rules_result judge(const struct rules_scanner *s, int err)
{
	if (s->matched)
		return RULES_MATCH;
	if (s->timed_out || err == ERROR_SCAN_TIMEOUT)
		return RULES_TIMEOUT;
	if (err == ERROR_INSUFFICIENT_MEMORY)
		return RULES_NOMEM;
	return err != ERROR_SUCCESS || s->incomplete ? RULES_ERROR : RULES_CLEAN;
}

enum rules_result rules_scan(struct rules_scanner *s, const void *buf, size_t len,
                             const char *const *vars, nsec_t deadline,
                             char ret_rule[RULE_NAME_BYTES])
{
	nsec_t now = clock_now();
	int err;

	if (now >= deadline)
		return RULES_TIMEOUT;
	if (!s->yr && make_scanner(s) < 0)
		return RULES_NOMEM;
	if (set_vars(s, vars) < 0) {
		drop_scanner(s);
		return RULES_NOMEM;
	}

	s->deadline = deadline;
	s->matched = s->timed_out = s->incomplete = false;
	s->rule = ret_rule;
	s->yr->entry_point = YR_UNDEFINED;
	s->yr->timeout = deadline - now;
	err = yr_scanner_scan_mem(s->yr, buf, len);

	if (err != ERROR_SUCCESS || s->incomplete || len >= FRESH_AFTER_BYTES ||
	    s->yr->re_fiber_pool.fiber_count > FIBERS_MAX)
		drop_scanner(s);
	return judge(s, err);
}
