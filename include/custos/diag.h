/* SPDX-License-Identifier: Apache-2.0 */
/* Diagnostics: a list of "file:line: reason", so that every error is shown, not the first */
#pragma once

#include "custos/types.h"

#include <stdio.h>

/* More than this many are counted but not kept: a binary file read as text must not fill memory. */
#define DIAG_KEPT_MAX 200

struct diag_item {
	char *file;    /* NULL when the error has no file */
	unsigned line; /* 1-based; 0 when it has no line */
	char *reason;
};

/* Zero-initialised is empty and valid. Not thread safe: one owner. */
struct diag {
	struct diag_item *items;
	size_t n_items; /* kept, at most DIAG_KEPT_MAX */
	size_t n_total; /* reported */
	/* Told which file is in work, for when the process ends before it can report; NULL: nobody. */
	void (*at)(void *userdata, const char *file);
	void *at_userdata;
};

#define DIAG_NULL {0}

/**
 * diag_add() - note one error
 * @d:    list, or NULL to note nothing
 * @file: file name as the user gave it, copied; NULL for none
 * @line: 1-based line, 0 for none
 *
 * Context: allocates. Out of memory is counted in n_total, the item is dropped.
 * Return: always -EINVAL, so that a parser can `return diag_add(...)`.
 */
int diag_add(struct diag *d, const char *file, unsigned line, const char *fmt, ...)
	_printf_(4, 5);

/* @file is in work from now on; NULL: none is. @d: may be NULL. */
void diag_at(const struct diag *d, const char *file);

/* Print "file:line: reason\n" for each kept item, and a last line for those not kept. */
void diag_print(const struct diag *d, FILE *f);

/* The same as one string, newline separated, without the last newline; caller frees. NULL: no memory. */
char *diag_text(const struct diag *d);

/* Move every item of @from to the end of @to; @from is empty afterwards. */
void diag_move(struct diag *to, struct diag *from);

/* Free what @d holds; it is empty and valid afterwards. Fits _cleanup_(). */
void diag_deinit(struct diag *d);
