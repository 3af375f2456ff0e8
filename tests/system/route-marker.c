/* SPDX-License-Identifier: Apache-2.0 */
/* The file that routes run: as a program and as a library it says MARKER_STATUS */
#include "routes.h"

int route_marker(void);

int route_marker(void)
{
	return MARKER_STATUS;
}

#ifndef MARKER_LIBRARY
int main(void)
{
	return route_marker();
}
#endif
