/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is locked as that of a scanner is */
#pragma once

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* False: this user may not. In the process of one case. */
static inline bool fixture_lock_all(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

/* Pages of @bytes from page @at on that are in memory. */
static inline size_t fixture_pages_there(const void *at, size_t bytes)
{
	const size_t n = bytes / (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *there = calloc(n + 1, 1);
	size_t found = 0;

	ck_assert_int_eq(mincore((void *)(uintptr_t)at, bytes, there), 0);
	for (size_t i = 0; i < n; i++)
		found += there[i] & 1;
	free(there);
	return found;
}
