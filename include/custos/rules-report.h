/* SPDX-License-Identifier: Apache-2.0 */
/* Report on rules: how they were tried when they were compiled, and what they cost */
#pragma once

#include <stdbool.h>

#include "custos/rules-set.h"
#include "custos/types.h"

#define RULES_SET_ID_BYTES 32 /* SHA-256 */

/* Rows beyond are left out: the dearest come first, and what is in force takes half of them. */
#define RULES_REPORT_ROWS_MAX 256
#define RULES_REPORT_TEXT_MAX 4096 /* bytes of one text in it; longer ones are cut */

enum rules_state {
	RULES_IN_FORCE,
	RULES_OVER_BUDGET, /* the file is left out: it costs more than it may */
	RULES_UNFIT,       /* the file is left out: its rules fail the self-test */
	RULES_BROKEN,      /* the file is left out: it does not compile, or uses what its set may not */
};

/* A file of rules, or one rule. */
struct rules_row {
	const char *file;
	const char *rule; /* "": the whole file */
	const char *why;  /* it is left out; "": it is not */
	unsigned line;    /* of the rule; 0: none, or not known */
	enum rules_state state;
	bool windows;     /* costs only where a program for Windows is scanned */
	uint64_t nsec;    /* CPU time for a MiB of harmless files of this host */
};

/* A rule set, as it was compiled. */
struct rules_set_row {
	struct rules_set set;
	uint8_t id[RULES_SET_ID_BYTES]; /* the same for the same files with the same texts, and the same policy */
	uint64_t n_files, n_rules;      /* in force: without what is left out */
	uint64_t n_left_out;            /* files */
};

/* What was done; all zero: nothing, the self-test is off or there are no rules. */
struct rules_tried {
	uint64_t n_stock, stock_bytes;       /* harmless files that were scanned */
	uint64_t n_stock_all;                /* and those there are */
	uint64_t n_positives, n_rules;       /* rules with a file made for them; all rules */
	uint64_t n_measured, n_files;        /* files of rules: measured, all */
	uint64_t n_left_out, n_unfit;        /* files of rules; of those: failed the self-test, or are broken */
	uint64_t nsec;                       /* of all rules together, for a MiB */
	uint64_t spent_nsec;                 /* CPU time for all of this */
};

struct rules_report {
	struct rules_tried tried;
	struct rules_set_row sets[RULES_SETS_MAX]; /* in the order of their priorities */
	uint32_t n_sets;
	uint32_t n_rows;
	/* private: rows one after the other */
	uint8_t *mem; /* owned when it was written, borrowed when it was read */
	size_t len, n_alloc;
};

#define RULES_REPORT_NULL                                                              \
	{                                                                              \
		.n_rows = 0                                                            \
	}

/* --- writing --- */

/* Texts are copied. Past RULES_REPORT_ROWS_MAX, or the share of the row's state, nothing is added. Return: 0 or -ENOMEM. */
int rules_report_add(struct rules_report *r, const struct rules_row *row);
/* Take out the rows of @file that are in force. Only of a report that is being written. */
void rules_report_forget(struct rules_report *r, const char *file);
/* Only of a report that was written. */
void rules_report_deinit(struct rules_report *r);

typedef int (*rules_report_sink)(void *userdata, const void *data, size_t len);

/* Return: 0, or what @sink failed with. */
int rules_report_write(const struct rules_report *r, rules_report_sink sink,
                       void *userdata);

/* --- reading: what comes from a process that has parsed rules is not believed --- */

/**
 * rules_report_open() - check what rules_report_write() has written
 * @mem: borrowed for as long as @ret is used; alignment does not matter
 *
 * Context: pure. Return: 0, or -EBADMSG: it is something else.
 */
int rules_report_open(const void *mem, size_t size, struct rules_report *ret);

/* The row at *@at, 0 at first, which is moved on. Texts are in the report's memory and are
 * any bytes but NUL. Return: false, there is no other. */
bool rules_report_next(const struct rules_report *r, size_t *at, struct rules_row *ret);
