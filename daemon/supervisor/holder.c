/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holder
 *
 * Owns: held files, from the lease to the mark and back. Must not own: verdicts (the cache does), or
 * how a file is opened (hold-tree.c) and marked (hold-mark.c).
 *
 * The order of steps is the proof:
 *   hold:   lease; mark (hold-mark.c)
 *   let go: verdict forgotten, mark emptied, lease given up
 */
#include "daemon/supervisor/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/fan.h"
#include "custos/lease.h"
#include "custos/thread.h"

#include "daemon/shared.h"
#include "daemon/supervisor/hold-mark.h"
#include "daemon/supervisor/hold-table.h"
#include "daemon/supervisor/hold-tree.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/manager.h"

#define FDS_LEFT        1024 /* descriptors for everything else in this process */
#define WISHES_PER_TURN 16   /* then those are looked at who wait for a lease */
#define LOOK_EVERY_NSEC (1 * NSEC_PER_SEC)
#define BEAT_MSEC       250
/* We were stopped: the keeper has taken the marks away, or is about to (HOLDER_SILENCE_NSEC). */
#define SILENCE_NSEC    (2 * NSEC_PER_SEC)
/* The kernel takes a lease away after so many seconds: not before the keeper has seen to the marks. */
#define BREAK_SEC_MIN   10
/* A full table: so many of the oldest make room in a second. We do not see which ones are used. */
#define REPLACED_PER_LOOK 64
/* A holder that waits for a disk does not hold up a reload. */
#define FORGET_LIMIT_SEC 2

struct holder {
	struct hold_marks marks;
	int kick_fd, signal_fd;
	pthread_t thread;
	pthread_mutex_t marking;      /* nothing is marked by an older verdict after a flush; of the next three */
	pthread_cond_t forgotten;
	unsigned n_forget;            /* main thread */
	unsigned n_forgotten;         /* the thread: as many were carried out */
	struct hold_table table;      /* the thread's own */
	struct hold_trees *trees;
	struct ring_consumer wishes;
	nsec_t looked_at, beat_at;
	unsigned n_replaced;          /* since then */
	_Atomic unsigned limit;       /* main thread */
	_Atomic unsigned n;           /* the thread; for others to read */
	_Atomic bool stop;            /* main thread */
};

/* The mark stays, empty, as long as the kernel keeps the inode: an open that meets a mark being deleted passes. */
static void let_go(struct holder *h, uint32_t index)
{
	const int fd = h->table.items[index].fd;

	(void)fan_empty_file(h->marks.group, fd); /* ENOENT: flushed */
	hold_remove(&h->table, index);
	(void)close(fd); /* and the lease with it: it is the only descriptor */
	atomic_store(&h->n, h->table.n);
}

/* It is about to change, or may have changed: its writer's open was no event. */
static void forget(struct holder *h, uint32_t index)
{
	cache_drop(&h->marks.cache, &h->table.items[index].key);
	let_go(h, index);
}

static void let_all_go(struct holder *h)
{
	while (h->table.n)
		let_go(h, h->table.oldest);
}

/* Return: there is room for one more. */
static bool make_room(struct holder *h)
{
	const unsigned limit = MIN(atomic_load(&h->limit), h->table.size);

	if (limit && h->table.n >= limit && h->n_replaced < REPLACED_PER_LOOK) {
		h->n_replaced++;
		let_go(h, h->table.oldest);
	}
	return h->table.n < limit;
}

static void hold(struct holder *h, const struct hold_wish *w)
{
	_cleanup_(fd_closep) int fd = -1;
	uint32_t index;
	int r;

	if (w->handle_bytes > sizeof(w->handle))
		return;
	index = hold_find(&h->table, &w->key);
	if (index != HOLD_NONE)
		let_go(h, index); /* it was asked about: the mark is gone */
	if (!make_room(h))
		return;
	fd = hold_trees_open(h->trees, w);
	if (fd < 0 || lease_take(fd, SIGRTMIN) < 0)
		return;
	(void)pthread_mutex_lock(&h->marking);
	r = hold_mark(&h->marks, w, fd);
	(void)pthread_mutex_unlock(&h->marking);
	if (r < 0)
		return;
	index = hold_add(&h->table, &w->key, fd);
	if (index == HOLD_NONE) {
		(void)fan_empty_file(h->marks.group, fd);
		return;
	}
	fd = -1;
	atomic_store(&h->n, h->table.n);
}

