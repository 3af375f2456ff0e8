/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Print what was measured
 *
 * Owns: table and JSON. Must not own: what is compared with what (open-loop.c).
 */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>

const unsigned report_widths[REPORT_WIDTHS] = {1, 2, 4};

struct ratio {
	double median, best;
	bool is_met;
};

/* Return: false when one of the two rows was not measured. */
static bool bar_ratio(const struct report *report, const struct report_bar *bar,
                      struct ratio *ret)
{
	const struct report_row *over = &report->rows[bar->over];
	const struct report_row *under = &report->rows[bar->under];

	if (over->skipped || under->skipped)
		return false;
	ret->median = over->by_width[0].p50_usec / under->by_width[0].p50_usec;
	ret->best = over->by_width[0].p50_low / under->by_width[0].p50_low;
	ret->is_met = ret->median <= bar->limit && ret->best <= bar->limit;
	return true;
}

static void print_row(const struct report_row *row, FILE *to)
{
	const struct opener_result *one = &row->by_width[0];
	unsigned n_errors = 0;

	if (row->skipped) {
		(void)fprintf(to, "| %-24s | skipped: %s\n", row->name, row->skipped);
		return;
	}
	(void)fprintf(to, "| %-24s | %7.1f | %6.1f..%-6.1f | %7.1f | %8.1f |",
	              row->name, one->p50_usec, one->p50_low, one->p50_high,
	              one->p99_usec, one->p999_usec);
	for (unsigned w = 0; w < REPORT_WIDTHS; w++) {
		n_errors += row->by_width[w].n_errors;
		if (row->narrow && w > 0)
			(void)fprintf(to, " %9s |", "-");
		else
			(void)fprintf(to, " %9.0f |", row->by_width[w].opens_per_sec);
	}
	if (n_errors)
		(void)fprintf(to, " %u OPENS FAILED", n_errors);
	(void)fputc('\n', to);
}

static void print_bar(const struct report *report, const struct report_bar *bar,
                      FILE *to)
{
	struct ratio ratio;

	if (!bar_ratio(report, bar, &ratio)) {
		(void)fprintf(to, "%s: not measured\n", bar->name);
		return;
	}
	(void)fprintf(to, "%s = %.2f (best rounds %.2f)", bar->name, ratio.median,
	              ratio.best);
	if (bar->limit > 0)
		(void)fprintf(to, "; bar <= %.2f for both: %s", bar->limit,
		              ratio.is_met ? "met" : "NOT MET");
	(void)fputc('\n', to);
}

void report_print(const struct report *report, FILE *to)
{
	(void)fprintf(to,
	              "%s\nopen+read+close of %d-byte files on tmpfs, medians of %u "
	              "alternating rounds of %u opens for each opener\nrules: %s\n\n",
	              report->machine, BENCH_FILE_BYTES, report->n_rounds,
	              report->n_opens, report->rules);
	(void)fprintf(to,
	              "| %-24s | %7s | %14s | %7s | %8s | %9s | %9s | %9s |\n"
	              "|---|---|---|---|---|---|---|---|\n",
	              "row", "p50 us", "p50 of rounds", "p99 us", "p99.9 us",
	              "opens/s 1", "opens/s 2", "opens/s 4");
	for (unsigned i = 0; i < report->n_rows; i++)
		print_row(&report->rows[i], to);
	(void)fputc('\n', to);
	for (unsigned i = 0; i < report->n_bars; i++)
		print_bar(report, &report->bars[i], to);
}

static json_t *json_width(unsigned n_openers, const struct opener_result *r)
{
	return json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i}", "openers",
	                 (int)n_openers, "p50Usec", r->p50_usec, "p50LowUsec",
	                 r->p50_low, "p50HighUsec", r->p50_high, "p99Usec", r->p99_usec,
	                 "p999Usec", r->p999_usec, "opensPerSec", r->opens_per_sec,
	                 "openerCpuUsec", r->cpu_usec, "errors", (int)r->n_errors);
}

static json_t *json_row(const struct report_row *row)
{
	json_t *widths;

	if (row->skipped)
		return json_pack("{s:s, s:s}", "name", row->name, "skipped",
		                 row->skipped);
	widths = json_array();
	for (unsigned w = 0; w < (row->narrow ? 1 : REPORT_WIDTHS); w++)
		(void)json_array_append_new(
			widths, json_width(report_widths[w], &row->by_width[w]));
	return json_pack("{s:s, s:o}", "name", row->name, "runs", widths);
}

static json_t *json_bar(const struct report *report, const struct report_bar *bar)
{
	struct ratio ratio;

	if (!bar_ratio(report, bar, &ratio))
		return json_pack("{s:s, s:n}", "name", bar->name, "ratio");
	if (bar->limit <= 0)
		return json_pack("{s:s, s:f, s:f}", "name", bar->name, "ratio",
		                 ratio.median, "bestRatio", ratio.best);
	return json_pack("{s:s, s:f, s:f, s:f, s:b}", "name", bar->name, "ratio",
	                 ratio.median, "bestRatio", ratio.best, "limit", bar->limit,
	                 "met", (int)ratio.is_met);
}

int report_json(const struct report *report, FILE *to)
{
	json_t *rows = json_array(), *bars = json_array(), *all;
	int r;

	/* a failed append shows as a failed pack or dump: jansson passes NULL on */
	for (unsigned i = 0; i < report->n_rows; i++)
		(void)json_array_append_new(rows, json_row(&report->rows[i]));
	for (unsigned i = 0; i < report->n_bars; i++)
		(void)json_array_append_new(bars, json_bar(report, &report->bars[i]));
	all = json_pack("{s:s, s:s, s:i, s:i, s:o, s:o}", "machine", report->machine,
	                "rules", report->rules, "rounds", (int)report->n_rounds,
	                "opens", (int)report->n_opens, "rows", rows, "bars", bars);
	if (!all)
		return -ENOMEM;
	r = json_dumpf(all, to, JSON_INDENT(2)) < 0 ? -EIO : 0;
	(void)fputc('\n', to);
	json_decref(all);
	return r;
}
