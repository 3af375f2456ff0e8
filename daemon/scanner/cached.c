/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cached verdicts
 *
 * Owns: when a verdict may be kept and when it may be used, and what tells two states of a file apart.
 * Must not own: where verdicts are kept (cache), what they mean for an open (decide).
 *
 * The order of steps is the proof; docs/adr/0013 goes through it. Short form:
 *   keep: state, ticket, no writer, read the bytes, no writer, same state -> stored unless dropped
 *         since the ticket
 *   use:  state, no writer -> found, and it says the same state
 *   note: the first open of a state stores no verdict, only that it was seen
 *   drop: whenever an opener is a writer, before its open is answered; and when a writer closes
 */
#include "daemon/scanner/cached.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "custos/clock.h"
#include "custos/lease.h"
#include "daemon/scanner/evict.h"

/* Times of files come from a clock that stands still for up to 10 ms (CONFIG_HZ=100): a file that
 * changed more recently may change again without a new time. Git calls this racily clean. */
#define CLOCK_GRAIN_USEC (20 * 1000)
/* No nanoseconds at all: an ext4 with small inodes counts seconds. */
#define COARSE_GRAIN_USEC (2 * USEC_PER_SEC)

/* Users' files: the proof costs reading the file from the disk once more, so only for those that are
 * opened often, and not for large ones. */
#define OPENS_BEFORE_PROOF 4

/* A larger cache is touched as it fills. */
#define PREPARED_BYTES ((size_t)64 << 20)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* Digests lie one after the other, each in whole words. */
static const unsigned digest_word[N_DIGESTS] = {
	[DIGEST_SHA256] = CACHED_DIGESTS,
	[DIGEST_SHA1] = CACHED_DIGESTS + 4,
	[DIGEST_MD5] = CACHED_DIGESTS + 7,
};

/* Local, and measured: the lease tells the truth there, and a change shows in ctime. */
static bool is_trusted(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case TMPFS_MAGIC:
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/* The first touch of a page costs 2 us, which an opener would wait for. */
void cached_prepare(struct scanner *sc)
{
	const struct cache *c = &sc->cfg.cache;

	/* Linux 5.14; older ones go without. */
	(void)madvise(c->sets, MIN(cache_size(c), PREPARED_BYTES), MADV_POPULATE_WRITE);
}

/* FNV-1a. Never 0. */
uint64_t cached_name(const struct inquiry *q)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < q->path_len; i++)
		hash = (hash ^ (unsigned char)q->query.path[i]) * 0x100000001b3ULL;
	return hash | 1;
}

static void put_state(const struct inquiry *q, const struct stat *st, struct cache_value *v)
{
	const struct scanner *sc = q->w->sc;

	v->word[CACHED_SIZE] = (uint64_t)st->st_size;
	v->word[CACHED_MTIME] = timespec_nsec(&st->st_mtim);
	v->word[CACHED_CTIME] = timespec_nsec(&st->st_ctim);
	v->word[CACHED_NAME] = sc->uses_names ? cached_name(q) : 0;
	v->word[CACHED_RULES] = sc->rules_id;
}

static bool same_state(const struct cache_value *a, const struct cache_value *b)
{
	return memcmp(a->word, b->word, CACHED_LISTS * sizeof(a->word[0])) == 0;
}

static void put_digests(const struct engine_digests *d, struct cache_value *v)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		if (d->have & 1U << alg)
			memcpy(&v->word[digest_word[alg]], d->digest[alg], digest_bytes(alg));
}

static void get_digests(const struct cache_value *v, struct engine_digests *ret)
{
	ret->have = (unsigned)CACHED_HAVE(v->word[CACHED_ABOUT]);
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		memcpy(ret->digest[alg], &v->word[digest_word[alg]], digest_bytes(alg));
}

static bool is_alive(void *userdata, uint32_t holder)
{
	const struct shared *sh = userdata;

	for (unsigned i = 0; i < N_PLACES; i++)
		if (atomic_load(&sh->place[i].number) == holder)
			return true;
	return false;
}

bool cached_put(struct scanner *sc, const struct cache_key *key, struct cache_ticket ticket,
                const struct cache_value *v)
{
	const struct cache_putter by = {sc->cfg.number, is_alive, sc->cfg.shared};

	return cache_put(&sc->cfg.cache, key, ticket, v, &by);
}

