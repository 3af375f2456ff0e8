/* SPDX-License-Identifier: Apache-2.0 */
/* Unhold: the end of what custosd's holder had marked, once it is gone */
#pragma once

#include "custos/cache.h"

#include "daemon/shared.h"

/**
 * unhold_all() - let every open be asked about again
 *
 * The holder's leases ended with it, and with them the news of who writes: a change by a mapping would go unseen
 * (docs/adr/0018). Whoever wrote already was not seen either, so no verdict is kept. An open that waits for the holder
 * to be done with a file goes on.
 *
 * Context: any process of the pair, sealed or not; twice is once.
 */
void unhold_all(struct shared *sh, struct cache *cache);
