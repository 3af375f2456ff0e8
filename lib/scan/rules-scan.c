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
#include "rules-ns.h"
#include "rules-scan.h"

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

bool rules_pe_has(const struct rules *rules, const YR_RULE *rule)
{
	const YR_RULE *other;

	yr_rules_foreach(rules->pe, other)
	{
		if (strcmp(other->identifier, rule->identifier) == 0 &&
		    strcmp(other->ns->name, rule->ns->name) == 0)
			return true;
	}
	return false;
}

static bool only_logs(const YR_RULE *rule)
{
	const YR_META *meta;

	if (rules_ns_logs(rule->ns->name))
		return true;
	yr_rule_metas_foreach(rule, meta)
	{
		if (meta->type == META_TYPE_STRING &&
		    strcmp(meta->identifier, "level") == 0)
			return strcmp(meta->string, "log") == 0;
	}
	return false;
}

/* Of one priority, the first counts. */
static void note_hit(struct rules_hit *hit, const YR_RULE *rule)
{
	const unsigned order = rules_ns_order(rule->ns->name);

	if (!hit->rule || order < hit->order)
		*hit = (struct rules_hit){rule, order};
}

static void tell_hit(const struct rules_hit *hit, struct rule_match *ret)
{
	(void)snprintf(ret->rule, sizeof(ret->rule), "%s", hit->rule->identifier);
	rules_ns_set(hit->rule->ns->name, ret->set);
}

static int on_match(struct rules_scanner *s, const YR_RULE *rule)
{
	if (s->is_pe && s->part == PART_OTHER && rules_pe_has(s->rules, rule))
		return CALLBACK_CONTINUE; /* decided by its text there */
	if (s->tell) {
		s->tell(s->userdata, rules_ns_file(rule->ns->name), rule->identifier);
		return CALLBACK_CONTINUE;
	}
	if (only_logs(rule)) {
		note_hit(&s->log, rule);
		return CALLBACK_CONTINUE;
	}
	note_hit(&s->deny[s->part], rule);
	/* one is enough, and ends the scan as a success: sets come in the order of their priorities */
	return CALLBACK_ABORT;
}

/* "Rule" of an imported module that must not be loaded, or of one that is fine. */
static int on_import(struct rules_scanner *s, const YR_MODULE_IMPORT *import)
{
	if (!rules_module_is_refused(import->module_name) &&
	    (strcmp(import->module_name, "macho") != 0 || s->fat != RULES_FAT_ENDLESS))
		return CALLBACK_CONTINUE;
	s->incomplete = true;
	return CALLBACK_ERROR;
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	struct rules_scanner *s = userdata;

	switch (message) {
	case CALLBACK_MSG_RULE_MATCHING:
		return on_match(s, data);
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
		s->windows.feed[s->part].importing = ((YR_MODULE_IMPORT *)data)->module_name;
		return on_import(s, data);
	case CALLBACK_MSG_MODULE_IMPORTED:
		s->windows.feed[s->part].importing = NULL;
		return CALLBACK_CONTINUE;
	default:
		return CALLBACK_CONTINUE;
	}
}

static int make_scanner(struct rules_scanner *s, enum rules_part part)
{
	YR_RULES *rules = part == PART_PE ? s->rules->pe : s->rules->yr;

	if (yr_scanner_create(rules, &s->yr[part]) != ERROR_SUCCESS) {
		s->yr[part] = NULL;
		return -ENOMEM;
	}
	yr_scanner_set_callback(s->yr[part], on_message, s);
	yr_scanner_set_flags(s->yr[part], SCAN_FLAGS);
	return 0;
}

void rules_part_drop(struct rules_scanner *s, enum rules_part part)
{
	if (s->yr[part])
		yr_scanner_destroy(s->yr[part]);
	s->yr[part] = NULL;
}

