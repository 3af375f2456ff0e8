/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known bytes
 *
 * Owns: what besides the bytes a verdict of the rules depends on. Must not own: lists of hashes; the
 * engine asks them first, each time.
 *
 * Nothing here can go out of date: the key is the SHA-256, the value names rules, name and owner.
 */
#include "daemon/scanner/bytes.h"

#include <string.h>

#include "daemon/scanner/cached.h"

/* No device has this number: bytes and inodes share the cache. */
#define NO_DEVICE UINT64_MAX

static struct cache_key key_of(const uint8_t *sha256)
{
	return (struct cache_key){NO_DEVICE, id_word(sha256)};
}

static void fill(const struct inquiry *q, const uint8_t *sha256, uint64_t size_bytes,
                 struct cache_value *v)
{
	const struct scanner *sc = q->w->sc;

	*v = (struct cache_value){0};
	v->word[CACHED_SIZE] = size_bytes;
	v->word[CACHED_OWNER] = sc->uses_owner ? q->job->st.st_uid : 0;
	v->word[CACHED_NAME] = sc->uses_names ? cached_name(q) : 0;
	v->word[CACHED_RULES] = sc->rules_id;
	memcpy(&v->word[CACHED_DIGESTS], sha256, SHA256_BYTES);
}

static bool is_known(struct inquiry *q, const uint8_t *sha256, uint64_t size_bytes)
{
	struct scanner *sc = q->w->sc;
	const struct cache_key key = key_of(sha256);
	struct cache_value found, now;

	if (sc->uses_time || !cache_get(&sc->cfg.cache, &key, &found))
		return false;
	fill(q, sha256, size_bytes, &now);
	return memcmp(&found, &now, sizeof(now)) == 0;
}

bool bytes_known(void *userdata, const uint8_t *sha256, uint64_t size_bytes)
{
	struct inquiry *q = userdata;

	q->bytes_known = is_known(q, sha256, size_bytes);
	if (q->bytes_known && !q->job->canary)
		stats_add(&q->w->sc->cfg.shared->stats, q->w->shard, COUNT_RULES_SPARED, 1);
	/* Told to the keeper: the rules begin, or archives are opened. */
	atomic_fetch_or_explicit(&q->job->slot->work_began, SLOT_WORK_RULES, memory_order_relaxed);
	return q->bytes_known;
}

void bytes_keep(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;
	const struct finding *f = &q->finding;
	struct cache_key key;
	struct cache_value v;

	/* Where there are no rules, nothing would be spared. */
	if (!sc->has_rules || sc->uses_time || q->bytes_known || q->keepable || q->first_seen || f->partial ||
	    f->verdict != VERDICT_CLEAN || f->reason != REASON_NONE || !f->has_sha256)
		return;
	key = key_of(f->sha256);
	fill(q, f->sha256, f->size_bytes, &v);
	(void)cached_put(sc, &key, cache_begin(&sc->cfg.cache, &key), &v); /* else the next time */
}
