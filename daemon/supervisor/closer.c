/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closer
 *
 * Owns: descriptors until they are closed, and the threads that do it.
 * Must not own: who may send some. Must not make its caller wait: the lock is never
 * held in close(2).
 */
#include "closer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/thread.h"

/* CLOSER_WAITING_ENOUGH, and what 64 connections can have received by then, 32 each,
 * twice (Scan copies). */
#define RING_FDS 8192U
/* A thread that is at one file for so long is stuck, and another takes over. */
#define STUCK_NSEC (100 * NSEC_PER_MSEC)
#define END_NSEC   (500 * NSEC_PER_MSEC)

struct closer {
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	unsigned n_refs; /* caller and threads; all below: under the lock */
	unsigned n_threads, n_busy;
	nsec_t progress; /* when a thread last took or finished one */
	bool ending;
	unsigned head, n;
	int fds[RING_FDS];
};

static void unref_and_unlock(struct closer *c)
{
	const bool last = --c->n_refs == 0;

	(void)pthread_mutex_unlock(&c->lock);
	if (!last)
		return;
	(void)pthread_cond_destroy(&c->work);
	(void)pthread_cond_destroy(&c->idle);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

static void *closer_run(void *arg)
{
	struct closer *c = arg;

	(void)pthread_mutex_lock(&c->lock);
	while (c->n > 0 || !c->ending) {
		int fd;

		if (c->n == 0) {
			(void)pthread_cond_wait(&c->work, &c->lock);
			continue;
		}
		fd = c->fds[c->head++ % RING_FDS];
		c->n--;
		c->n_busy++;
		c->progress = clock_now();
		(void)pthread_mutex_unlock(&c->lock);
		(void)fd_close(fd);
		(void)pthread_mutex_lock(&c->lock);
		c->n_busy--;
		c->progress = clock_now();
		(void)pthread_cond_signal(&c->idle);
	}
	unref_and_unlock(c);
	return NULL;
}

/* Under the lock, or before there is a second thread. */
static int start_thread(struct closer *c)
{
	int r = thread_start("closer", closer_run, c, NULL);

	if (r == 0) {
		c->n_threads++;
		c->n_refs++;
	}
	return r;
}

int closer_new(struct closer **ret)
{
	struct closer *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	(void)pthread_mutex_init(&c->lock, NULL); /* these cannot fail on Linux */
	(void)pthread_cond_init(&c->work, NULL);
	(void)pthread_cond_init(&c->idle, NULL);
	c->n_refs = 1;
	(void)pthread_mutex_lock(&c->lock);
	r = start_thread(c);
	if (r < 0) {
		unref_and_unlock(c);
		return r;
	}
	(void)pthread_mutex_unlock(&c->lock);
	*ret = c;
	return 0;
}

void closer_close(struct closer *c, int fd)
{
	if (fd < 0)
		return;
	if (!c) {
		(void)fd_close(fd);
		return;
	}
	(void)pthread_mutex_lock(&c->lock);
	/* Without room it stays open: closing it here might stop everything. */
	if (c->n < RING_FDS)
		c->fds[(c->head + c->n++) % RING_FDS] = fd;
	/* Without another thread they wait. */
	if (c->n_busy == c->n_threads && c->n_threads < CLOSER_THREADS_MAX &&
	    clock_now() - c->progress > STUCK_NSEC)
		(void)start_thread(c);
	(void)pthread_cond_signal(&c->work);
	(void)pthread_mutex_unlock(&c->lock);
}

bool closer_is_full(struct closer *c)
{
	bool full;

	if (!c)
		return false;
	(void)pthread_mutex_lock(&c->lock);
	full = c->n >= CLOSER_WAITING_ENOUGH;
	(void)pthread_mutex_unlock(&c->lock);
	return full;
}

struct closer *closer_free(struct closer *c)
{
	const nsec_t limit = clock_now() + END_NSEC;
	const struct timespec until = {
		.tv_sec = (time_t)(limit / NSEC_PER_SEC),
		.tv_nsec = (long)(limit % NSEC_PER_SEC),
	};
	int r = 0;

	if (!c)
		return NULL;
	(void)pthread_mutex_lock(&c->lock);
	while (r == 0 && (c->n > 0 || c->n_busy > 0))
		r = pthread_cond_clockwait(&c->idle, &c->lock, CLOCK_MONOTONIC, &until);
	c->ending = true;
	(void)pthread_cond_broadcast(&c->work);
	unref_and_unlock(c);
	return NULL;
}
