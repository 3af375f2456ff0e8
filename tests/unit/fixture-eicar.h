/* SPDX-License-Identifier: Apache-2.0 */
/* The EICAR string, put together at run time so that no file of ours contains it */
#pragma once

#include <stdio.h>

/* Room for 69 bytes. Return: 68. */
static inline size_t fixture_eicar(char *buf)
{
	return (size_t)snprintf(buf, 69, "%s%s", "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR",
	                        "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
}
