/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: the namespace a file is compiled in; private to the files that know libyara
 *
 * "OOL:SET:FILE": the place of the set in the order of priorities, in base 16, the level of
 * the set, its name, and the file. So libyara's compiled form carries to the scanner what
 * custos says of a rule, and needs no table beside it.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/rules-set.h"

#define RULES_NS_PLACE_BYTES 4 /* "OOL:" */
#define RULES_NS_EXTRA_BYTES (RULES_NS_PLACE_BYTES + RULE_SET_BYTES + 1)

/* @set: NULL: none. Return: owned by the caller, or NULL without memory. */
static inline char *rules_ns_make(const struct rules_set *set, unsigned order, const char *file)
{
	const size_t bytes = strlen(file) + RULES_NS_EXTRA_BYTES;
	char *ns = malloc(bytes);

	if (ns)
		(void)snprintf(ns, bytes, "%02x%c:%s:%s", order & 0xff, set && set->log_only ? 'l' : 'd',
		               set ? set->name : "", file);
	return ns;
}

/* Is it one of ours? Compiled rules come from custos-compile, and are checked all the same. */
static inline bool rules_ns_valid(const char *ns)
{
	return strlen(ns) > RULES_NS_PLACE_BYTES && ns[RULES_NS_PLACE_BYTES - 1] == ':' &&
	       strchr(ns + RULES_NS_PLACE_BYTES, ':') != NULL;
}

/* Of a valid one, as all that follow. Smaller: a higher priority. */
static inline unsigned rules_ns_order(const char *ns)
{
	const char digits[] = {ns[0], ns[1], '\0'};

	return (unsigned)strtoul(digits, NULL, 16);
}

static inline bool rules_ns_logs(const char *ns)
{
	return ns[2] == 'l';
}

static inline void rules_ns_set(const char *ns, char ret[RULE_SET_BYTES])
{
	const char *name = ns + RULES_NS_PLACE_BYTES;

	(void)snprintf(ret, RULE_SET_BYTES, "%.*s", (int)strcspn(name, ":"), name);
}

static inline const char *rules_ns_file(const char *ns)
{
	return strchr(ns + RULES_NS_PLACE_BYTES, ':') + 1;
}