/* Return: there may be more. */
static bool take_wishes(struct holder *h, nsec_t now)
{
	for (unsigned i = 0; i < WISHES_PER_TURN; i++) {
		const struct hold_wish *wish = ring_peek(&h->wishes, now);
		struct hold_wish w;

		if (!wish)
			return false;
		w = *wish; /* a copy: it lies in memory that scanners write */
		ring_pop(&h->wishes);
		hold(h, &w);
	}
	return true;
}

/* Deleted files would keep their space; and a signal may have been lost. */
static void look_around(struct holder *h)
{
	struct stat st;

	for (uint32_t i = h->table.oldest, next; i != HOLD_NONE; i = next) {
		const int fd = h->table.items[i].fd;

		next = h->table.items[i].newer;
		if (!lease_stands(fd))
			forget(h, i);
		else if (fstat(fd, &st) < 0 || st.st_nlink == 0 ||
		         !hold_trees_has(h->trees, h->table.items[i].key.dev))
			let_go(h, i);
	}
	hold_trees_prune(h->trees);
}

/* Somebody waits. */
static void answer_signals(struct holder *h)
{
	struct signalfd_siginfo info[16];
	ssize_t n;

	while ((n = read(h->signal_fd, info, sizeof(info))) > 0) {
		for (size_t i = 0; i < (size_t)n / sizeof(info[0]); i++) {
			uint32_t index = hold_find_fd(&h->table, info[i].ssi_fd);

			if (info[i].ssi_signo == (uint32_t)SIGIO)
				look_around(h); /* the queue of signals was full */
			else if (index != HOLD_NONE && !lease_stands(info[i].ssi_fd))
				forget(h, index);
		}
	}
}

/* Tell who waits in holder_forget(). */
static void forget_if_asked(struct holder *h)
{
	unsigned wanted;

	(void)pthread_mutex_lock(&h->marking);
	wanted = h->n_forget;
	(void)pthread_mutex_unlock(&h->marking);
	if (wanted == h->n_forgotten)
		return;
	let_all_go(h);
	(void)pthread_mutex_lock(&h->marking);
	h->n_forgotten = wanted;
	(void)pthread_cond_signal(&h->forgotten);
	(void)pthread_mutex_unlock(&h->marking);
}

static void beat(struct holder *h)
{
	h->beat_at = clock_now();
	atomic_store(&h->marks.shared->holder_beat, h->table.n ? h->beat_at : 0);
}

static void *holder_main(void *arg)
{
	struct holder *h = arg;
	struct pollfd pfds[] = {
		{.fd = h->signal_fd, .events = POLLIN},
		{.fd = h->kick_fd, .events = POLLIN},
	};
	bool more = false;
	uint64_t n;

	while (!atomic_load(&h->stop)) {
		nsec_t now;

		/* EINTR: look around anyway */
		(void)poll(pfds, ARRAY_SIZE(pfds), more ? 0 : h->table.n ? BEAT_MSEC : -1);
		now = clock_now();
		answer_signals(h);
		(void)!read(h->kick_fd, &n, sizeof(n)); /* EAGAIN: something else woke us */
		forget_if_asked(h);
		if (h->table.n && now - h->beat_at > SILENCE_NSEC)
			let_all_go(h);
		if (hold_trees_changed(h->trees) || now - h->looked_at > LOOK_EVERY_NSEC) {
			h->looked_at = now;
			h->n_replaced = 0;
			look_around(h);
		}
		more = take_wishes(h, now);
		beat(h);
	}
	let_all_go(h);
	beat(h);
	return NULL;
}

static void kick(struct holder *h)
{
	const uint64_t one = 1;

	(void)!write(h->kick_fd, &one, sizeof(one)); /* EAGAIN: it is awake */
}

