/* SPDX-License-Identifier: Apache-2.0 */
/* Evict: nobody has a page of this file pinned, because there is none
 *
 * Pages that are pinned for somebody's I/O can change with no writer counted, no time stamp and no event
 * (docs/limits.md). They cannot leave the page cache: so let all leave, and look.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Is this a file system where pages can leave? Context: one system call. */
bool evict_works(int fd);

/**
 * evict_pages() - drop the file's pages from the page cache, and see that they are gone
 * @fd: regular file; reads ahead no more afterwards
 *
 * Dirty, mapped and pinned pages stay; writing dirty ones back is begun. What is read after this comes
 * from the disk, into pages that nobody can pin for writing without being a writer.
 *
 * Context: 3 us and 1 us for each page, and reading the file takes a disk's time next.
 * Return: they were all gone.
 */
bool evict_pages(int fd, off_t size_bytes);