static void count_hit(struct inquiry *q)
{
	q->cached = true;
	if (!q->job->canary)
		stats_add(&q->w->sc->cfg.shared->stats, q->w->shard, COUNT_CACHE_HITS, 1);
}

static void say_clean(struct inquiry *q, const struct cache_value *v)
{
	q->finding = (struct finding){
		.verdict = VERDICT_CLEAN,
		.has_sha256 = q->digests.have & 1U << DIGEST_SHA256,
		.size_bytes = v->word[CACHED_SIZE],
	};
	memcpy(q->finding.sha256, q->digests.digest[DIGEST_SHA256], SHA256_BYTES);
}

/* The digests are enough, whatever has become of the hash lists. */
static bool look_up_again(struct inquiry *q, struct cache_value *v)
{
	const struct scanner *sc = q->w->sc;
	const bool yara_ran = CACHED_REASON(v->word[CACHED_ABOUT]) == REASON_NONE;

	switch (ruleset_recall(sc->cfg.rules, &q->digests, v->word[CACHED_SIZE], yara_ran,
	                       &q->finding)) {
	case RECALL_MISS:
		return false;
	case RECALL_FOUND:
		return true;
	case RECALL_SAME:
		break;
	}
	v->word[CACHED_LISTS] = sc->lists_id;
	v->word[CACHED_ABOUT] &= ~CACHED_OPENED; /* members were not looked up */
	(void)cached_put(q->w->sc, &q->cache_key, q->ticket, v); /* else the next one looks it up, too */
	return true;
}

/* Nobody writes, and nobody can begin to without our knowing. */
static bool no_writer(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;
	int r = lease_no_writer(q->job->slot->fd);

	if (r != 1)
		cache_drop(&sc->cfg.cache, &q->cache_key);
	return r == 1;
}

/* Only root's, or those of which it can be proved that nobody has pages pinned. */
static bool may_be_kept(const struct inquiry *q)
{
	const struct stat *st = &q->job->st;

	return only_root_writes(st) || (S_ISREG(st->st_mode) && st->st_size <= LARGE_BYTES &&
	                                evict_works(q->job->slot->fd));
}

/* Before its bytes are read: a user's file, opened @n times before in this state. After a proof that
 * failed it is as if it had not been opened yet: mapped files fail for long. */
static void consider_proof(struct inquiry *q, unsigned n)
{
	const bool often = n + 1 >= OPENS_BEFORE_PROOF;

	q->n_seen = often ? 0 : n + 1;
	q->keepable = q->keepable && often && evict_pages(q->job->slot->fd, q->job->st.st_size);
	q->seen_again = !q->keepable;
}

/* Of members nothing is kept: they are known clean by the same lists, or not known. */
static bool knows_members(const struct inquiry *q, const struct cache_value *found)
{
	return !inquiry_opens(q) || (found->word[CACHED_ABOUT] & CACHED_OPENED &&
	                             found->word[CACHED_LISTS] == q->w->sc->lists_id);
}

bool cached_find(struct inquiry *q, uint64_t max_size_bytes)
{
	struct scanner *sc = q->w->sc;
	const struct stat *st = &q->job->st;
	struct cache_value now, found;

	if (sc->uses_time || !may_be_kept(q))
		return false;
	q->cache_key = (struct cache_key){st->st_dev, st->st_ino};
	q->ticket = cache_begin(&sc->cfg.cache, &q->cache_key);
	put_state(q, st, &now);
	if (!cache_get(&sc->cfg.cache, &q->cache_key, &found) || !same_state(&found, &now)) {
		/* Where a scan takes long, asking is cheap: one scan is enough for all who come meanwhile. */
		if (st->st_size > INLINE_BYTES && only_root_writes(st)) {
			q->keepable = no_writer(q) && is_trusted(q->job->slot->fd);
			return false;
		}
		/* The opener may be a writer; nobody asks. A scan under way must not store. */
		cache_drop(&sc->cfg.cache, &q->cache_key);
		q->first_seen = true;
		q->n_seen = 1;
		return false;
	}
	q->keepable = no_writer(q) && is_trusted(q->job->slot->fd);
	/* By who reads the file next: the proof does not last. */
	if (CACHED_REASON(found.word[CACHED_ABOUT]) == CACHED_SEEN && !only_root_writes(st) &&
	    q->may_read)
		consider_proof(q, CACHED_HAVE(found.word[CACHED_ABOUT]));
	/* Larger than allowed is an error whatever was found under another line. */
	if (!q->keepable || CACHED_REASON(found.word[CACHED_ABOUT]) == CACHED_SEEN ||
	    (uint64_t)st->st_size > max_size_bytes || !knows_members(q, &found))
		return false;
	get_digests(&found, &q->digests);
	if (found.word[CACHED_LISTS] == sc->lists_id &&
	    CACHED_REASON(found.word[CACHED_ABOUT]) == REASON_NONE)
		say_clean(q, &found);
	else if (!look_up_again(q, &found))
		return false;
	q->was_opened = found.word[CACHED_ABOUT] & CACHED_OPENED; /* what is left of it */
	count_hit(q);
	return true;
}

