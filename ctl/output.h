/* SPDX-License-Identifier: Apache-2.0 */
/* Output: JSON, tables and text that is safe on a terminal */
#pragma once

#include "ctl.h"

/* Objects as lines or indented, ASCII only: no byte of it acts on a terminal. */
void out_json(const struct ctl *ctl, json_t *value);

/* A string member, escaped; "" when absent. free() it. NULL: no memory. */
char *out_text(json_t *object, const char *key);
/* Integer member; 0 when absent. */
int64_t out_int(json_t *object, const char *key);

enum out_style { OUT_PLAIN, OUT_GOOD, OUT_WARN, OUT_BAD, OUT_HEAD };
/* Start and end of a style; "" without colour. */
const char *out_style(const struct ctl *ctl, enum out_style style);
const char *out_reset(const struct ctl *ctl);

/* "3.4 ms", "2 h 5 min": at most 24 characters. */
#define OUT_USEC_BYTES 32
const char *out_usec(int64_t usec, char buf[OUT_USEC_BYTES]);

#define TABLE_COLUMNS_MAX 12

struct table {
	unsigned n_columns;
	unsigned right; /* bits: columns aligned to the right */
	char **cells;   /* owned */
	size_t n_cells;
};

/* Add one cell, row by row; @text is consumed. Without memory the table is cut. */
void table_add(struct table *t, char *text);
void table_printf(struct table *t, const char *fmt, ...) _printf_(2, 3);
/* Print with the first row as heading; nothing if there is no other. */
void table_print(const struct table *t, const struct ctl *ctl);
void table_deinit(struct table *t);
