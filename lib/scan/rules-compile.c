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
#include "rules-check.h"
#include "rules-compiled.h"
#include "rules-job.h"

static void on_error(int level, const char *file, int line, const YR_RULE *rule,
                     const char *message, void *userdata)
{
	struct job *job = userdata;

	if (level != YARA_ERROR_LEVEL_ERROR)
		/* warnings are about speed; the cost of rules is measured elsewhere */
		return;
	(void)diag_add(
		job->d,
		rules_includes_path(&job->includes, file ? file : job->source->file),
		line > 0 ? (unsigned)line : 0, "%s", message);
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

	job->source = s;
	rules_includes_reset(&job->includes);
	if (s->len == 0)
		return 0; /* fmemopen() refuses an empty buffer */
	f = fmemopen((void *)s->text, s->len, "r");
	if (!f)
		return -errno;
	return yr_compiler_add_file(c, f, s->file, s->file) == 0 ? 0 : -EINVAL;
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

static int check_files(struct job *job, const struct rules_source *sources, size_t n,
                       unsigned *uses, struct rules_parts *parts)
{
	int ret = 0;

	for (size_t i = 0; i < n; i++) {
		size_t before = job->d->n_total;
		int r = rules_check(job, &sources[i], uses, &parts[i]);

		if (r == -EINVAL && job->d->n_total == before)
			(void)diag_add(job->d, sources[i].file, 0,
			               "libyara gives no reason");
		if (r < 0 && r != -EINVAL)
			return r;
		if (r < 0)
			ret = r;
	}
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
	if (r == 0)
		r = get_rules(compiler, ret);
	yr_compiler_destroy(compiler);
	return r;
}

static uint64_t count_twice(const struct rules_parts *parts, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += parts[i].n_both;
	return sum;
}

static int compile_parts(struct job *job, const struct rules_source *sources, size_t n,
                         const struct rules_parts *parts, struct rules_compiled *c)
{
	const unsigned vars = c->uses & RULESET_USES_VARS ? VARS_ALL : 0;
	_cleanup_(freep) struct rules_source *some = calloc(n + 1, sizeof(*some));
	YR_RULES_STATS sum = {0};
	size_t n_pe = 0;
	int r;

	if (!some)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		some[i] = sources[i];
		if (parts[i].other)
			some[i].text = parts[i].other;
	}
	r = compile_together(job, some, n, vars, &c->rules.yr);
	for (size_t i = 0; i < n; i++)
		if (parts[i].pe)
			some[n_pe++] = (struct rules_source){sources[i].file, parts[i].pe,
			                                     sources[i].len};
	if (r == 0 && n_pe > 0)
		r = compile_together(job, some, n_pe, vars, &c->rules.pe);
	if (r == 0)
		r = job_add_stats(c->rules.yr, &sum);
	if (r == 0 && c->rules.pe)
		r = job_add_stats(c->rules.pe, &sum);
	c->rules.n_rules = sum.num_rules - count_twice(parts, n);
	return r;
}

int rules_compile(const struct rules_source *sources, size_t n,
                  struct rules_compiled **ret, struct diag *d)
{
	_cleanup_(diag_deinit) struct diag own = DIAG_NULL;
	_cleanup_(rules_compiled_freep) struct rules_compiled *c =
		calloc(1, sizeof(*c));
	_cleanup_(freep) struct rules_parts *parts = calloc(n + 1, sizeof(*parts));
	struct job job = {.d = d ? d : &own};
	int r;

	if (!c || !parts)
		return -ENOMEM;
	rules_includes_init(&job.includes, sources, n);
	r = check_files(&job, sources, n, &c->uses, parts);
	if (r == 0)
		r = compile_parts(&job, sources, n, parts, c);
	rules_includes_deinit(&job.includes);
	for (size_t i = 0; i < n; i++)
		rules_parts_deinit(&parts[i]);
	if (r < 0)
		return r;
	*ret = ptr_take(&c);
	return 0;
}
