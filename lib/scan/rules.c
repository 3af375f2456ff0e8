/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YARA rules: loading
 *
 * Owns: libyara's initialisation and its YR_RULES object.
 * Must not own: rule text (rules-compile.c) or the state of a scan (rules-scan.c).
 */
#include "custos/rules.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <yara.h>

#include "rules-ns.h"
#include "rules-yara.h"

uint32_t rules_yara_version(void)
{
	return YR_VERSION_HEX;
}

int rules_global_init(void)
{
	uint32_t no_data = 0;

	if (yr_initialize() != ERROR_SUCCESS)
		return -ENOMEM;
	/* No bytes of a file are kept with a match (I8), and half a megabyte less a scan. */
	if (yr_set_configuration(YR_CONFIG_MAX_MATCH_DATA, &no_data) != ERROR_SUCCESS)
		return -EINVAL;
	return 0;
}

struct source {
	const uint8_t *p, *end;
};

/* As fread(): whole items only. libyara stops at the first short read. */
static size_t read_items(void *ptr, size_t size, size_t count, void *userdata)
{
	struct source *src = userdata;
	size_t n = size ? MIN(count, (size_t)(src->end - src->p) / size) : 0;

	memcpy(ptr, src->p, n * size);
	src->p += n * size;
	return n;
}

/*
 * Where pointers lie, for libyara to move or save its memory: neither is done with loaded rules. It keeps 32 bytes
 * for each, which are 34 MB for 11,000 rules, and a third of all.
 */
static void forget_places(YR_ARENA *arena)
{
	YR_RELOC *next;

	for (YR_RELOC *place = arena->reloc_list_head; place; place = next) {
		next = place->next;
		yr_free(place);
	}
	arena->reloc_list_head = arena->reloc_list_tail = NULL;
}

static int load_part(const uint8_t *mem, size_t size, YR_RULES **ret)
{
	struct source src = {mem, mem + size};
	YR_STREAM stream = {.user_data = &src, .read = read_items};
	int err = yr_rules_load_stream(&stream, ret);

	if (err != ERROR_SUCCESS)
		return err == ERROR_INSUFFICIENT_MEMORY ? -ENOMEM : -EBADMSG;
	forget_places((*ret)->arena);
	return 0;
}

/* Each rule in a namespace of ours? Return: -EBADMSG, or the smallest order of a set. */
static int look_at(YR_RULES *rules)
{
	unsigned least = UINT8_MAX;
	const YR_RULE *rule;

	yr_rules_foreach(rules, rule)
	{
		if (!rules_ns_valid(rule->ns->name))
			return -EBADMSG;
		least = MIN(least, rules_ns_order(rule->ns->name));
	}
	return (int)least;
}

static int look_at_parts(struct rules *r)
{
	int first = look_at(r->yr), pe = r->pe ? look_at(r->pe) : 0;

	r->pe_order = pe < 0 ? 0 : (unsigned)pe;
	return first < 0 || pe < 0 ? -EBADMSG : 0;
}

int rules_load(const void *mem, size_t size, struct rules **ret)
{
	const uint8_t *p = (const uint8_t *)mem + sizeof(struct rules_head);
	struct rules_head head;
	struct rules *r;
	size_t first;
	int err;

	if (size < sizeof(head))
		return -EBADMSG;
	memcpy(&head, mem, sizeof(head));
	size -= sizeof(head);
	if (head.first_bytes > size)
		return -EBADMSG;
	first = (size_t)head.first_bytes;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->n_rules = head.n_rules;
	err = load_part(p, first, &r->yr);
	if (err == 0 && size > first)
		err = load_part(p + first, size - first, &r->pe);
	if (err == 0)
		err = look_at_parts(r);
	if (err < 0) {
		rules_free(r);
		return err;
	}
	(void)malloc_trim(0); /* the places lay together */
	*ret = r;
	return 0;
}

void rules_destroy_parts(struct rules *r)
{
	/* these always succeed */
	if (r->yr)
		(void)yr_rules_destroy(r->yr);
	if (r->pe)
		(void)yr_rules_destroy(r->pe);
}

struct rules *rules_free(struct rules *r)
{
	if (r)
		rules_destroy_parts(r);
	free(r);
	return NULL;
}

uint64_t rules_count(const struct rules *r)
{
	return r->n_rules;
}
