/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Join
 *
 * Owns: the places of running scans, and the jobs put aside there. Must not own: judging them (judge.c).
 *
 * A place's word holds a version, a state and the index of the newest job, so that one compare-and-swap
 * puts a job aside only while the very scan it looked at goes on. Nothing here waits. A scanner that
 * dies takes the places with it; the slots of the jobs are judged again like all others.
 */
#include "daemon/scanner/join.h"

#include "custos/clock.h"
#include "daemon/scanner/cached.h"

#define JOB_BITS    16
#define JOB_MASK    ((UINT64_C(1) << JOB_BITS) - 1) /* index + 1; 0: none */
#define STATE_MASK  (UINT64_C(3) << JOB_BITS)
#define STATE_IDLE  (UINT64_C(0) << JOB_BITS)
#define STATE_BUSY  (UINT64_C(1) << JOB_BITS) /* claimed; what it is about is being written */
#define STATE_OPEN  (UINT64_C(2) << JOB_BITS)
#define VERSION_ONE (UINT64_C(4) << JOB_BITS)
_Static_assert(N_SLOTS < JOB_MASK, "an index fits");

static struct join_place *place_of(struct scanner *sc, const struct stat *st)
{
	const uint64_t mixed = (st->st_ino ^ (uint64_t)st->st_dev << 32) * 0x9e3779b97f4a7c15ULL;

	return &sc->joins[(mixed >> 32) % JOIN_PLACES];
}

static uint64_t name_of(const struct inquiry *q)
{
	return q->w->sc->uses_names ? cached_name(q) : 0;
}

static bool is_about(const struct join_place *p, const struct inquiry *q, uint64_t max_size_bytes)
{
	const struct stat *st = &q->job->st;

	return p->key.dev == st->st_dev && p->key.ino == st->st_ino &&
	       p->size_bytes == (uint64_t)st->st_size && p->max_size_bytes == max_size_bytes &&
	       p->mtime_nsec == timespec_nsec(&st->st_mtim) &&
	       p->ctime_nsec == timespec_nsec(&st->st_ctim) && p->owner == st->st_uid &&
	       p->name == name_of(q) && p->opens == inquiry_opens(q);
}

bool join_wait(struct inquiry *q, uint64_t max_size_bytes)
{
	struct scanner *sc = q->w->sc;
	struct join_place *p = place_of(sc, &q->job->st);
	const uint64_t mine = slot_index(sc->slots, q->job->slot) + 1;
	/* Acquire: what the place is about was written before OPEN. */
	uint64_t word = atomic_load_explicit(&p->word, memory_order_acquire);

	/* What is read here may be torn by the next claim; then the version has moved, and so has the
	 * word. */
	while ((word & STATE_MASK) == STATE_OPEN && is_about(p, q, max_size_bytes)) {
		q->job->next = (uint32_t)(word & JOB_MASK);
		/* Release: the job is complete before whoever scans finds it. */
		if (atomic_compare_exchange_weak_explicit(&p->word, &word,
		                                          (word & ~JOB_MASK) | mine,
		                                          memory_order_release,
		                                          memory_order_acquire))
			return true;
	}
	return false;
}

struct join_place *join_open(struct inquiry *q, uint64_t max_size_bytes)
{
	struct join_place *p = place_of(q->w->sc, &q->job->st);
	const struct stat *st = &q->job->st;
	uint64_t word = atomic_load_explicit(&p->word, memory_order_relaxed);

	/* Acquire: the scan before has read all it needs of the place. */
	if ((word & STATE_MASK) != STATE_IDLE ||
	    !atomic_compare_exchange_strong_explicit(&p->word, &word, word + VERSION_ONE + STATE_BUSY,
	                                             memory_order_acquire,
	                                             memory_order_relaxed))
		return NULL;
	p->key = (struct cache_key){st->st_dev, st->st_ino};
	p->size_bytes = (uint64_t)st->st_size;
	p->max_size_bytes = max_size_bytes;
	p->mtime_nsec = timespec_nsec(&st->st_mtim);
	p->ctime_nsec = timespec_nsec(&st->st_ctim);
	p->owner = st->st_uid;
	p->name = name_of(q);
	p->opens = inquiry_opens(q);
	p->began = 0;
	/* Release: the above. */
	atomic_store_explicit(&p->word, word + VERSION_ONE + STATE_OPEN, memory_order_release);
	return p;
}

void join_began(struct join_place *p)
{
	if (p)
		p->began = clock_now();
}

struct job *join_end(struct scanner *sc, struct join_place *p, nsec_t *ret_began)
{
	struct job *list = NULL;
	uint64_t word;

	if (!p)
		return NULL;
	*ret_began = p->began;
	/* Ours alone to close. Acquire: the jobs; release: the place is read no more. */
	word = atomic_load_explicit(&p->word, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&p->word, &word,
	                                              word & ~(JOB_MASK | STATE_MASK),
	                                              memory_order_acq_rel, memory_order_relaxed))
		;
	for (uint64_t index = word & JOB_MASK; index;) {
		struct job *job = &sc->jobs[index - 1];

		index = job->next; /* the one that came before it */
		job->joined = list;
		list = job;
	}
	return list;
}

bool join_shares(const struct job *job, const struct finding *f, nsec_t began)
{
	/* An error is this scan's own: its deadline, its memory. */
	return job->slot->read_at <= began && f->verdict != VERDICT_ERROR;
}
