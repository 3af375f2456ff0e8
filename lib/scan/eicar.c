/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EICAR test file
 *
 * Owns: the definition of the test file. Must not own: what happens to it.
 */
#include "custos/eicar.h"

#include <string.h>

/*
 * In two pieces, so that neither this file nor a program made of it contains the
 * string.
 */
static const char front[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STAND";
static const char back[] = "ARD-ANTIVIRUS-TEST-FILE!$H+H*";

#define FRONT_BYTES (sizeof(front) - 1)
#define BACK_BYTES  (sizeof(back) - 1)

_Static_assert(FRONT_BYTES + BACK_BYTES == EICAR_BYTES, "the specification says 68");

bool eicar_is(const void *head, size_t len)
{
	const char *p = head;

	if (len < EICAR_BYTES || len > EICAR_MAX_BYTES)
		return false;
	if (memcmp(p, front, FRONT_BYTES) != 0 ||
	    memcmp(p + FRONT_BYTES, back, BACK_BYTES) != 0)
		return false;
	for (size_t i = EICAR_BYTES; i < len; i++)
		if (!memchr(" \t\n\r\x1a", p[i], 5))
			return false;
	return true;
}
