/* SPDX-License-Identifier: Apache-2.0 */
/* A rule set on a command line, and the lists of names in its section: what is taken is written the same way again */
#include <stdlib.h>
#include <string.h>

#include "custos/rules-set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_names(const char *text, int (*parse)(const char *, unsigned *),
                      void (*write)(unsigned, char[RULES_MASK_TEXT_BYTES]), unsigned all)
{
	char names[RULES_MASK_TEXT_BYTES];
	unsigned mask = ~0U, again;

	if (parse(text, &mask) < 0) {
		if (mask != ~0U)
			abort();
		return;
	}
	write(mask, names);
	if (mask & ~all || parse(names, &again) < 0 || again != mask)
		abort();
}

static void try_set(const char *text)
{
	char one[RULES_SET_TEXT_BYTES], two[RULES_SET_TEXT_BYTES];
	struct rules_set set, again;

	if (rules_set_parse(text, &set) < 0)
		return;
	rules_set_text(&set, one);
	if (!rules_set_name_valid(set.name) || rules_set_parse(one, &again) < 0)
		abort();
	rules_set_text(&again, two);
	if (strcmp(one, two) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	try_names(text, rules_modules_parse, rules_modules_text, RULES_MODULES_ALL);
	try_names(text, rules_set_vars_parse, rules_set_vars_text, RULES_SET_VARS_ALL);
	try_set(text);
	free(text);
	return 0;
}