void cached_state(const struct inquiry *q, uint64_t words[WISH_WORDS])
{
	struct cache_value v = {0};

	put_state(q, &q->job->st, &v);
	v.word[CACHED_LISTS] = q->w->sc->lists_id;
	memcpy(words, v.word, WISH_WORDS * sizeof(words[0]));
}

/* Old enough for the next change to show? @seen_usec: a moment before the bytes were read. */
static bool is_settled(const struct stat *st, usec_t seen_usec)
{
	usec_t changed = timespec_nsec(&st->st_ctim) / NSEC_PER_USEC;
	usec_t grain = st->st_ctim.tv_nsec ? CLOCK_GRAIN_USEC : COARSE_GRAIN_USEC;

	return changed + grain < seen_usec;
}

/* Most files are opened once in a while, by a backup or a search: their verdicts would only push others
 * out, and asking for writers would cost them a tenth. So the first time only the state is noted. */
void cached_note(struct inquiry *q)
{
	struct cache *c = &q->w->sc->cfg.cache;
	struct cache_value v = {0};

	if (!(q->first_seen || q->seen_again) || q->finding.verdict != VERDICT_CLEAN)
		return;
	put_state(q, &q->job->st, &v);
	v.word[CACHED_ABOUT] = CACHED_ABOUT_OF(CACHED_SEEN, q->n_seen, 0);
	(void)cached_put(q->w->sc, &q->cache_key, cache_begin(c, &q->cache_key), &v);
}

void cached_keep(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;
	struct cache_value v = {0}, after = {0};
	struct stat st;

	if (!q->keepable || q->finding.verdict != VERDICT_CLEAN || q->finding.partial ||
	    !is_settled(&q->job->st, q->job->slot->wall_usec))
		return;
	put_state(q, &q->job->st, &v);
	if (!no_writer(q) || fstat(q->job->slot->fd, &st) < 0)
		return;
	put_state(q, &st, &after);
	if (!same_state(&v, &after) || q->finding.size_bytes != v.word[CACHED_SIZE])
		return;
	v.word[CACHED_LISTS] = sc->lists_id;
	v.word[CACHED_ABOUT] = CACHED_ABOUT_OF(q->finding.reason, q->digests.have,
	                                      q->job->slot->wall_usec / USEC_PER_SEC) |
	                        (inquiry_opens(q) ? CACHED_OPENED : 0);
	put_digests(&q->digests, &v);
	(void)cached_put(sc, &q->cache_key, q->ticket, &v); /* dropped meanwhile, or the next time */
}

void cached_opened(struct scanner *sc, const struct job *job)
{
	const struct cache_key key = {job->st.st_dev, job->st.st_ino};

	/* Without an entry too: a scan under way must not store one. That costs less than asking. */
	if (!cache_has(&sc->cfg.cache, &key) || lease_no_writer(job->slot->fd) != 1)
		cache_drop(&sc->cfg.cache, &key);
}

void cached_written(struct scanner *sc, const struct job *job)
{
	const struct cache_key key = {job->st.st_dev, job->st.st_ino};

	cache_drop(&sc->cfg.cache, &key);
}
