/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: RuleCost, RuleSets
 *
 * Owns: their JSON. Must not own: what is measured (custos-compile), or the report's form
 * (custos/rules-report.h).
 */
#include <string.h>

#include "custos/rules-report.h"
#include "custos/text.h"
#include "methods.h"

#define TOP_DEFAULT 20
/* Texts of rows in one reply, each of which may be sent twice, or six times as long. */
#define ROWS_BYTES_MAX (96U * 1024)

static const char *const states[] = {
	[RULES_IN_FORCE] = "inForce",
	[RULES_OVER_BUDGET] = "overBudget",
	[RULES_UNFIT] = "unfit",
	[RULES_BROKEN] = "broken",
};

static json_t *row_json(const struct rules_row *row)
{
	json_t *o = json_pack("{s:s, s:o, s:b}", "state", states[row->state], "nsec",
	                      reply_int(row->nsec), "windows", row->windows);

	if (!o || varlink_set_bytes(o, "file", row->file, strlen(row->file)) < 0 ||
	    reply_set_text(o, "rule", row->rule) < 0 ||
	    reply_set_text(o, "why", row->why) < 0 ||
	    (row->line > 0 && json_object_set_new(o, "line", json_integer(row->line)) < 0)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* What is left out comes first: it is never cut off. */
static json_t *rows_json(const struct rules_report *r, int64_t top)
{
	json_t *array = json_array();
	size_t bytes = 0, n_in_force = 0;

	for (unsigned pass = 0; pass < 2; pass++) {
		struct rules_row row;
		size_t at = 0;

		while (rules_report_next(r, &at, &row)) {
			const bool in_force = row.state == RULES_IN_FORCE;

			if (in_force != (pass == 1) || (in_force && n_in_force == (size_t)top))
				continue;
			bytes += strlen(row.file) + strlen(row.rule) + strlen(row.why);
			if (bytes > ROWS_BYTES_MAX)
				return array;
			n_in_force += in_force;
			(void)json_array_append_new(array, row_json(&row)); /* fewer then */
		}
	}
	return array;
}

static json_t *tried_json(const struct rules_tried *t)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "rules",
	                 reply_int(t->n_rules), "files", reply_int(t->n_files),
	                 "filesMeasured", reply_int(t->n_measured), "filesLeftOut",
	                 reply_int(t->n_left_out), "stockFiles", reply_int(t->n_stock),
	                 "stockFilesAll", reply_int(t->n_stock_all), "stockBytes",
	                 reply_int(t->stock_bytes), "positives", reply_int(t->n_positives),
	                 "nsec", reply_int(t->nsec), "spentNsec",
	                 reply_int(t->spent_nsec));
}

void method_rule_cost(struct connection *c, json_t *parameters)
{
	const struct rules_report *r = manager_rules_report(c->server->m);
	int64_t top = param_int(parameters, "top", TOP_DEFAULT);
	json_t *o;

	if (top < 1 || top > RULES_REPORT_ROWS_MAX) {
		call_invalid(c, "top");
		return;
	}
	o = json_pack("{s:b, s:o, s:o}", "tried", r->tried.n_files > 0, "selfTest",
	              tried_json(&r->tried), "rows", rows_json(r, top));
	call_reply(c, o, false);
}

static json_t *names_json(unsigned mask, const char *(*name_of)(unsigned))
{
	json_t *array = json_array();

	for (unsigned i = 0; name_of(i); i++)
		if (mask & 1U << i)
			(void)json_array_append_new(array, json_string(name_of(i))); /* fewer then */
	return array;
}

static json_t *set_json(const struct rules_set_row *row, uint64_t generation)
{
	const struct rules_set *s = &row->set;
	char id[2 * RULES_SET_ID_BYTES + 1];

	text_hex(row->id, sizeof(row->id), id);
	return json_pack("{s:s, s:i, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "name", s->name,
	                 "priority", (int)s->priority, "generation", reply_int(generation), "level",
	                 s->log_only ? "log" : "deny", "modules",
	                 names_json(s->modules, rules_module_name), "variables",
	                 names_json(s->vars, rules_set_var_name), "rules", reply_int(row->n_rules), "files",
	                 reply_int(row->n_files), "filesLeftOut", reply_int(row->n_left_out), "id", id);
}

void method_rule_sets(struct connection *c, json_t *parameters)
{
	const struct manager *m = c->server->m;
	const struct rules_report *r = manager_rules_report(m);
	json_t *array = json_array();

	(void)parameters;
	for (uint32_t i = 0; i < r->n_sets; i++)
		(void)json_array_append_new(array, set_json(&r->sets[i], manager_rule_set_generation(m, i)));
	call_reply(c, json_pack("{s:o}", "sets", array), false);
}
