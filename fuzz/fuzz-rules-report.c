/* SPDX-License-Identifier: Apache-2.0 */
/* A report on rules, from a process that has parsed some: every text ends in it, and every row is read */
#include <stdlib.h>
#include <string.h>

#include "custos/rules-report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rules_report r;
	struct rules_row row;
	size_t at = 0, n = 0;
	/* Not a byte more, so that a sanitizer sees a step too far. */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (rules_report_open(copy, size, &r) == 0) {
		for (uint32_t i = 0; i < r.n_sets; i++)
			if (strlen(r.sets[i].set.name) >= RULE_SET_BYTES)
				abort();
		while (rules_report_next(&r, &at, &row)) {
			n++;
			if (strlen(row.file) + strlen(row.rule) + strlen(row.why) > size)
				abort();
		}
		if (n != r.n_rows)
			abort();
	}
	free(copy);
	return 0;
}
