/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: one file alone
 *
 * Owns: what is found out about a file before it is compiled with the others.
 * Must not own: libyara's compiler (rules-compile.c), or how a text is divided
 * (rules-split.c).
 */
#include "rules-check.h"

#include <errno.h>
#include <string.h>
#include <yara.h>

#include "custos/division.h"
#include "rules-cost.h"
#include "rules-lex.h"
#include "rules-yara.h"

#define VARS_NAME (1U << RULES_FILENAME | 1U << RULES_FILEPATH | 1U << RULES_EXTENSION)

struct selftest {
	unsigned allowed;    /* modules */
	const char *refused; /* one by custos, for all; or NULL */
	unsigned denied;     /* one that the set may not use; 0: none */
	bool uses_time;
};

static int on_selftest(YR_SCAN_CONTEXT *context, int message, void *data,
                       void *userdata)
{
	const YR_MODULE_IMPORT *import = data;
	struct selftest *t = userdata;
	unsigned bit;

	if (message != CALLBACK_MSG_IMPORT_MODULE)
		return CALLBACK_CONTINUE;
	if (rules_module_is_refused(import->module_name)) {
		t->refused = import->module_name[0] == 'm' ? "magic" : "cuckoo";
		return CALLBACK_ERROR;
	}
	bit = rules_module_bit(import->module_name);
	if (bit & ~t->allowed) {
		t->denied = bit;
		return CALLBACK_ERROR;
	}
	if (bit == 1U << RULES_TIME)
		t->uses_time = true;
	return CALLBACK_CONTINUE;
}

static unsigned line_at(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* Of the import statement; 0: it is in a file that was included. */
static unsigned import_line(const struct rules_source *s, const char *module)
{
	struct lex l = {0};
	unsigned line = 0;

	if (lex_text(&l, s->text, s->len) < 1)
		l.n = 0;
	for (size_t i = 0; i + 1 < l.n && line == 0; i++)
		if (lex_is(&l, i, "import") && l.tokens[i + 1].len == strlen(module) + 2 &&
		    memcmp(l.tokens[i + 1].s + 1, module, strlen(module)) == 0)
			line = line_at(s->text, l.tokens[i].s);
	lex_deinit(&l);
	return line;
}

static int tell_denied(const struct rules_source *s, unsigned module, struct diag *d)
{
	char name[RULES_MASK_TEXT_BYTES];

	rules_modules_text(module, name);
	return diag_add(d, s->file, import_line(s, name),
	                "imports the module %s, which Modules= of the rule set %s does not allow", name,
	                s->set->name);
}

/* Run the rules of one file over stock data, as the engine would. @tried: a trial follows, which tells the rule. */
static int selftest(const struct rules_source *s, YR_RULES *rules, bool tried, unsigned *uses,
                    struct diag *d)
{
	static const uint8_t stock[4096] = "\177ELF\002\001\001";
	struct selftest t = {.allowed = s->set ? s->set->modules : RULES_MODULES_ALL};
	int err;

	division_begin();
	err = yr_rules_scan_mem(rules, stock, sizeof(stock),
	                        SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH |
	                                SCAN_FLAGS_REPORT_RULES_MATCHING,
	                        on_selftest, &t, 10);
	if (division_end() && !tried)
		return diag_add(d, s->file, 0, "a rule " RULES_DIVIDES " on a harmless file");
	if (t.uses_time)
		*uses |= RULESET_USES_TIME;
	if (t.refused)
		return diag_add(
			d, s->file, 0,
			"imports the module %s, which custos refuses: %s",
			t.refused,
			t.refused[0] == 'm'
				? "it opens a database when the first file is scanned"
				: "it needs a sandbox report, which there never is");
	if (t.denied)
		return tell_denied(s, t.denied, d);
	if (err != ERROR_SUCCESS)
		return diag_add(d, s->file, 0,
		                "a rule fails on a harmless file (libyara error %d)",
		                err);
	return 0;
}

/* A file uses variables: which? */
static int find_vars(struct job *job, const struct rules_source *s, unsigned *uses)
{
	static const struct {
		unsigned vars;
		enum ruleset_use use;
	} groups[] = {
		{VARS_NAME, RULESET_USES_NAME},
		{1U << RULES_OWNER, RULESET_USES_OWNER},
	};

	*uses |= RULESET_USES_VARS;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		YR_RULES *rules;
		int r = job_try(job, s, job_vars_allowed(s) & ~groups[i].vars, &rules);

		if (r < 0 && r != -EINVAL)
			return r;
		if (r == 0)
			(void)yr_rules_destroy(rules);
		else
			*uses |= groups[i].use;
	}
	return 0;
}

/* A part alone, of @n_rules. Return: 0, -EINVAL: it does not compile, or to something else, or -ENOMEM. */
static int try_part(struct job *job, const struct rules_source *s, const char *text,
                    bool pe, uint64_t n_rules, YR_RULES_STATS *sum)
{
	const struct rules_source part = {s->file, text, s->len, s->set, s->order};
	YR_RULES_STATS stats = {0};
	YR_RULES *rules;
	int r = job_try(job, &part, VARS_ALL, &rules);

	if (r < 0)
		return r;
	r = job_add_stats(rules, &stats);
	if (job->costs)
		costs_screen(job->costs, job->index, rules, pe);
	(void)yr_rules_destroy(rules);
	sum->num_rules += stats.num_rules;
	sum->num_strings += stats.num_strings;
	return r == 0 && stats.num_rules != n_rules ? -EINVAL : r;
}

/* Divided only if the parts are what @whole is, to the last rule and string. */
static int divide(struct job *job, const struct rules_source *s, YR_RULES *whole,
                  struct rules_parts *ret)
{
	YR_RULES_STATS want = {0}, have = {0};
	int r = rules_split(s->text, s->len, ret);

	if (r <= 0)
		return r;
	r = job_add_stats(whole, &want);
	if (r == 0)
		r = try_part(job, s, ret->other, false, ret->n_other, &have);
	if (r == 0 && ret->pe)
		r = try_part(job, s, ret->pe, true, ret->n_pe, &have);
	if (r == 0 && have.num_rules == want.num_rules + ret->n_both &&
	    (ret->n_both > 0 || have.num_strings == want.num_strings))
		return 0;
	rules_parts_deinit(ret);
	return r == -EINVAL ? 0 : r;
}

int rules_check(struct job *job, const struct rules_source *s, unsigned *uses,
                struct rules_parts *ret)
{
	YR_RULES *rules;
	bool uses_vars;
	int r;

	/* Compiles without external variables? Then it uses none. */
	r = job_try(job, s, 0, &rules);
	uses_vars = r == -EINVAL;
	if (uses_vars)
		r = job_compile(job, s, job_vars_allowed(s), &rules);
	if (r < 0)
		return r;
	r = selftest(s, rules, job->costs != NULL, uses, job->d);
	if (r == 0)
		r = divide(job, s, rules, ret);
	if (r == 0 && job->costs && !ret->other)
		costs_screen(job->costs, job->index, rules, false);
	(void)yr_rules_destroy(rules);
	return r == 0 && uses_vars ? find_vars(job, s, uses) : r;
}
