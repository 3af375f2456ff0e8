/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound ownership: _cleanup_(freep), _cleanup_(fd_closep), ... */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Close @fd if it is one; errno is kept. Returns -1, to be stored back. */
static inline int fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		(void)close(fd); /* nothing we could do about an error */
	errno = saved;
	return -1;
}

static inline void fd_closep(int *fd)
{
	*fd = fd_close(*fd);
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void file_closep(FILE **f)
{
	if (*f)
		(void)fclose(*f); /* callers that care about writes call fclose themselves */
	*f = NULL;
}

static inline void dir_closep(DIR **d)
{
	if (*d)
		(void)closedir(*d);
	*d = NULL;
}
