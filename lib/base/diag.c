/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics
 *
 * Owns: the texts of reported errors. Must not own: what is an error.
 * Hands off to: whoever prints or logs the list.
 */
#include "custos/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/text.h"

static int diag_keep(struct diag *d, struct diag_item item)
{
	struct diag_item *items;

	if (d->n_items >= DIAG_KEPT_MAX)
		return -E2BIG;
	items = reallocarray(d->items, d->n_items + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	d->items = items;
	d->items[d->n_items++] = item;
	return 0;
}

static void diag_item_free(struct diag_item item)
{
	free(item.file);
	free(item.reason);
}

/* Safe for a terminal and for JSON: reasons quote what is wrong, which can be any bytes. */
__attribute__((format(printf, 1, 0))) static char *reason_text(const char *fmt, va_list ap)
{
	_cleanup_(freep) char *raw = NULL;

	if (vasprintf(&raw, fmt, ap) < 0) {
		raw = NULL; /* undefined by then */
		return NULL;
	}
	return text_harmless(raw, strlen(raw)) ? ptr_take(&raw) : text_escape(raw, strlen(raw));
}

int diag_add(struct diag *d, const char *file, unsigned line, const char *fmt, ...)
{
	struct diag_item item = {.line = line};
	va_list ap;

	if (!d)
		return -EINVAL;

	d->n_total++;
	va_start(ap, fmt);
	item.reason = reason_text(fmt, ap);
	va_end(ap);
	if (file)
		item.file = strdup(file);
	if (!item.reason || (file && !item.file) || diag_keep(d, item) < 0)
		diag_item_free(item);
	return -EINVAL;
}

void diag_at(const struct diag *d, const char *file)
{
	if (d && d->at)
		d->at(d->at_userdata, file);
}

void diag_print(const struct diag *d, FILE *f)
{
	for (size_t i = 0; i < d->n_items; i++) {
		const struct diag_item *it = &d->items[i];

		if (it->file && it->line)
			(void)fprintf(f, "%s:%u: %s\n", it->file, it->line, it->reason);
		else if (it->file)
			(void)fprintf(f, "%s: %s\n", it->file, it->reason);
		else
			(void)fprintf(f, "%s\n", it->reason);
	}
	if (d->n_total > d->n_items)
		(void)fprintf(f, "... and %zu more\n", d->n_total - d->n_items);
}

char *diag_text(const struct diag *d)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	diag_print(d, f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	if (size > 0 && text[size - 1] == '\n')
		text[size - 1] = '\0';
	return text;
}

void diag_move(struct diag *to, struct diag *from)
{
	for (size_t i = 0; i < from->n_items; i++)
		if (diag_keep(to, from->items[i]) < 0)
			diag_item_free(from->items[i]);
	to->n_total += from->n_total;
	free(from->items);
	*from = (struct diag)DIAG_NULL;
}

void diag_deinit(struct diag *d)
{
	for (size_t i = 0; i < d->n_items; i++)
		diag_item_free(d->items[i]);
	free(d->items);
	*d = (struct diag)DIAG_NULL;
}
