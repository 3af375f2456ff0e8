/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: a set of names
 *
 * Owns: copies of the names.
 * Must not own: what a name means (build).
 */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int names_add(struct names *s, const char *name, size_t len)
{
	if (s->n == s->n_alloc) {
		size_t n = s->n_alloc ? s->n_alloc * 2 : 64;
		char **p = reallocarray(s->items, n, sizeof(*p));

		if (!p)
			return -ENOMEM;
		s->items = p;
		s->n_alloc = n;
	}
	s->items[s->n] = strndup(name, len);
	if (!s->items[s->n])
		return -ENOMEM;
	s->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *s)
{
	if (s->n > 0)
		qsort(s->items, s->n, sizeof(*s->items), by_name);
}

bool names_have(const struct names *s, const char *name, size_t len)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strncmp(s->items[mid], name, len);

		if (c == 0 && s->items[mid][len] == '\0')
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

void names_deinit(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->items[i]);
	free(s->items);
	*s = (struct names)NAMES_NULL;
}
