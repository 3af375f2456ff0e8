/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unhold
 *
 * Owns: taking marks and verdicts of a holder that is gone away. Must not own: knowing that it is (keeper, anchor, and
 * the scanner if it is left alone).
 */
#include "daemon/scanner/unhold.h"

#include "custos/fan.h"

void unhold_all(struct shared *sh, struct cache *cache)
{
	(void)fan_unignore_files(FD_GROUP); /* fails only where files cannot be marked */
	fan_guard_release(FD_GUARD, -1);
	cache_clear(cache);
	atomic_store(&sh->holder_beat, 0);
}
