/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List keys of the configuration
 *
 * Owns: the memory of a list. Must not own: what its entries mean (conf.c).
 */
#include "strlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void strlist_deinit(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i]);
		free(l->from[i].file);
	}
	free(l->items);
	free(l->from);
	*l = (struct strlist){0};
}

int strlist_add(struct strlist *l, const char *s, size_t len)
{
	struct strlist_from *from;
	char **items;

	if (l->n >= CONF_LIST_MAX)
		return -E2BIG;
	from = reallocarray(l->from, l->n + 1, sizeof(*from));
	if (!from)
		return -ENOMEM;
	l->from = from;
	from[l->n] = (struct strlist_from){0};
	items = reallocarray(l->items, l->n + 2, sizeof(*items));
	if (!items)
		return -ENOMEM;
	l->items = items;
	items[l->n] = strndup(s, len);
	if (!items[l->n])
		return -ENOMEM;
	items[++l->n] = NULL;
	return 0;
}
