/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: the trial
 *
 * Owns: what the stock says about rules, and whose fault it is. Must not own: which files
 * the stock is made of (custos-compile), or the positives (rules-trial-made.c).
 */
#include "rules-trial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/division.h"
#include "engine-vars.h"
#include "rules-ns.h"
#include "rules-positive.h"

#define FLAGS                                                                          \
	(SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH |                               \
	 SCAN_FLAGS_REPORT_RULES_MATCHING)

/* Beside libyara's errors, which are positive. */
#define DIVIDED (-1)

/* A machine that is so busy judges no file in time. */
#define LIMIT_MAX_NSEC (16 * RULES_TRIAL_FILE_NSEC)

/* One part of the rules over one file of the stock. */
struct run {
	struct trial *t;
	YR_RULES *part;
	bool is_pe; /* rules that are in the part for PE as well do not count */
	const char *path;
	bool quiet;
	bool starved; /* the scan did not end, but had no CPU to do so */
	const YR_RULE *incomplete; /* its string matched too often */
};

void trial_fail(struct trial *t, size_t i, const char *rule, unsigned line,
                const char *fmt, ...)
{
	struct rules_row row = {.file = t->sources[i].file, .rule = rule, .line = line,
	                        .state = RULES_UNFIT};
	char why[512];
	va_list ap;

	if (t->left_out[i] || t->n_failures == TRIAL_FAILURES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap); /* cut, at worst */
	va_end(ap);
	row.why = why;
	t->n_failures++;
	if (t->ask->leave_out) {
		t->left_out[i] = true;
		t->ask->report.tried.n_left_out++;
		t->ask->report.tried.n_unfit++;
		rules_report_forget(&t->ask->report, row.file); /* what it would have cost */
		if (rules_report_add(&t->ask->report, &row) < 0)
			t->error = -ENOMEM;
	} else if (t->ask->about) {
		(void)diag_add(t->d, t->ask->about, 0, "%s:%u: %s", row.file, line, why);
	} else {
		(void)diag_add(t->d, row.file, line, "%s", why);
	}
}

bool trial_is_full(const struct trial *t)
{
	return t->n_failed == TRIAL_FAILURES_MAX || t->n_failures == TRIAL_FAILURES_MAX;
}

size_t trial_source(const struct trial *t, const YR_RULE *rule)
{
	size_t i = 0;

	while (i < t->n && strcmp(t->sources[i].file, rules_ns_file(rule->ns->name)) != 0)
		i++;
	return i;
}

static bool has_failed(const struct trial *t, const YR_RULE *rule)
{
	for (unsigned i = 0; i < t->n_failed; i++)
		if (t->failed[i] == rule)
			return true;
	return false;
}

/* Say once about a rule how it fails on the file at hand. */
static void blame(struct run *run, const YR_RULE *rule, const char *how)
{
	struct trial *t = run->t;
	size_t i = trial_source(t, rule);

	if (i == t->n || trial_is_full(t) || has_failed(t, rule))
		return;
	t->failed[t->n_failed++] = rule;
	trial_fail(t, i, rule->identifier,
	           positive_line(t->sources[i].text, t->sources[i].len, rule->identifier),
	           "rule %s %s %s, a harmless file of this host", rule->identifier, how,
	           run->path);
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	struct run *run = userdata;

	if (message == CALLBACK_MSG_RULE_MATCHING && !run->quiet &&
	    !(run->is_pe && rules_pe_has(run->t->rules, data)))
		blame(run, data, "matches");
	if (message == CALLBACK_MSG_TOO_MANY_MATCHES)
		run->incomplete = &run->part->rules_table[((YR_STRING *)data)->rule_idx];
	return CALLBACK_CONTINUE;
}

/* Its scanner of the file before: to make one takes as long as a small file. */
static YR_SCANNER *scanner_of(struct run *run)
{
	YR_SCANNER **yr = &run->t->yr[run->part == run->t->rules->pe];

	if (!*yr && yr_scanner_create(run->part, yr) != ERROR_SUCCESS)
		*yr = NULL;
	return *yr;
}

static void drop_scanner(struct trial *t, bool pe)
{
	if (t->yr[pe])
		yr_scanner_destroy(t->yr[pe]);
	t->yr[pe] = NULL;
}

