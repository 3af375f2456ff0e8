/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: compiling
 *
 * Owns: libyara's compiler, and the reach of include statements.
 * Must not own: file descriptors (the caller has read the files), or the image.
 * Hands off to: rules-write.c.
 */
#include "custos/rules-compile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yara.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "rules-check.h"
#include "rules-compiled.h"
#include "rules-dear.h"
#include "rules-job.h"
#include "rules-ns.h"
#include "rules-order.h"
#include "rules-sets.h"
#include "rules-trial.h"

/* Files that become one set of rules. */
struct set {
	struct job job;
	const struct rules_source *sources;
	size_t n;
	struct rules_parts *parts;
	bool *left_out;
	struct rules_trial *ask; /* NULL: nothing is left out, and nothing tried */
};

/* libyara knows only that it has not heard of the variable. NULL: that is all there is to it; or no memory. */
static char *denied_var(const struct rules_source *s, const char *message)
{
	char *why;

	for (unsigned i = 0; s->set && i < N_RULES_VARS; i++) {
		const char *name = rules_var_name(i), *at = strchr(message, '"');

		if (s->set->vars & 1U << i || !at || strncmp(at + 1, name, strlen(name)) != 0 ||
		    strcmp(at + 1 + strlen(name), "\"") != 0)
			continue;
		return asprintf(&why, "looks at %s, which Variables= of the rule set %s does not allow",
		                name, s->set->name) < 0 ? NULL : why;
	}
	return NULL;
}

static void on_error(int level, const char *file, int line, const YR_RULE *rule,
                     const char *message, void *userdata)
{
	struct job *job = userdata;

	if (level != YARA_ERROR_LEVEL_ERROR)
		/* warnings are about speed; the cost of rules is measured elsewhere */
		return;
	_cleanup_(freep) char *why = denied_var(job->source, message);

	(void)diag_add(
		job->d,
		rules_includes_path(&job->includes, file ? file : job->source->file),
		line > 0 ? (unsigned)line : 0, "%s", why ? why : message);
}

static const char *on_include(const char *name, const char *from, const char *ns,
                              void *userdata)
{
	struct job *job = userdata;
	const struct rules_source *s;

	s = rules_includes_find(&job->includes, name, from ? from : job->source->file);
	return s ? s->text : NULL;
}

/* Text of an include belongs to the set: nothing to free. */
static void on_include_free(const char *text, void *userdata)
{
}

/* @vars: mask of 1 << enum rules_var, those that the rules may use */
static int new_compiler(struct job *job, unsigned vars, YR_COMPILER **ret)
{
	YR_COMPILER *c;

	if (yr_compiler_create(&c) != ERROR_SUCCESS)
		return -ENOMEM;
	yr_compiler_set_callback(c, on_error, job);
	yr_compiler_set_include_callback(c, on_include, on_include_free, job);
	for (unsigned i = 0; i < N_RULES_VARS; i++) {
		if ((vars & 1U << i) &&
		    yr_compiler_define_string_variable(c, rules_var_name(i), "") !=
		            ERROR_SUCCESS) {
			yr_compiler_destroy(c);
			return -ENOMEM;
		}
	}
	*ret = c;
	return 0;
}

/* Compile one file into @c. Return: 0, -EINVAL (reported by on_error()), or -ENOMEM. */
static int add_file(YR_COMPILER *c, struct job *job, const struct rules_source *s)
{
	_cleanup_(file_closep) FILE *f = NULL;
	_cleanup_(freep) char *ns = NULL;

	job->source = s;
	diag_at(job->at, s->file);
	rules_includes_reset(&job->includes);
	if (s->len == 0)
		return 0; /* fmemopen() refuses an empty buffer */
	f = fmemopen((void *)s->text, s->len, "r");
	if (!f)
		return -errno;
	ns = rules_ns_make(s->set, s->order, s->file);
	if (!ns)
		return -ENOMEM;
	return yr_compiler_add_file(c, f, ns, s->file) == 0 ? 0 : -EINVAL;
}

static int get_rules(YR_COMPILER *c, YR_RULES **ret)
{
	return yr_compiler_get_rules(c, ret) == ERROR_SUCCESS ? 0 : -ENOMEM;
}

int job_compile(struct job *job, const struct rules_source *s, unsigned vars,
                YR_RULES **ret)
{
	YR_COMPILER *c;
	int r = new_compiler(job, vars, &c);

	if (r < 0)
		return r;
	r = add_file(c, job, s);
	if (r == 0)
		r = get_rules(c, ret);
	yr_compiler_destroy(c);
	return r;
}

