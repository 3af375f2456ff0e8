/* SPDX-License-Identifier: Apache-2.0 */
/* Rivals: other programs that answer for opens on the file systems watched here
 *
 * Each open then waits for both, and two that wait for each other's files can stop each other. Nothing is done
 * about one: it is told, in the journal and as a reason of the status.
 */
#pragma once

#include "daemon/supervisor/manager.h"

struct rivals;

int rivals_new(struct manager *m, struct rivals **ret); /* after coverage_new(), the event loop */
struct rivals *rivals_free(struct rivals *r);

/* NULL: nobody. Valid until the loop runs again. */
const char *rivals_reason(const struct rivals *r);
