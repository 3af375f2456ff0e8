/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people, the same as JSON, and the bars */
#pragma once

#include <stdio.h>

#include "measure.h"

#define REPORT_WIDTHS 3 /* 1, 2 and 4 openers */

extern const unsigned report_widths[REPORT_WIDTHS];

struct report_row {
	const char *name;
	const char *skipped;                          /* reason, or NULL */
	struct opener_result by_width[REPORT_WIDTHS]; /* medians */
	bool narrow;                                  /* one opener only */
};

/*
 * "p50 of row @over divided by p50 of row @under is at most @limit"; limit 0: no bar.
 * Met only if it holds for the medians of the rounds and for the best round of each:
 * where the scheduler happens to put a listener must not decide.
 */
struct report_bar {
	const char *name;
	unsigned over, under;
	double limit;
};

struct report {
	char machine[256];
	const char *rules;
	unsigned n_rounds, n_opens;
	const struct report_row *rows;
	unsigned n_rows;
	const struct report_bar *bars;
	unsigned n_bars;
};

/* Print the table and whether each bar is met. */
void report_print(const struct report *report, FILE *to);

/* The same as one JSON object to @to. Return: 0 or a negative errno. */
int report_json(const struct report *report, FILE *to);
