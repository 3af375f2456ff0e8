/* SPDX-License-Identifier: Apache-2.0 */
/* leak: loses pieces of memory, to see whether the leak search works where the tests run */
#include <stdlib.h>

#define PIECES 64 /* one pointer may stay behind in a register or on the stack, and what it points to is not lost */

static void lose(void)
{
	void *volatile piece;

	for (int i = 0; i < PIECES; i++)
		piece = malloc(4096);
	piece = NULL;
	(void)piece;
}

int main(void)
{
	lose();
	return 0;
}
