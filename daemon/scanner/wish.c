/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wishes
 *
 * Owns: which files are worth holding. Must not own: holding (the supervisor's holder), or whether a
 * verdict holds (cached).
 */
#include "daemon/scanner/wish.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "custos/clock.h"
#include "daemon/scanner/cached.h"

/* Not again before this: what cannot be held is asked for at each open otherwise. */
#define WISH_PAUSE_NSEC (2 * NSEC_PER_SEC)

/* Would nothing be lost if nobody heard of an open of this file? */
static bool nobody_asks(const struct inquiry *q, uint64_t max_size_bytes)
{
	const struct scanner *sc = q->w->sc;
	struct policy_query file = q->query;

	/* Known by one of its names only. */
	if (q->job->st.st_nlink != 1)
		file.known &= ~(unsigned)POLICY_FACT_PATH;
	return !sc->uses_names && policy_silent(sc->cfg.policy, &file, max_size_bytes);
}

/* A table that forgets: one word for all files whose numbers fall on it. */
static bool wished_lately(struct scanner *sc, const struct cache_key *key)
{
	const uint64_t mixed = (key->ino ^ key->dev << 32) * 0x9e3779b97f4a7c15ULL;
	const uint64_t turn = (clock_now() / WISH_PAUSE_NSEC) & 0xffff;
	const uint64_t mine = (mixed & ~0xffffULL) | turn;
	_Atomic uint64_t *word = &sc->wished[mixed >> 52];

	/* Relaxed: a hint. */
	if (atomic_load_explicit(word, memory_order_relaxed) == mine)
		return true;
	atomic_store_explicit(word, mine, memory_order_relaxed);
	return false;
}

static void send_wish(struct scanner *sc, const struct hold_wish *w)
{
	const uint64_t one = 1;
	uint64_t ticket;
	struct hold_wish *cell = ring_claim(shared_wishes(sc->cfg.shared), &ticket);

	if (!cell)
		return; /* the next open wishes again */
	*cell = *w;
	(void)ring_publish(shared_wishes(sc->cfg.shared), ticket);
	(void)!write(FD_HOLD_KICK, &one, sizeof(one)); /* EAGAIN: it is awake */
}

void wish_hold(struct inquiry *q, uint64_t max_size_bytes)
{
	struct scanner *sc = q->w->sc;
	union {
		struct file_handle head;
		unsigned char room[sizeof(struct file_handle) + WISH_HANDLE_BYTES];
	} handle = {.head.handle_bytes = WISH_HANDLE_BYTES};
	struct hold_wish w = {.key = q->cache_key, .generation = sc->cfg.generation};
	int mount_id;

	/* Whoever asks under another line must be told what is in its archives, too. */
	if (!sc->cfg.settings.n_held_files || q->finding.verdict != VERDICT_CLEAN ||
	    (sc->opens_archives && !q->was_opened) ||
	    wished_lately(sc, &w.key) || !nobody_asks(q, max_size_bytes) ||
	    name_to_handle_at(q->job->slot->fd, "", &handle.head, &mount_id, AT_EMPTY_PATH) < 0)
		return;
	cached_state(q, w.known);
	w.handle_type = handle.head.handle_type;
	w.handle_bytes = handle.head.handle_bytes;
	memcpy(w.handle, handle.room + sizeof(struct file_handle), w.handle_bytes);
	send_wish(sc, &w);
}