int job_try(struct job *job, const struct rules_source *s, unsigned vars,
            YR_RULES **ret)
{
	struct diag *d = job->d;
	int r;

	job->d = NULL;
	r = job_compile(job, s, vars, ret);
	job->d = d;
	return r;
}

int job_add_stats(YR_RULES *rules, YR_RULES_STATS *sum)
{
	YR_RULES_STATS stats;

	if (yr_rules_get_stats(rules, &stats) != ERROR_SUCCESS)
		return -ENOMEM;
	sum->num_rules += stats.num_rules;
	sum->num_strings += stats.num_strings;
	return 0;
}

/* Without a reason by libyara, or at the limit of memory: it is this file all the same. */
static int check_file(struct set *set, size_t i, unsigned *uses)
{
	struct job *job = &set->job;
	const size_t before = job->d->n_total;
	int r;

	job->index = i;
	r = rules_check(job, &set->sources[i], uses, &set->parts[i]);
	if (r == -ENOMEM)
		return diag_add(job->d, set->sources[i].file, 0,
		                "takes more memory than there is to compile it");
	if (r == -EINVAL && job->d->n_total == before)
		(void)diag_add(job->d, set->sources[i].file, 0, "libyara gives no reason");
	return r;
}

/* The same; one that is broken is left out, where that was asked for. */
static int check_or_leave(struct set *set, size_t i, unsigned *uses)
{
	struct rules_trial *ask = set->ask;
	struct diag *d = set->job.d;
	_cleanup_(diag_deinit) struct diag own = DIAG_NULL;
	struct rules_row row = {.file = set->sources[i].file, .rule = "", .state = RULES_BROKEN};
	int r;

	if (!ask || !ask->leave_out)
		return check_file(set, i, uses);
	set->job.d = &own;
	r = check_file(set, i, uses);
	set->job.d = d;
	if (r != -EINVAL)
		return r;
	rules_parts_deinit(&set->parts[i]);
	set->left_out[i] = true;
	ask->report.tried.n_left_out++;
	ask->report.tried.n_unfit++;
	row.why = own.n_items > 0 ? own.items[0].reason : "it does not compile";
	row.line = own.n_items > 0 ? own.items[0].line : 0;
	return rules_report_add(&ask->report, &row);
}

static int check_files(struct set *set, unsigned *uses)
{
	int ret = 0;

	for (size_t i = 0; i < set->n; i++) {
		int r = check_or_leave(set, i, uses);

		if (r < 0 && r != -EINVAL)
			return r;
		if (r < 0)
			ret = r;
	}
	diag_at(set->job.at, NULL);
	return ret;
}

/* One part of all files, or what is not divided of them. */
static int compile_together(struct job *job, const struct rules_source *sources,
                            size_t n, unsigned vars, YR_RULES **ret)
{
	YR_COMPILER *compiler;
	int r = new_compiler(job, vars, &compiler);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_file(compiler, job, &sources[i]);
	diag_at(job->at, NULL); /* what follows is about all of them */
	if (r == 0)
		r = get_rules(compiler, ret);
	yr_compiler_destroy(compiler);
	return r;
}

static uint64_t count_twice(const struct set *set)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < set->n; i++)
		if (!set->left_out[i])
			sum += set->parts[i].n_both;
	return sum;
}

static void destroy_parts(struct rules *r)
{
	rules_destroy_parts(r);
	*r = (struct rules){0};
}

/* What a file has for one part; false: nothing. */
static bool choose(const struct rules_source *s, const struct rules_parts *parts, bool pe,
                   struct rules_source *ret)
{
	const char *text = pe ? parts->pe : parts->other ? parts->other : s->text;

	*ret = (struct rules_source){s->file, text, s->len, s->set, s->order};
	return text != NULL;
}

/* One part of all files that are not left out. */
static int compile_part(struct set *set, bool pe, unsigned vars, YR_RULES **ret)
{
	_cleanup_(freep) struct rules_source *some = calloc(set->n + 1, sizeof(*some));
	size_t n = 0;

	if (!some)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++)
		if (!set->left_out[i])
			n += choose(&set->sources[i], &set->parts[i], pe, &some[n]);
	return pe && n == 0 ? 0 : compile_together(&set->job, some, n, vars, ret);
}

