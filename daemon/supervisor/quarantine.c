/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine
 *
 * Owns: the thread, both queues, which records lead to a take.
 * Must not own: how files move (quarantine-take.c, quarantine-release.c), what the journal says
 * about it (quarantine-job.c).
 */
#include "daemon/supervisor/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/decide.h"
#include "custos/thread.h"

#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/quarantine-job.h"

/* Files that could not be taken, newest over oldest. */
#define FAILED_MAX 256U

struct failed {
	uint64_t dev, ino;
	nsec_t when; /* 0: unused */
};

struct quarantine {
	struct manager *m;
	pthread_t thread;
	sd_event_source *io;
	int done_fd;                 /* eventfd: thread writes, loop reads */
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job_list waiting;     /* lock */
	struct job_list done;        /* lock */
	bool ending;                 /* lock */
	struct quarantine_context context; /* thread; but for its stop, set by the loop */
	/* The rest: loop */
	struct job_list all;         /* every job that is not freed, for look-ups */
	unsigned n_takes, n_asks;
	struct failed failed[FAILED_MAX];
	unsigned next_failed;
	uint64_t n_dropped, n_reported;
};

static void *quarantine_main(void *arg)
{
	struct quarantine *q = arg;
	const uint64_t one = 1;

	(void)pthread_mutex_lock(&q->lock);
	while (!q->ending) {
		struct job *job = TAILQ_FIRST(&q->waiting);

		if (!job) {
			(void)pthread_cond_wait(&q->work, &q->lock);
			continue;
		}
		TAILQ_REMOVE(&q->waiting, job, entry);
		(void)pthread_mutex_unlock(&q->lock);
		job_run(job, &q->context);
		(void)pthread_mutex_lock(&q->lock);
		TAILQ_INSERT_TAIL(&q->done, job, entry);
		(void)!write(q->done_fd, &one, sizeof(one)); /* cannot be full: it is read */
	}
	(void)pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* People wait for answers; files can. */
static void submit(struct quarantine *q, struct job *job)
{
	*(job->ask ? &q->n_asks : &q->n_takes) += 1;
	TAILQ_INSERT_TAIL(&q->all, job, of_all);
	(void)pthread_mutex_lock(&q->lock);
	if (job->ask)
		TAILQ_INSERT_HEAD(&q->waiting, job, entry);
	else
		TAILQ_INSERT_TAIL(&q->waiting, job, entry);
	(void)pthread_cond_signal(&q->work);
	(void)pthread_mutex_unlock(&q->lock);
}

static void forget(struct quarantine *q, struct job *job)
{
	*(job->ask ? &q->n_asks : &q->n_takes) -= 1;
	TAILQ_REMOVE(&q->all, job, of_all);
	job_free(job);
}

static void remember_failure(struct quarantine *q, const struct record *r)
{
	q->failed[q->next_failed++ % FAILED_MAX] =
		(struct failed){.dev = r->dev, .ino = r->ino, .when = clock_now()};
}

static void finish(struct quarantine *q, struct job *job)
{
	job_report(job, q->m->journal);
	/* What is gone cannot be copied again, and another file may get its inode number. */
	if (!job->ask && job->error < 0 && job->error != -ENOENT)
		remember_failure(q, &job->order.record);
	if (job->done)
		job->done(job->userdata, job->error, job->text, job->reply);
	forget(q, job);
}

static int on_done(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct quarantine *q = userdata;
	struct job *job;
	uint64_t n;

	(void)source;
	(void)revents;
	(void)!read(fd, &n, sizeof(n)); /* EAGAIN: taken already */
	do {
		(void)pthread_mutex_lock(&q->lock);
		job = TAILQ_FIRST(&q->done);
		if (job)
			TAILQ_REMOVE(&q->done, job, entry);
		(void)pthread_mutex_unlock(&q->lock);
		if (job)
			finish(q, job);
	} while (job);
	return 0;
}

/* Waiting already, or failed a moment ago: many opens of one file are one take. */
static bool is_known(const struct quarantine *q, const struct record *r)
{
	const struct job *job;
	nsec_t now = clock_now();

	TAILQ_FOREACH(job, &q->all, of_all) {
		if (!job->ask && job->order.record.dev == r->dev && job->order.record.ino == r->ino)
			return true;
	}
	for (unsigned i = 0; i < FAILED_MAX; i++) {
		const struct failed *f = &q->failed[i];

		if (f->when && f->dev == r->dev && f->ino == r->ino &&
		    now - f->when < QUARANTINE_RETRY_NSEC)
			return true;
	}
	return false;
}

static bool wanted(const struct quarantine *q, const struct record *r,
                   const struct policy_line *line)
{
	const struct policy_query query = {
		.known = POLICY_FACT_PATH,
		.event = (enum policy_event)r->event,
		.path = r->path,
		.size_bytes = r->size_bytes,
		.owner = (uid_t)-1, /* nobody's: owner-not= fits */
	};

	return r->action == RECORD_QUARANTINE && r->verdict == VERDICT_MALICIOUS &&
	       !(r->flags & (RECORD_REQUEST | RECORD_MONITOR)) && q->m->mode == MODE_ENFORCE &&
	       line && line->action == POLICY_SCAN && line->on_match == ON_MATCH_QUARANTINE &&
	       !boot_critical(r->path) && policy_line_fits(line, &query);
}

static void drop(struct quarantine *q)
{
	q->n_dropped++;
	/* The first, then each time it has doubled: the journal is not flooded in turn. */
	if (q->n_dropped < 2 * q->n_reported)
		return;
	q->n_reported = q->n_dropped;
	journal_event(q->m->journal, JOURNAL_QUARANTINE_FAILED, LOG_ERR,
	              "too many files to quarantine at once: %llu so far stay where they are, refused",
	              (unsigned long long)q->n_dropped);
}

void quarantine_take(struct quarantine *q, const struct record *r, const struct policy_line *line)
{
	struct job *job;

	if (!wanted(q, r, line) || is_known(q, r))
		return;
	job = q->n_takes < QUARANTINE_TAKES_MAX ? job_new_take(r, line) : NULL;
	if (job)
		submit(q, job);
	else
		drop(q);
}

int quarantine_ask(struct quarantine *q, const struct quarantine_ask *ask,
                   manager_quarantine_fn done, void *userdata)
{
	struct job *job;

	if (q->n_asks >= QUARANTINE_ASKS_MAX)
		return -EBUSY;
	job = job_new_ask(ask, done, userdata);
	if (!job)
		return -ENOMEM;
	submit(q, job);
	return 0;
}

void quarantine_cancel(struct quarantine *q, void *userdata)
{
	struct job *job;

	TAILQ_FOREACH(job, &q->all, of_all) {
		if (job->userdata == userdata)
			job->done = NULL; /* what it does is done all the same */
	}
}

/* The host's own view, in which file systems are writable that our unit sees read-only. */
static int open_host_root(int fallback)
{
	int fd = open("/proc/1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? fcntl(fallback, F_DUPFD_CLOEXEC, 3) : fd;
}

static void release(struct quarantine *q)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&q->all)))
		forget(q, job);
	q->io = sd_event_source_disable_unref(q->io);
	q->done_fd = fd_close(q->done_fd);
	q->context.host_root = fd_close(q->context.host_root);
	quarantine_store_deinit(&q->context.store);
	(void)pthread_cond_destroy(&q->work);
	(void)pthread_mutex_destroy(&q->lock);
	free(q);
}

