/* SPDX-License-Identifier: Apache-2.0 */
/* Canary: proves, again and again, that opens on each watched file system are judged
 *
 * A process of its own makes a file without a name that the EICAR rule refuses, and
 * opens it as anybody would (docs/adr/0023). What it does is in canary-probe.h.
 */
#pragma once

#include "daemon/supervisor/manager.h"

int canary_new(struct manager *m, struct canary **ret);
struct canary *canary_free(struct canary *c); /* ends its process */

/* Canary= has been read, or read again. The first call starts it. */
void canary_configure(struct canary *c);
/* No more rounds: marks are about to go. */
void canary_stop(struct canary *c);

/* Where the bait could be opened; NULL: nowhere. Valid until the loop runs again. */
const char *canary_reason(const struct canary *c);
/* What came of it on a file system: "refused", "not tried: ..."; NULL: it has none yet.
 * As above. */
const char *canary_of(const struct canary *c, dev_t dev);
