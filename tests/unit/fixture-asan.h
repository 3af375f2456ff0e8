/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive allocates what a header asks for before it looks whether there is as much: gigabytes
 * that are never touched, but that a sanitizer poisons. Refused, they are one more path to try. */
#pragma once

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=512:allocator_may_return_null=1";
}