static int scan(struct run *run, const struct rules_sample *in)
{
	struct engine_vars vars;
	YR_SCANNER *yr = scanner_of(run);
	nsec_t limit = RULES_TRIAL_FILE_NSEC, began;
	int err;

	if (!yr)
		return ERROR_INSUFFICIENT_MEMORY;
	engine_vars_set(&vars, in->path, in->owner, in->bytes, in->len);
	for (unsigned i = 0; i < N_RULES_VARS; i++) /* fails for one that no rule uses */
		(void)yr_scanner_define_string_variable(yr, rules_var_name(i), vars.values[i]);
	yr_scanner_set_callback(yr, on_message, run);
	yr_scanner_set_flags(yr, FLAGS);
	/* libyara looks at the clock on the wall, which runs on while others have the CPU. */
	do {
		yr->entry_point = YR_UNDEFINED;
		yr->timeout = limit;
		began = clock_thread();
		division_begin();
		err = yr_scanner_scan_mem(yr, in->bytes, in->len);
		if (division_end())
			err = DIVIDED;
		run->starved = err == ERROR_SCAN_TIMEOUT &&
		               clock_thread() - began < RULES_TRIAL_FILE_NSEC / 2;
		limit *= 2;
	} while (run->starved && limit <= LIMIT_MAX_NSEC);
	if (err != ERROR_SUCCESS)
		drop_scanner(run->t, run->part == run->t->rules->pe);
	return err;
}

static void enable(YR_RULES *rules, size_t first, size_t end)
{
	for (size_t i = 0; i < rules->num_rules; i++) {
		if (i >= first && i < end)
			yr_rule_enable(&rules->rules_table[i]);
		else
			yr_rule_disable(&rules->rules_table[i]);
	}
}

/* All rules but those that were found wrong, which may take seconds for each file. */
static void enable_others(struct run *run)
{
	enable(run->part, 0, run->part->num_rules);
	for (unsigned i = 0; i < run->t->n_failed; i++)
		yr_rule_disable((YR_RULE *)run->t->failed[i]);
}

/* The rule that makes the scan fail, if it is one alone: halves are tried. */
static const YR_RULE *find_culprit(struct run *run, const struct rules_sample *in)
{
	size_t first = 0, end = run->part->num_rules;

	run->quiet = true;
	while (end - first > 1) {
		const size_t middle = first + (end - first) / 2;

		enable(run->part, first, middle);
		if (scan(run, in) != ERROR_SUCCESS && !run->starved)
			end = middle;
		else
			first = middle;
	}
	return first < end ? &run->part->rules_table[first] : NULL;
}

static const char *how_it_fails(int err)
{
	return err == DIVIDED            ? RULES_DIVIDES " on" :
	       err == ERROR_SCAN_TIMEOUT ? "takes more than three seconds for" :
	                                   "makes libyara fail on";
}

/* Says something about the rules, if it can. */
static void try_part(struct run *run, const struct rules_sample *in)
{
	const YR_RULE *rule;
	int err = scan(run, in);

	if (err == ERROR_INSUFFICIENT_MEMORY) {
		run->t->error = -ENOMEM;
	} else if (run->incomplete) {
		blame(run, run->incomplete, "has a string that matches too often in");
	} else if (run->starved) {
		return; /* says nothing about rules */
	} else if (err != ERROR_SUCCESS) {
		rule = find_culprit(run, in);
		if (rule)
			blame(run, rule, how_it_fails(err));
		enable_others(run);
		run->quiet = run->starved = false;
	}
}

/* False: it could not be scanned to its end. */
static bool try_file(struct trial *t, const struct rules_sample *in)
{
	const bool is_pe = t->rules->pe && in->len >= 2 && memcmp(in->bytes, "MZ", 2) == 0;
	struct run run = {.t = t, .part = t->rules->yr, .is_pe = is_pe, .path = in->path};

	try_part(&run, in);
	if (!is_pe || run.starved)
		return !run.starved;
	run = (struct run){.t = t, .part = t->rules->pe, .path = in->path};
	try_part(&run, in);
	return !run.starved;
}

static void try_stock(struct trial *t)
{
	struct rules_tried *tried = &t->ask->report.tried;
	const nsec_t end = clock_thread() + TRIAL_STOCK_NSEC;
	struct rules_sample in;

	tried->n_stock_all = t->ask->n_stock;
	for (size_t i = 0; i < t->ask->n_stock && t->error == 0; i++) {
		if (clock_thread() >= end || trial_is_full(t))
			return;
		if (!t->ask->stock(t->ask->userdata, i, &in))
			continue;
		if (!try_file(t, &in))
			continue;
		tried->n_stock++;
		tried->stock_bytes += in.len;
	}
}

/* Those that were found wrong are not to be so in the image. */
static void restore(struct trial *t)
{
	enable(t->rules->yr, 0, t->rules->yr->num_rules);
	if (t->rules->pe)
		enable(t->rules->pe, 0, t->rules->pe->num_rules);
}

int trial_run(struct trial *t)
{
	try_stock(t);
	drop_scanner(t, false);
	drop_scanner(t, true);
	restore(t);
	if (t->error == 0)
		trial_positives(t);
	if (t->error < 0)
		return t->error;
	return t->n_failures > 0 && !t->ask->leave_out ? -EINVAL : 0;
}
