/* SPDX-License-Identifier: Apache-2.0 */
/* News: what happens to scanners, told to the journal; called by the pair (struct
 * pair_listener) */
#pragma once

#include "daemon/shared.h"
#include "daemon/supervisor/manager.h"

void news_scanner_died(struct manager *m, const struct message *msg);
/* Has the rescue begun or ended since the last call? Call it now and then. */
/* Another generation is in force: is its policy another? */
void news_policy(struct manager *m);
void news_rescue(struct manager *m);
/* Scanners end as soon as they start, and the next try is in @pause_sec; 0: it is over.
 */
void news_crash_loop(struct manager *m, unsigned pause_sec);
