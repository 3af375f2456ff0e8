/* SPDX-License-Identifier: Apache-2.0 */
/* Give back: pages of a private mapping that are not needed any more, locked or not */
#pragma once

#include <stddef.h>

/**
 * give_back() - let go of pages; what is read there next is zero
 * @at: page-aligned, in a private anonymous mapping that is read and written
 * @bytes: rounded up to pages
 *
 * MADV_DONTNEED refuses locked pages, which mlockall(2) makes of all.
 *
 * Context: one system call, up to three before Linux 5.18: madvise, mmap. Return: 0 or a negative errno: they are
 * kept.
 */
int give_back(void *at, size_t bytes);

/* The last of them: put new pages in their place. */
int give_back_by_mapping(void *at, size_t bytes);
