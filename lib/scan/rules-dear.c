/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: the dearest
 *
 * Owns: which files are looked at closely, the search for their dear rules, the budget.
 * Must not own: the measuring (rules-cost.c).
 */
#include "rules-dear.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/text.h"
#include "custos/types.h"
#include "rules-pick.h"

/* Less for a MiB, which takes a millisecond without any rules, is not told from noise. */
#define LEAST_NSEC (50 * NSEC_PER_USEC)
#define PROBES_MAX 96 /* of one file */

/* One file, while it is looked at closely. */
struct look {
	struct costs *costs;
	struct job *job;
	const struct rules_source *source;
	struct pick pick;
	size_t len;   /* of the blend that is tried */
	nsec_t least; /* of a rule that is told, on so much of it */
	nsec_t end;
	unsigned n_probes;
	struct dear_rule {
		size_t index;
		nsec_t nsec;
	} found[COST_RULES_MAX];
	size_t n;
	int error; /* -ENOMEM sticks */
};

/* Keep the dearest, in order. */
static void keep(struct look *l, size_t index, nsec_t nsec)
{
	size_t i = l->n < COST_RULES_MAX ? l->n++ : COST_RULES_MAX;

	if (i == COST_RULES_MAX && l->found[--i].nsec >= nsec)
		return;
	for (; i > 0 && l->found[i - 1].nsec < nsec; i--)
		l->found[i] = l->found[i - 1];
	l->found[i] = (struct dear_rule){index, nsec};
}

/* What the rules from @first up to @end cost. Rules that need one that is not among them
 * do not compile: then it may be anything. */
static nsec_t probe(struct look *l, size_t first, size_t end)
{
	_cleanup_(freep) char *text = pick_text(&l->pick, first, end);
	const struct rules_source part = {l->source->file, text, l->source->len, l->source->set,
	                                  l->source->order};
	YR_RULES *rules;
	nsec_t nsec;
	int r = text ? job_try(l->job, &part, VARS_ALL, &rules) : -ENOMEM;

	if (r == -ENOMEM)
		l->error = r;
	if (r < 0)
		return end - first > 1 ? UINT64_MAX : 0;
	nsec = costs_probe(l->costs, rules, l->len);
	(void)yr_rules_destroy(rules);
	return nsec;
}

static void search(struct look *l, size_t first, size_t end)
{
	const size_t middle = first + (end - first) / 2;
	nsec_t nsec;

	if (first == end || l->error < 0 || l->n_probes++ >= PROBES_MAX ||
	    clock_thread() >= l->end)
		return;
	nsec = probe(l, first, end);
	if (nsec < l->least)
		return;
	if (end - first == 1) {
		keep(l, first, nsec);
		return;
	}
	search(l, first, middle);
	search(l, middle, end);
}

/* The beginning of the blend is not as the whole: what rules cost on it is their share. */
static void scale(struct look *l, nsec_t cost, nsec_t begin)
{
	for (size_t i = 0; i < l->n; i++)
		l->found[i].nsec = (nsec_t)((double)l->found[i].nsec * (double)cost / (double)begin);
}

/* The dear rules of a file that costs @cost in all. */
static void find_rules(struct look *l, nsec_t cost)
{
	const size_t n = l->pick.n;
	nsec_t begin = cost;

	if (n == 1) {
		keep(l, 0, cost);
		return;
	}
	l->len = costs_probe_len(l->costs, cost);
	if (l->len < l->costs->len)
		begin = probe(l, 0, n);
	if (begin < cost / 4 || begin == UINT64_MAX) { /* what is dear comes later */
		l->len = l->costs->len;
		begin = cost;
	}
	l->least = MAX(begin / 20, LEAST_NSEC);
	search(l, 0, n / 2);
	search(l, n / 2, n);
	scale(l, cost, begin);
}

static int report_rules(const struct look *l, const struct rules_row *of_file)
{
	struct rules_row row = *of_file;
	int r = 0;

	row.why = "";
	for (size_t i = 0; i < l->n && r == 0; i++) {
		const struct picked *rule = &l->pick.rules[l->found[i].index];
		_cleanup_(freep) char *name = text_copy(rule->name, rule->name_len);

		if (!name)
			return -ENOMEM;
		row.rule = name;
		row.line = rule->line;
		row.nsec = l->found[i].nsec;
		r = rules_report_add(&l->costs->ask->report, &row);
	}
	return r;
}

