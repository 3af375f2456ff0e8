/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of a rar, from any byte on: an answer, with no byte read behind the end */
#include <stdlib.h>
#include <string.h>

#include "lib/scan/archive-rar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1); /* a byte behind it is noticed */

	if (!copy)
		abort();
	memcpy(copy, data, size);
	for (size_t at = 0; at <= size && at < 64; at++)
		if (arc_rar_next(copy, size, at) > ARC_RAR_BROKEN)
			abort();
	if (arc_rar_next(copy, size, size) == ARC_RAR_MEMBER && size > 0)
		abort();
	free(copy);
	return 0;
}
