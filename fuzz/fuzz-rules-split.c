/* SPDX-License-Identifier: Apache-2.0 */
/* Text of rules: its parts have its length, its lines, and each of its bytes in one of them at most, or blank */
#include <stdlib.h>
#include <string.h>

#include "custos/types.h"
#include "lib/scan/rules-split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *part, const char *text, size_t size, const char *instead)
{
	for (size_t i = 0; i < size; i++)
		if (part[i] != text[i] && (!strchr(instead, part[i]) || !part[i] || text[i] == '\n'))
			abort();
	if (part[size] != '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct rules_parts parts;
	int r = rules_split(text, size, &parts);

	if (r < 0 || (r == 1) != (parts.other != NULL) || (parts.n_pe > 0 && r == 1) != (parts.pe != NULL))
		abort();
	if (parts.other)
		check(parts.other, text, size, " 01-");
	if (parts.pe)
		check(parts.pe, text, size, " ");
	rules_parts_deinit(&parts);
	return 0;
}