static long break_time_sec(void)
{
	char text[24] = "";
	_cleanup_(fd_closep) int fd = open("/proc/sys/fs/lease-break-time", O_RDONLY | O_CLOEXEC);

	return fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ? 0 : strtol(text, NULL, 10);
}

void holder_configure(struct manager *m)
{
	const bool too_short = m->conf.n_held_files && break_time_sec() < BREAK_SEC_MIN;

	atomic_store(&m->holder->limit, too_short ? 0 : m->conf.n_held_files);
	if (too_short)
		journal_event(m->journal, JOURNAL_RELOADED, LOG_NOTICE,
		              "HeldFiles= has no effect: fs.lease-break-time is below %d s",
		              BREAK_SEC_MIN);
}

void holder_set_mounts(struct holder *h, const struct coverage *c)
{
	if (h && hold_trees_set(h->trees, c))
		kick(h);
}

void holder_forget(struct holder *h)
{
	const nsec_t until = clock_now() + FORGET_LIMIT_SEC * NSEC_PER_SEC;
	const struct timespec limit = {(time_t)(until / NSEC_PER_SEC), (long)(until % NSEC_PER_SEC)};
	int r = 0;

	(void)pthread_mutex_lock(&h->marking);
	h->n_forget++;
	kick(h);
	while (h->n_forgotten != h->n_forget && r == 0)
		r = pthread_cond_clockwait(&h->forgotten, &h->marking, CLOCK_MONOTONIC, &limit);
	if (r != 0) /* deleted then, not emptied: better than verdicts of other rules */
		(void)fan_unignore_files(h->marks.group);
	(void)pthread_mutex_unlock(&h->marking);
}

unsigned holder_n(const struct holder *h)
{
	return atomic_load(&h->n);
}

/* As many descriptors as the administrator lets us have. */
static uint32_t raise_limit(void)
{
	struct rlimit nofile;

	if (getrlimit(RLIMIT_NOFILE, &nofile) < 0)
		return FDS_LEFT;
	nofile.rlim_cur = nofile.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &nofile); /* allowed up to there */
	return (uint32_t)MIN(nofile.rlim_cur, (rlim_t)CONF_HELD_FILES_MAX + FDS_LEFT);
}

static int start(struct holder *h)
{
	sigset_t set;
	uint32_t n_fds = raise_limit();
	int r;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGIO);
	(void)sigaddset(&set, SIGRTMIN);
	h->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->signal_fd < 0)
		return -errno;
	r = hold_table_init(&h->table, MAX(n_fds, FDS_LEFT + 1U) - FDS_LEFT, n_fds);
	if (r == 0)
		r = hold_trees_new(h->marks.group, &h->trees);
	if (r < 0)
		return r;
	return thread_start("holder", holder_main, h, &h->thread);
}

static void release(struct holder *h)
{
	(void)pthread_mutex_destroy(&h->marking);
	(void)pthread_cond_destroy(&h->forgotten);
	hold_table_deinit(&h->table);
	h->trees = hold_trees_free(h->trees);
	(void)fd_close(h->signal_fd);
	free(h);
}

int holder_new(struct manager *m, struct holder **ret)
{
	struct holder *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	*h = (struct holder){.marks = {m->shared, m->cache, m->group, m->guard},
	                     .kick_fd = m->hold_kick, .signal_fd = -1};
	(void)pthread_mutex_init(&h->marking, NULL); /* cannot fail with these attributes */
	(void)pthread_cond_init(&h->forgotten, NULL);
	ring_consumer_init(&h->wishes, shared_wishes(m->shared), WISH_CELLS, sizeof(struct hold_wish));
	r = start(h);
	if (r < 0) {
		release(h);
		return r;
	}
	*ret = h;
	return 0;
}

struct holder *holder_free(struct holder *h)
{
	if (!h)
		return NULL;
	atomic_store(&h->stop, true);
	kick(h);
	(void)pthread_join(h->thread, NULL);
	release(h);
	return NULL;
}
