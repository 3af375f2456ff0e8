/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solo: a suspect is looked at while nothing else is
 *
 * Owns: who may read a file's bytes at the same time. Must not own: who is a suspect
 * (keeper/suspects.c).
 *
 * If the scanner dies again, the keeper knows which file it was. Suspects wait for each
 * other until their deadline. Others wait for them a quarter of the shortest time-out
 * at most; then they are read beside one, and are taken for innocent: they were not in
 * work at the first death.
 */
#include "daemon/scanner/solo.h"

#include "custos/clock.h"

#define WAIT_LEAST_NSEC (20 * NSEC_PER_MSEC)
#define WAIT_MOST_NSEC  (1 * NSEC_PER_SEC)

void solo_init(struct scanner *sc)
{
	pthread_rwlockattr_t attr;

	(void)pthread_rwlockattr_init(&attr); /* these cannot fail */
	(void)pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&sc->reading, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
}

static struct timespec until(nsec_t t)
{
	return (struct timespec){
		.tv_sec = (time_t)(t / NSEC_PER_SEC),
		.tv_nsec = (long)(t % NSEC_PER_SEC),
	};
}

static void note(struct scanner *sc, uint32_t slot_index_plus_one)
{
	atomic_store(&sc->cfg.shared->place[sc->cfg.place].solo_slot,
	             slot_index_plus_one);
}

/* Past its deadline nothing is read any more, alone or not. */
static bool await_alone(struct scanner *sc, const struct slot *slot)
{
	const nsec_t deadline =
		atomic_load_explicit(&slot->deadline, memory_order_relaxed);
	const nsec_t longest = clock_now() + UNTIMED_SCAN_NSEC;
	const struct timespec end = until(MIN(deadline, longest));

	return pthread_rwlock_clockwrlock(&sc->reading, CLOCK_MONOTONIC, &end) == 0;
}

static bool await_others(struct scanner *sc)
{
	const nsec_t patience =
		MIN(MAX(sc->min_timeout / 4, WAIT_LEAST_NSEC), WAIT_MOST_NSEC);
	const struct timespec end = until(clock_now() + patience);

	return pthread_rwlock_clockrdlock(&sc->reading, CLOCK_MONOTONIC, &end) == 0;
}

bool solo_begin(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;
	const struct slot *slot = q->job->slot;
	const bool alone = q->job->suspect && q->job->solo;

	if (!q->w->may_wait) {
		q->holds_reading =
			!alone && pthread_rwlock_tryrdlock(&sc->reading) == 0;
		return q->holds_reading;
	}
	q->holds_reading = alone ? await_alone(sc, slot) : await_others(sc);
	if (alone && q->holds_reading)
		note(sc, slot_index(sc->slots, slot) + 1);
	return true;
}

void solo_end(struct inquiry *q)
{
	struct scanner *sc = q->w->sc;

	if (!q->holds_reading)
		return;
	if (q->job->suspect && q->job->solo)
		note(sc, 0);
	(void)pthread_rwlock_unlock(&sc->reading); /* cannot fail: we hold it */
	q->holds_reading = false;
}
