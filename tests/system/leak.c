/* SPDX-License-Identifier: Apache-2.0 */
/* leak: loses a piece of memory, to see whether the leak search works where the tests run */
#include <stdlib.h>

int main(void)
{
	void *volatile piece = malloc(4096);

	piece = NULL;
	return piece != NULL;
}
