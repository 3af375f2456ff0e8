/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hold table
 *
 * Owns: the links between what is held. Must not own: descriptors (holder closes them).
 */
#include "daemon/supervisor/hold-table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hold_table_init(struct hold_table *t, uint32_t size, uint32_t n_fds)
{
	*t = (struct hold_table){.size = size, .n_fds = n_fds, .n_chains = 1};
	while (t->n_chains < size)
		t->n_chains *= 2;
	t->items = calloc(size, sizeof(*t->items));
	t->chains = malloc(t->n_chains * sizeof(*t->chains));
	t->of_fd = malloc(n_fds * sizeof(*t->of_fd));
	if (!t->items || !t->chains || !t->of_fd) {
		hold_table_deinit(t);
		return -ENOMEM;
	}
	memset(t->chains, 0xff, t->n_chains * sizeof(*t->chains)); /* HOLD_NONE */
	memset(t->of_fd, 0xff, n_fds * sizeof(*t->of_fd));
	for (uint32_t i = 0; i < size; i++)
		t->items[i].next = i + 1 < size ? i + 1 : HOLD_NONE;
	t->oldest = t->newest = HOLD_NONE;
	return 0;
}

void hold_table_deinit(struct hold_table *t)
{
	free(t->items);
	free(t->chains);
	free(t->of_fd);
	*t = (struct hold_table){0};
}

/* Inodes are counted up; devices are few. */
static uint32_t *chain_of(const struct hold_table *t, const struct cache_key *key)
{
	const uint64_t mixed = (key->ino ^ key->dev << 32) * 0x9e3779b97f4a7c15ULL;

	return &t->chains[(mixed >> 32) & (t->n_chains - 1)];
}

uint32_t hold_find(const struct hold_table *t, const struct cache_key *key)
{
	uint32_t i = *chain_of(t, key);

	while (i != HOLD_NONE &&
	       (t->items[i].key.dev != key->dev || t->items[i].key.ino != key->ino))
		i = t->items[i].next;
	return i;
}

uint32_t hold_find_fd(const struct hold_table *t, int fd)
{
	return fd >= 0 && (uint32_t)fd < t->n_fds ? t->of_fd[fd] : HOLD_NONE;
}

uint32_t hold_add(struct hold_table *t, const struct cache_key *key, int fd)
{
	uint32_t *chain = chain_of(t, key), i = t->free;

	if (t->n == t->size || fd < 0 || (uint32_t)fd >= t->n_fds)
		return HOLD_NONE;
	t->free = t->items[i].next;
	t->items[i] = (struct hold){
		.key = *key, .fd = fd, .next = *chain, .older = t->newest, .newer = HOLD_NONE};
	*chain = i;
	t->of_fd[fd] = i;
	if (t->newest != HOLD_NONE)
		t->items[t->newest].newer = i;
	else
		t->oldest = i;
	t->newest = i;
	t->n++;
	return i;
}

static void unchain(struct hold_table *t, uint32_t index)
{
	uint32_t *link = chain_of(t, &t->items[index].key);

	while (*link != index)
		link = &t->items[*link].next;
	*link = t->items[index].next;
}

void hold_remove(struct hold_table *t, uint32_t index)
{
	struct hold *h = &t->items[index];

	unchain(t, index);
	t->of_fd[h->fd] = HOLD_NONE;
	if (h->older != HOLD_NONE)
		t->items[h->older].newer = h->newer;
	else
		t->oldest = h->newer;
	if (h->newer != HOLD_NONE)
		t->items[h->newer].older = h->older;
	else
		t->newest = h->older;
	h->next = t->free;
	t->free = index;
	t->n--;
}
