/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled policy
 *
 * Owns: the lines, and what follows from all of them together.
 * Must not own: text, files, matching. Hands off to: match.c, which only reads.
 */
#include "custos/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define DEFAULT_TEXT "scan any on-match=deny on-error=allow timeout=3s"

int policy_new(struct policy **ret)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*ret = p;
	return 0;
}

struct policy *policy_free(struct policy *p)
{
	if (!p)
		return NULL;
	arena_deinit(&p->arena);
	free(p->lines);
	free(p);
	return NULL;
}

void policy_freep(struct policy **p)
{
	*p = policy_free(*p);
}

int policy_add_line(struct policy *p, const struct policy_line *line)
{
	struct policy_line *lines;

	if (p->n_lines >= POLICY_LINES_MAX)
		return -E2BIG;
	lines = reallocarray(p->lines, p->n_lines + 1, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	p->lines = lines;
	lines[p->n_lines] = *line;
	lines[p->n_lines].index = (unsigned)p->n_lines;
	p->n_lines++;
	return 0;
}

int policy_add_default(struct policy *p)
{
	const struct policy_line line = {
		.action = POLICY_SCAN,
		.events = POLICY_OPEN | POLICY_EXEC,
		.on_match = ON_MATCH_DENY,
		.on_error = ON_ERROR_ALLOW,
		.timeout = 3 * NSEC_PER_SEC,
		.reason = "",
		.file = "built-in",
		.line = 1,
		.text = DEFAULT_TEXT,
	};

	return policy_add_line(p, &line);
}

bool policy_line_final(const struct policy_line *line)
{
	const unsigned both = POLICY_OPEN | POLICY_EXEC;

	return line->n_preds == 0 && line->expires == 0 &&
	       (line->events & both) == both;
}

unsigned policy_line_preds(const struct policy_line *line)
{
	unsigned mask = 0;

	for (size_t i = 0; i < line->n_preds; i++)
		mask |= PRED_MASK(line->preds[i].type);
	return mask;
}

static int pred_compare(const void *a, const void *b)
{
	const struct policy_pred *x = a, *y = b;

	return (x->type > y->type) - (x->type < y->type);
}

static void line_finish(struct policy *p, struct policy_line *line)
{
	if (line->n_preds > 1)
		qsort(line->preds, line->n_preds, sizeof(*line->preds), pred_compare);
	for (size_t i = 0; i < line->n_preds; i++)
		line->facts |= line->preds[i].fact;
	if (line->timeout && (!p->min_timeout || line->timeout < p->min_timeout))
		p->min_timeout = line->timeout;
	if (line->events & POLICY_WRITE_CLOSE)
		p->wants_write_close = true;
}

int policy_finish(struct policy *p, struct diag *d)
{
	const struct policy_line *last = NULL;
	bool leading = true;

	for (size_t i = 0; i < p->n_lines; i++) {
		struct policy_line *line = &p->lines[i];

		line_finish(p, line);
		leading = leading && line->action == POLICY_NOWATCH &&
		          line->facts == POLICY_FACT_MOUNT;
		if (leading)
			p->n_mark_only = i + 1;
		if (!last && policy_line_final(line))
			last = line;
	}
	if (!last && p->n_lines > 0) {
		last = &p->lines[p->n_lines - 1];
		return diag_add(d, last->file, last->line,
		                "the last rule must be 'scan any', without expires=");
	}
	if (!last || last->action != POLICY_SCAN)
		return diag_add(d, last ? last->file : NULL, last ? last->line : 0,
		                "no rule behind this one can be reached: it must be "
		                "'scan any'");
	return 0;
}

size_t policy_n_lines(const struct policy *p)
{
	return p->n_lines;
}

const struct policy_line *policy_line(const struct policy *p, size_t i)
{
	return i < p->n_lines ? &p->lines[i] : NULL;
}

nsec_t policy_min_timeout(const struct policy *p, nsec_t dflt)
{
	return p->min_timeout ? MIN(p->min_timeout, dflt) : dflt;
}

bool policy_wants_write_close(const struct policy *p)
{
	return p->wants_write_close;
}

bool policy_opens_archives(const struct policy *p)
{
	for (size_t i = 0; i < p->n_lines; i++)
		if (p->lines[i].archives == ARCHIVES_YES &&
		    p->lines[i].events & (POLICY_OPEN | POLICY_EXEC))
			return true;
	return false;
}
