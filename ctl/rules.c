/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl rules
 *
 * Owns: its options and texts. Must not own: what is measured (custos-compile).
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "custos/cleanup.h"
#include "custos/rules-set.h"
#include "output.h"

#define TOP_MAX 256

int verb_rules(struct ctl *ctl, int argc, char **argv)
{
	if (argc < 2)
		return ctl_error("'rules' takes cost or sets");
	return ctl_dispatch(ctl, rules_verbs, argc - 1, argv + 1);
}

static const char *state_text(json_t *row)
{
	const char *state = json_string_value(json_object_get(row, "state")) ?: "";

	if (strcmp(state, "overBudget") == 0)
		return "left out: over RuleBudget=";
	if (strcmp(state, "broken") == 0)
		return "left out: broken";
	if (strcmp(state, "unfit") == 0)
		return "left out: failed the self-test";
	return json_is_true(json_object_get(row, "windows")) ? "for Windows programs alone" :
	                                                       "";
}

static void print_place(struct table *t, json_t *row)
{
	char *file = out_text(row, "file");

	if (out_int(row, "line") > 0)
		table_printf(t, "%s:%" PRId64, file ?: "", out_int(row, "line"));
	else
		table_printf(t, "%s", file ?: "");
	free(file);
}

static void print_rows(const struct ctl *ctl, json_t *rows)
{
	static const char *const heads[] = {"US/MIB", "FILE", "RULE", ""};
	_cleanup_(table_deinit) struct table t = {.n_columns = ARRAY_SIZE(heads),
	                                          .right = 1};
	json_t *row;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heads); i++)
		table_printf(&t, "%s", heads[i]);
	json_array_foreach(rows, i, row)
	{
		if (out_int(row, "nsec") > 0)
			table_printf(&t, "%" PRId64, out_int(row, "nsec") / 1000);
		else
			table_printf(&t, "-");
		print_place(&t, row);
		table_add(&t, out_text(row, "rule"));
		table_printf(&t, "%s", state_text(row));
	}
	table_print(&t, ctl);
}

static void print_whys(const struct ctl *ctl, json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		_cleanup_(freep) char *file = out_text(row, "file");
		_cleanup_(freep) char *why = out_text(row, "why");

		if (why && *why)
			printf("%s%s left out: %s%s\n", out_style(ctl, OUT_WARN),
			       file ?: "", why, out_reset(ctl));
	}
}

/* How much of what there is was tried: never silently less. */
static void print_tried(json_t *t)
{
	char spent[OUT_USEC_BYTES], all[OUT_USEC_BYTES];

	printf("Self-test: %" PRId64 " of %" PRId64
	       " harmless files of this host (%.1f MiB) scanned, %" PRId64 " of %" PRId64
	       " rules tried with a file made of their strings, %" PRId64 " of %" PRId64
	       " files of rules measured, in %s of CPU time.\n",
	       out_int(t, "stockFiles"), out_int(t, "stockFilesAll"),
	       (double)out_int(t, "stockBytes") / (1 << 20), out_int(t, "positives"),
	       out_int(t, "rules"), out_int(t, "filesMeasured"), out_int(t, "files"),
	       out_usec(out_int(t, "spentNsec") / 1000, spent));
	printf("All rules together take %s for a MiB of harmless files.\n",
	       out_usec(out_int(t, "nsec") / 1000, all));
}

static void print_cost(const struct ctl *ctl, json_t *reply)
{
	json_t *rows = json_object_get(reply, "rows");

	if (!json_is_true(json_object_get(reply, "tried"))) {
		printf("No rules were tried: there are none, or SelfTest=no.\n");
		return;
	}
	print_tried(json_object_get(reply, "selfTest"));
	print_whys(ctl, rows);
	print_rows(ctl, rows);
}

static int verb_cost(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"top", required_argument, NULL, 't'}, {0}};
	json_t *reply = NULL;
	int64_t top = 20;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (o != 't' || !ctl_parse_int("--top", optarg, 1, TOP_MAX, &top))
			return CTL_ERROR;
	if (!ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = client_call(ctl, "RuleCost", json_pack("{s:I}", "top", (json_int_t)top),
	                CLIENT_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	else
		print_cost(ctl, reply);
	json_decref(reply);
	return CTL_OK;
}

/* "all" says more than ten names. */
static void print_names(struct table *t, json_t *names, size_t n_all)
{
	char text[256] = "";
	size_t len = 0, i;
	json_t *name;

	json_array_foreach(names, i, name)
	{
		const char *s = json_string_value(name) ?: "";

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "", s);
		if (len >= sizeof(text))
			break; /* cut */
	}
	table_printf(t, "%s", json_array_size(names) == n_all ? "all" : len > 0 ? text : "none");
}

static void print_sets(const struct ctl *ctl, json_t *sets)
{
	static const char *const heads[] = {"SET",   "PRIORITY", "GENERATION", "RULES",    "FILES",
	                                    "LEFT OUT", "LEVEL", "MODULES",    "VARIABLES"};
	_Static_assert(ARRAY_SIZE(heads) <= TABLE_COLUMNS_MAX, "wider than a table");
	_cleanup_(table_deinit) struct table t = {.n_columns = ARRAY_SIZE(heads), .right = 0x3e};
	static const char *const numbers[] = {"priority", "generation", "rules", "files", "filesLeftOut"};
	json_t *set;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heads); i++)
		table_printf(&t, "%s", heads[i]);
	json_array_foreach(sets, i, set)
	{
		table_add(&t, out_text(set, "name"));
		for (size_t k = 0; k < ARRAY_SIZE(numbers); k++)
			table_printf(&t, "%" PRId64, out_int(set, numbers[k]));
		table_add(&t, out_text(set, "level"));
		print_names(&t, json_object_get(set, "modules"), N_RULES_MODULES);
		print_names(&t, json_object_get(set, "variables"), N_RULES_SET_VARS);
	}
	table_print(&t, ctl);
}

static int verb_sets(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{0}};
	json_t *reply = NULL, *sets;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) >= 0 || !ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = client_call(ctl, "RuleSets", NULL, CLIENT_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK)
		return r;
	sets = json_object_get(reply, "sets");
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	else if (json_array_size(sets) == 0)
		printf("There are no YARA rules.\n");
	else
		print_sets(ctl, sets);
	json_decref(reply);
	return CTL_OK;
}

const struct verb rules_verbs[] = {
	{"sets", "", "Sets of YARA rules: priorities, generations, what each may use", verb_sets},
	{"cost", "[--top N]", "How the YARA rules were tried, and which are slow", verb_cost},
	{0},
};