static int compile_parts(struct set *set, struct rules_compiled *c)
{
	const unsigned vars = c->uses & RULESET_USES_VARS ? VARS_ALL : 0;
	YR_RULES_STATS sum = {0};
	int r;

	destroy_parts(&c->rules);
	r = compile_part(set, false, vars, &c->rules.yr);
	if (r == 0)
		r = compile_part(set, true, vars, &c->rules.pe);
	if (r == 0)
		r = job_add_stats(c->rules.yr, &sum);
	if (r == 0 && c->rules.pe)
		r = job_add_stats(c->rules.pe, &sum);
	c->rules.n_rules = sum.num_rules - count_twice(set);
	return r;
}

/* Again without those that are left out, if there may be more: rules that match what this
 * host needs must not come into force because too many do. */
static int try_parts(struct set *set, struct rules_trial *ask, struct rules_compiled *c)
{
	struct trial t;
	uint64_t n_before;
	int r;

	ask->report.tried.n_files = set->n;
	ask->report.tried.n_rules = c->rules.n_rules;
	do {
		n_before = ask->report.tried.n_left_out;
		t = (struct trial){.ask = ask, .rules = &c->rules, .sources = set->sources,
		                   .n = set->n, .left_out = set->left_out, .d = set->job.d};
		ask->report.tried.n_stock = ask->report.tried.stock_bytes = 0;
		ask->report.tried.n_positives = 0;
		r = trial_run(&t);
		if (r == 0 && ask->report.tried.n_left_out > n_before)
			r = compile_parts(set, c); /* the others were tried beside them */
	} while (r == 0 && trial_is_full(&t) && ask->report.tried.n_left_out > n_before);
	return r;
}

static int compile_set(struct set *set, struct rules_compiled *c)
{
	int r = check_files(set, &c->uses);

	return r == 0 ? compile_parts(set, c) : r;
}

/* The same, with what each file costs, and the trial of all together. */
static int compile_set_tried(struct set *set, struct rules_trial *ask,
                             struct rules_compiled *c)
{
	struct costs costs = COSTS_NULL;
	nsec_t began = clock_thread(), spent;
	int r = costs_init(&costs, ask, set->n);

	if (r < 0)
		return r;
	spent = clock_thread() - began;
	set->job.costs = &costs;
	r = check_files(set, &c->uses);
	set->job.costs = NULL;
	spent += costs.spent;
	began = clock_thread();
	if (r == 0)
		r = dear_report(&costs, &set->job, set->sources, set->parts, set->left_out);
	spent += clock_thread() - began;
	if (r == 0)
		r = compile_parts(set, c);
	began = clock_thread();
	if (r == 0)
		ask->report.tried.nsec = costs_measure(&costs, c->rules.yr);
	if (r == 0)
		r = try_parts(set, ask, c);
	ask->report.tried.spent_nsec = spent + clock_thread() - began;
	costs_deinit(&costs);
	return r;
}

int rules_compile_tried(const struct rules_source *sources, size_t n,
                        struct rules_trial *trial, struct rules_compiled **ret,
                        struct diag *d)
{
	_cleanup_(diag_deinit) struct diag own = DIAG_NULL;
	_cleanup_(rules_compiled_freep) struct rules_compiled *c =
		calloc(1, sizeof(*c));
	_cleanup_(freep) struct rules_parts *parts = calloc(n + 1, sizeof(*parts));
	_cleanup_(freep) bool *left_out = calloc(n + 1, sizeof(*left_out));
	_cleanup_(freep) struct rules_source *sorted = rules_order(sources, n);
	struct set set = {.job = {.d = d ? d : &own, .at = d}, .sources = sorted, .n = n,
	                  .parts = parts, .left_out = left_out, .ask = trial};
	int r;

	if (!c || !parts || !left_out || !sorted)
		return -ENOMEM;
	rules_includes_init(&set.job.includes, sorted, n);
	r = trial && !trial->untried && n > 0 ? compile_set_tried(&set, trial, c) : compile_set(&set, c);
	rules_includes_deinit(&set.job.includes);
	if (r == 0 && trial)
		r = rules_sets_report(sorted, n, parts, left_out, &c->rules, &trial->report);
	for (size_t i = 0; i < n; i++)
		rules_parts_deinit(&parts[i]);
	if (r < 0)
		return r;
	*ret = ptr_take(&c);
	return 0;
}

int rules_compile(const struct rules_source *sources, size_t n,
                  struct rules_compiled **ret, struct diag *d)
{
	return rules_compile_tried(sources, n, NULL, ret, d);
}
