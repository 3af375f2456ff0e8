/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets: `set @name = a, b`
 *
 * Owns: names and members while a policy is read. Must not own: what the members are;
 * the predicate that uses a set checks them. Hands off to: compile.c, which expands
 * them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

const struct policy_set *set_find(const struct compiler *c, const char *name)
{
	for (size_t i = 0; i < c->n_sets; i++)
		if (strcmp(c->sets[i].name, name) == 0)
			return &c->sets[i];
	return NULL;
}

static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '@' && len > 1 && len <= SET_NAME_MAX + 1 &&
	       strspn(name + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                        "0123456789-_") == len - 1;
}

/* Copy members, those of named sets included. 0 or a negative errno. */
static int set_fill(struct compiler *c, const struct word *w, struct policy_set *set)
{
	for (size_t i = 0; i < w->n_values; i++) {
		const struct word_value one = w->values[i], *from = &one;
		const struct policy_set *other = NULL;
		size_t n = 1;

		if (!one.quoted && one.str[0] == '@') {
			other = set_find(c, one.str);
			if (!other)
				return diag_add(c->d, c->file, c->line,
				                "set '%s' is not "
				                "defined above",
				                one.str);
			from = other->members;
			n = other->n_members;
		}
		for (size_t j = 0; j < n; j++) {
			struct word_value *m = &set->members[set->n_members];

			if (set->n_members >= POLICY_SET_MEMBERS_MAX)
				return diag_add(c->d, c->file, c->line,
				                "more than %d members in '%s'",
				                POLICY_SET_MEMBERS_MAX, w->key);
			*m = from[j];
			if (!other)
				m->str = arena_strndup(&c->arena, one.str, one.len);
			if (!m->str)
				return -ENOMEM;
			set->n_members++;
		}
	}
	return 0;
}

/* Members that @w will have when expanded, at most one more than are allowed. */
static size_t set_count(const struct compiler *c, const struct word *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n_values && n <= POLICY_SET_MEMBERS_MAX; i++) {
		const struct policy_set *other =
			w->values[i].quoted ? NULL : set_find(c, w->values[i].str);

		n += other ? other->n_members : 1;
	}
	return MIN(n, (size_t)POLICY_SET_MEMBERS_MAX + 1);
}

int set_define(struct compiler *c, const struct word *w)
{
	const struct policy_set *old = set_find(c, w->key);
	struct policy_set *sets, set = {.file = c->file, .line = c->line};
	int r;

	if (!name_valid(w->key))
		return diag_add(c->d, c->file, c->line, "bad set name '%s'", w->key);
	if (old)
		return diag_add(c->d, c->file, c->line,
		                "set '%s' is already defined at %s:%u", w->key,
		                old->file, old->line);
	if (c->n_sets >= POLICY_SETS_MAX || c->arena.total_bytes > ARENA_BYTES_MAX) {
		(void)diag_add(c->d, c->file, c->line, "too many or too large sets");
		return -E2BIG;
	}
	set.name = arena_strndup(&c->arena, w->key, strlen(w->key));
	set.members = arena_alloc(&c->arena, set_count(c, w) * sizeof(*set.members));
	if (!set.name || !set.members)
		return -ENOMEM;
	r = set_fill(c, w, &set);
	if (r < 0)
		return r;

	sets = reallocarray(c->sets, c->n_sets + 1, sizeof(*sets));
	if (!sets)
		return -ENOMEM;
	c->sets = sets;
	sets[c->n_sets++] = set;
	return 0;
}
