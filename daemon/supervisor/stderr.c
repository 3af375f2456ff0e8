/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard error under systemd
 *
 * Owns: where descriptor 2 leads. Must not own: what is written there.
 */
#include "daemon/supervisor/stderr.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"

/* $JOURNAL_STREAM is inherited by what is run from a unit: only device and inode tell. */
bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uint64_t dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void stderr_leave_journal(void)
{
	_cleanup_(fd_closep) int null = -1;

	if (!stderr_is_journal())
		return;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	/* Without /dev/null it is closed: writing then fails, which is as good. */
	if (null < 0 || dup2(null, STDERR_FILENO) < 0)
		(void)close(STDERR_FILENO);
}
