/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output
 *
 * Owns: how results look. Must not own: what they mean.
 */
#include "output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/text.h"

void out_json(const struct ctl *ctl, json_t *value)
{
	size_t flags = JSON_ENSURE_ASCII | JSON_ENCODE_ANY;

	flags |= ctl->json == CTL_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT;
	(void)json_dumpf(value, stdout,
	                 flags); /* main() checks the stream at the end */
	putchar('\n');
	(void)fflush(stdout); /* a follower wants it now; likewise */
}

char *out_text(json_t *object, const char *key)
{
	_cleanup_(freep) char *encoded = NULL;
	const char *s = json_string_value(json_object_get(object, key));

	if (!s)
		return strdup("");
	if (asprintf(&encoded, "%sBase64", key) < 0) {
		encoded = NULL;
		return NULL;
	}
	/* With exact bytes beside it, the string has been escaped by the sender. */
	return json_object_get(object, encoded) ? strdup(s) : text_escape(s, strlen(s));
}

int64_t out_int(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *out_style(const struct ctl *ctl, enum out_style style)
{
	static const char *const codes[] = {
		[OUT_PLAIN] = "",        [OUT_GOOD] = "\033[32m",
		[OUT_WARN] = "\033[33m", [OUT_BAD] = "\033[1;31m",
		[OUT_HEAD] = "\033[1m",
	};

	return ctl->colour ? codes[style] : "";
}

const char *out_reset(const struct ctl *ctl)
{
	return ctl->colour ? "\033[0m" : "";
}

const char *out_usec(int64_t usec, char buf[OUT_USEC_BYTES])
{
	int64_t sec = usec / 1000000;

	if (usec < 1000)
		snprintf(buf, OUT_USEC_BYTES, "%" PRId64 " us", usec);
	else if (usec < 1000000)
		snprintf(buf, OUT_USEC_BYTES, "%.1f ms", (double)usec / 1e3);
	else if (sec < 60)
		snprintf(buf, OUT_USEC_BYTES, "%.1f s", (double)usec / 1e6);
	else if (sec < 3600)
		snprintf(buf, OUT_USEC_BYTES, "%" PRId64 " min %" PRId64 " s", sec / 60,
		         sec % 60);
	else if (sec < 86400)
		snprintf(buf, OUT_USEC_BYTES, "%" PRId64 " h %" PRId64 " min",
		         sec / 3600, sec % 3600 / 60);
	else
		snprintf(buf, OUT_USEC_BYTES, "%" PRId64 " d %" PRId64 " h",
		         sec / 86400, sec % 86400 / 3600);
	return buf;
}

void table_add(struct table *t, char *text)
{
	char **cells =
		text ? reallocarray(t->cells, t->n_cells + 1, sizeof(*cells)) : NULL;

	if (!cells) {
		free(text);
		return;
	}
	t->cells = cells;
	t->cells[t->n_cells++] = text;
}

void table_printf(struct table *t, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	table_add(t, r < 0 ? NULL : text);
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
	int pad = (int)(width - text_width(text));

	if (right)
		printf("%*s%s", pad, "", text);
	else
		printf("%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void table_print(const struct table *t, const struct ctl *ctl)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};

	if (t->n_cells < 2 * t->n_columns)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		widths[i % t->n_columns] =
			MAX(widths[i % t->n_columns], text_width(t->cells[i]));
	fputs(out_style(ctl, OUT_HEAD), stdout);
	for (size_t i = 0; i < t->n_cells; i++) {
		unsigned column = (unsigned)(i % t->n_columns);
		bool last = column + 1 == t->n_columns;

		if (i == t->n_columns)
			fputs(out_reset(ctl), stdout);
		print_cell(t->cells[i], widths[column], t->right & 1U << column, last);
	}
}

void table_deinit(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){0};
}
