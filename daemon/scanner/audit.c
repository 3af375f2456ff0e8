/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit: sends records towards the supervisor
 *
 * Owns: which ring a record goes into. Must not own: waiting; a full ring counts a drop (I6).
 */
#include "daemon/scanner/scanner.h"

#include <string.h>
#include <unistd.h>

void audit_push(struct scanner *sc, const struct record *r, bool detection)
{
	struct shared *sh = sc->cfg.shared;
	struct ring *ring = detection ? shared_detections(sh) : shared_routine(sh);
	const uint64_t one = 1;
	uint64_t ticket;
	struct record *cell = ring_claim(ring, &ticket);

	if (!cell)
		return;
	memcpy(cell, r, offsetof(struct record, path) + r->path_len + 1);
	(void)ring_publish(ring, ticket); /* given up on: counted by the consumer */
	if (detection || ring_used(ring) > ring->n_cells / 2)
		(void)!write(FD_AUDIT_KICK, &one, sizeof(one)); /* EAGAIN: it is awake */
}
