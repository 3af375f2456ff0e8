/* SPDX-License-Identifier: Apache-2.0 */
/* ELF facts and the other external variables of any bytes: terminated, and of the words that rules are told */
#include <stdlib.h>
#include <string.h>

#include "lib/scan/engine-vars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct engine_vars v;
	uint8_t *copy = malloc(size ? size : 1); /* a byte behind it is noticed */

	if (!copy)
		abort();
	memcpy(copy, data, size);
	engine_vars_set(&v, NULL, 0, copy, size);
	for (unsigned i = 0; i < N_RULES_VARS; i++)
		if (strlen(v.values[i]) >= ELF_INTERP_BYTES)
			abort();
	if (*v.values[RULES_ELF_TYPE] && size < 52)
		abort();
	free(copy);
	return 0;
}