static int report(const struct look *l, const struct cost *cost, bool *left_out)
{
	struct rules_trial *ask = l->costs->ask;
	struct rules_row row = {.file = l->source->file, .rule = "", .why = "", .windows = cost->pe,
	                        .nsec = cost->nsec};
	char why[128];
	int r;

	if (ask->budget > 0 && cost->nsec > ask->budget) {
		(void)snprintf(why, sizeof(why),
		               "it adds %.1f ms to the scan of a MiB, RuleBudget= allows %.1f ms",
		               (double)cost->nsec / NSEC_PER_MSEC,
		               (double)ask->budget / NSEC_PER_MSEC); /* fits */
		row.why = why;
		row.state = RULES_OVER_BUDGET;
		left_out[cost->file] = true;
		ask->report.tried.n_left_out++;
	}
	r = rules_report_add(&ask->report, &row);
	return r == 0 ? report_rules(l, &row) : r;
}

static int by_cost(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	if (x->nsec != y->nsec)
		return x->nsec < y->nsec ? 1 : -1;
	return x->file < y->file ? -1 : x->file > y->file; /* any order, but one */
}

/* Measure again at length: what was screened may be the noise of one moment. */
static int measure_again(struct costs *c, struct job *job, const struct rules_source *part,
                         struct cost *cost)
{
	YR_RULES *rules;
	int r = job_try(job, part, VARS_ALL, &rules);

	if (r < 0)
		return r == -EINVAL ? 0 : r; /* it did before */
	cost->nsec = costs_measure(c, rules);
	(void)yr_rules_destroy(rules);
	return 0;
}

/* Of the time that is left, for one file. */
static nsec_t share_of(nsec_t end)
{
	const nsec_t now = clock_thread();

	return end > now ? now + (end - now) / 4 : now;
}

static int look_at(struct costs *c, struct job *job, const struct rules_source *part,
                   const struct cost *cost, bool *left_out, nsec_t end)
{
	struct look l = {.costs = c, .job = job, .source = part,
	                 .end = share_of(end)};
	int r = pick_init(&l.pick, part->text, part->len);

	if (r == 0)
		find_rules(&l, cost->nsec);
	if (r == -EINVAL) /* its rules cannot be told apart */
		r = 0;
	if (r == 0)
		r = l.error;
	if (r == 0)
		r = report(&l, cost, left_out);
	pick_deinit(&l.pick);
	return r;
}

/* How many of the sorted files are worth a closer look? All that may be over the budget. */
static size_t count_dear(const struct costs *c)
{
	size_t n = 0;

	while (n < c->n && c->files[n].measured &&
	       (n < COST_DEAREST_MAX ||
	        (c->ask->budget > 0 && c->files[n].nsec > c->ask->budget / 2)))
		n++;
	return n;
}

/* The text that was measured. */
static struct rules_source part_of(const struct cost *cost, const struct rules_source *sources,
                                   const struct rules_parts *parts)
{
	const struct rules_source *s = &sources[cost->file];
	const struct rules_parts *p = &parts[cost->file];

	return (struct rules_source){
		s->file, cost->pe ? p->pe : p->other ? p->other : s->text, s->len, s->set, s->order};
}

int dear_report(struct costs *c, struct job *job, const struct rules_source *sources,
                const struct rules_parts *parts, bool *left_out)
{
	const nsec_t end = clock_thread() + COST_DETAIL_NSEC;
	struct rules_source part;
	size_t n;
	int r = 0;

	for (size_t i = 0; i < c->n; i++)
		c->ask->report.tried.n_measured += c->files[i].measured;
	qsort(c->files, c->n, sizeof(*c->files), by_cost);
	n = count_dear(c);
	for (size_t i = 0; i < n && r == 0; i++) {
		part = part_of(&c->files[i], sources, parts);
		r = measure_again(c, job, &part, &c->files[i]);
	}
	qsort(c->files, n, sizeof(*c->files), by_cost);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (c->files[i].nsec < LEAST_NSEC)
			break;
		part = part_of(&c->files[i], sources, parts);
		r = look_at(c, job, &part, &c->files[i], left_out, end);
	}
	return r;
}
