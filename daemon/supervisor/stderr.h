/* SPDX-License-Identifier: Apache-2.0 */
/* Standard error under systemd
 *
 * The unit connects it to journald, so that what goes wrong before custosd can report for itself (a
 * library that is missing, a kernel that cannot block, a helper that does not start) is not lost.
 * Once file systems are marked, nobody may write there: journald may be waiting for our answer (I6).
 */
#pragma once

#include <stdbool.h>

/* Is standard error a stream to journald? Then what the journal gets need not go there as well. */
bool stderr_is_journal(void);

/* Before the first mark: from here on what is written to such a stream is discarded. */
void stderr_leave_journal(void);