int rules_scanner_new(const struct rules *rules, struct rules_scanner **ret)
{
	struct rules_scanner *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->rules = rules;
	/* the one for PE is made for the first such file: there may never be one */
	if (make_scanner(s, PART_OTHER) < 0) {
		free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

struct rules_scanner *rules_scanner_free(struct rules_scanner *s)
{
	for (unsigned part = 0; s && part < N_RULES_PARTS; part++)
		rules_part_drop(s, part);
	free(s);
	return NULL;
}

void rules_scanner_tell(struct rules_scanner *s, rules_tell_t tell, void *userdata)
{
	s->tell = tell;
	s->userdata = userdata;
}

static int set_vars(YR_SCANNER *yr, const char *const *vars)
{
	for (unsigned i = 0; vars && i < N_RULES_VARS; i++)
		if (yr_scanner_define_string_variable(yr, rules_var_name(i),
		                                      vars[i]) != ERROR_SUCCESS)
			return -ENOMEM;
	return 0;
}

static enum rules_result judge(const struct rules_scanner *s, int err)
{
	if (s->deny[s->part].rule)
		return RULES_MATCH;
	if (s->timed_out || err == ERROR_SCAN_TIMEOUT)
		return RULES_TIMEOUT;
	if (err == ERROR_INSUFFICIENT_MEMORY)
		return RULES_NOMEM;
	return err != ERROR_SUCCESS || s->incomplete ? RULES_ERROR : RULES_CLEAN;
}

enum rules_result rules_part_begin(struct rules_scanner *s, enum rules_part part,
                                   const char *const *vars, YR_SCANNER **ret)
{
	const nsec_t now = clock_now();
	YR_SCANNER *yr;

	if (now >= s->deadline)
		return RULES_TIMEOUT;
	if (!s->yr[part] && make_scanner(s, part) < 0)
		return RULES_NOMEM;
	yr = s->yr[part];
	s->part = part;
	if (set_vars(yr, vars) < 0) {
		rules_part_drop(s, part);
		return RULES_NOMEM;
	}
	s->timed_out = s->incomplete = false;
	s->windows.feed[part].importing = NULL; /* it may be that of a scan that failed */
	yr->entry_point = YR_UNDEFINED;
	yr->timeout = s->deadline - now;
	*ret = yr;
	return RULES_CLEAN;
}

enum rules_result rules_part_end(struct rules_scanner *s, enum rules_part part, int err, size_t len)
{
	if (err != ERROR_SUCCESS || s->incomplete || len >= FRESH_AFTER_BYTES ||
	    s->yr[part]->re_fiber_pool.fiber_count > FIBERS_MAX)
		rules_part_drop(s, part);
	return judge(s, err);
}

/* --- a file that is in memory as one --- */

bool rules_hides(const struct rules_scanner *s)
{
	const char *importing = s->windows.feed[s->part].importing;

	return importing && s->fat == RULES_FAT_CLASS && strcmp(importing, "macho") == 0;
}

static const uint8_t *fetch_whole(YR_MEMORY_BLOCK *b)
{
	const struct rules_scanner *s = b->context;

	return rules_hides(s) ? NULL : s->head;
}

static YR_MEMORY_BLOCK *whole_first(YR_MEMORY_BLOCK_ITERATOR *it)
{
	it->last_error = ERROR_SUCCESS;
	return it->context;
}

static YR_MEMORY_BLOCK *whole_next(YR_MEMORY_BLOCK_ITERATOR *it)
{
	it->last_error = ERROR_SUCCESS;
	return NULL;
}

static uint64_t whole_size(YR_MEMORY_BLOCK_ITERATOR *it)
{
	return ((const YR_MEMORY_BLOCK *)it->context)->size;
}

/* As yr_scanner_scan_mem(), but that a module may be told that there is nothing. */
static enum rules_result scan_part(struct rules_scanner *s, enum rules_part part,
                                   const char *const *vars)
{
	YR_MEMORY_BLOCK block = {.size = s->head_len, .context = s, .fetch_data = fetch_whole};
	YR_MEMORY_BLOCK_ITERATOR it = {
		.context = &block, .first = whole_first, .next = whole_next, .file_size = whole_size};
	YR_SCANNER *yr;
	enum rules_result r = rules_part_begin(s, part, vars, &yr);

	return r == RULES_CLEAN ? rules_part_end(s, part, yr_scanner_scan_mem_blocks(yr, &it), s->head_len) : r;
}

static bool begins_with_mz(const void *buf, size_t len)
{
	return len >= 2 && memcmp(buf, "MZ", 2) == 0;
}

void rules_part_reset(struct rules_scanner *s, nsec_t deadline, const void *head, size_t len,
                      struct rule_match *ret)
{
	s->head = head;
	s->head_len = len;
	s->deadline = deadline;
	s->ret = ret;
	*ret = (struct rule_match){0};
	s->is_pe = s->rules->pe && begins_with_mz(head, len);
	s->log = (struct rules_hit){0};
	for (unsigned part = 0; part < N_RULES_PARTS; part++)
		s->deny[part] = (struct rules_hit){0};
}

static const struct rules_hit *first_hit(const struct rules_scanner *s)
{
	const struct rules_hit *other = &s->deny[PART_OTHER], *pe = &s->deny[PART_PE];

	return !other->rule || (pe->rule && pe->order < other->order) ? pe : other;
}

enum rules_result rules_parts_join(struct rules_scanner *s, enum rules_result other,
                                   enum rules_result pe)
{
	/* also when the others could not be run to their end: a match counts */
	const enum rules_result result =
		other != RULES_MATCH && (pe == RULES_MATCH || other == RULES_CLEAN) ? pe : other;

	if (result == RULES_MATCH)
		tell_hit(first_hit(s), s->ret);
	if (result != RULES_CLEAN || !s->log.rule)
		return result;
	tell_hit(&s->log, s->ret);
	return RULES_MATCH_LOG;
}

/* Could the part for PE name a rule of a set that comes before that of the match? */
bool rules_pe_counts(const struct rules_scanner *s, enum rules_result other)
{
	return s->is_pe && (other != RULES_MATCH || s->deny[PART_OTHER].order > s->rules->pe_order);
}

enum rules_result rules_scan(struct rules_scanner *s, const void *buf, size_t len,
                             const char *const *vars, nsec_t deadline,
                             struct rule_match *ret)
{
	enum rules_result other, pe = RULES_CLEAN;

	rules_part_reset(s, deadline, buf, len, ret);
	s->fat = rules_fat_of(buf, len, len);
	other = scan_part(s, PART_OTHER, vars);
	if (rules_pe_counts(s, other))
		pe = scan_part(s, PART_PE, vars);
	return rules_parts_join(s, other, pe);
}