int quarantine_new(struct manager *m, int host_root, struct quarantine **ret)
{
	struct quarantine *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	q->m = m;
	q->context.store.dir = -1;
	TAILQ_INIT(&q->waiting);
	TAILQ_INIT(&q->done);
	TAILQ_INIT(&q->all);
	(void)pthread_mutex_init(&q->lock, NULL);
	(void)pthread_cond_init(&q->work, NULL);
	q->context.host_root = open_host_root(host_root);
	q->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = q->done_fd < 0 ? -errno : quarantine_store_init(&q->context.store, m->state_dir);
	if (r < 0)
		journal_event(m->journal, JOURNAL_QUARANTINE_FAILED, LOG_ERR,
		              "no quarantine in %s: %s", m->state_dir, strerror(-r));
	r = sd_event_add_io(m->event, &q->io, q->done_fd, EPOLLIN, on_done, q);
	if (r >= 0)
		r = thread_start("quarantine", quarantine_main, q, &q->thread);
	if (r < 0) {
		release(q);
		return r;
	}
	*ret = q;
	return 0;
}

struct quarantine *quarantine_free(struct quarantine *q)
{
	if (!q)
		return NULL;
	/* Relaxed: pairs with nothing, the thread only stops earlier. */
	atomic_store_explicit(&q->context.stop, true, memory_order_relaxed);
	(void)pthread_mutex_lock(&q->lock);
	q->ending = true;
	(void)pthread_cond_signal(&q->work);
	(void)pthread_mutex_unlock(&q->lock);
	(void)pthread_join(q->thread, NULL);
	(void)on_done(NULL, q->done_fd, 0, q); /* what it got done is in the journal */
	release(q);
	return NULL;
}
