/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Give back
 *
 * Owns: how pages are let go of. Must not own: which (their mapping's owner).
 */
#include "custos/give-back.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* Linux 5.18 */
#endif

int give_back_by_mapping(void *at, size_t bytes)
{
	void *p = mmap(at, bytes, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

int give_back(void *at, size_t bytes)
{
	if (madvise(at, bytes, MADV_DONTNEED_LOCKED) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	return madvise(at, bytes, MADV_DONTNEED) == 0 ? 0 : give_back_by_mapping(at, bytes);
}
