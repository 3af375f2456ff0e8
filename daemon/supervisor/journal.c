/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal thread
 *
 * Owns: the rings between the event loop and journald, the thread that empties them, the counts of
 * what was lost.
 * Must not own: what an entry says (entry.c). Must not make the producer wait: no lock is shared
 * with the thread, which may sit in sendmsg() for ever (I6).
 * Hands off to: sd_journal_sendv().
 */
/* The place in this file where an entry is sent says nothing about the entry. */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "journal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/thread.h"
#include "entry-ring.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* How often to look whether journald has come (back). */
#define RETRY_MSEC 1000

/* Under a flood that never ends, losses are told this often. */
#define LOSSES_INTERVAL_NSEC (10 * NSEC_PER_SEC)

enum ring_class { RING_DETECTIONS, RING_OPERATION, RING_ROUTINE, N_RINGS };

static const unsigned ring_sizes[N_RINGS] = {
	[RING_DETECTIONS] = JOURNAL_DETECTIONS_MAX,
	[RING_OPERATION] = JOURNAL_OPERATION_MAX,
	[RING_ROUTINE] = JOURNAL_ROUTINE_MAX,
};

struct journal {
	struct ring rings[N_RINGS];
	int wake_fd;                      /* eventfd: something was pushed, or stop */
	pthread_t thread;
	_Atomic unsigned n_refs;          /* caller and thread; the last one frees */
	_Atomic bool stopping;
	_Atomic nsec_t flush_deadline;    /* set before stopping */
	_Atomic uint64_t n_sent;          /* thread writes, relaxed */
	_Atomic uint64_t n_suppressed;    /* producer writes, relaxed */
	/* producer only */
	nsec_t second_started;
	unsigned n_this_second;
	char bundles[ENTRY_BUNDLES_BYTES]; /* of the record that comes next */
	/* thread only */
	bool to_stderr;
	struct journal_counts told;       /* losses already reported */
	nsec_t told_at;
	struct fields fields;
};

static void journal_unref(struct journal *j)
{
	/* Acquire and release: the last one must see all the other did. */
	if (atomic_fetch_sub_explicit(&j->n_refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < N_RINGS; i++)
		free(j->rings[i].slots);
	fd_close(j->wake_fd);
	free(j);
}

static void wake(struct journal *j)
{
	/* Non-blocking; the only error, a full counter, means that it is awake already. */
	(void)eventfd_write(j->wake_fd, 1);
}

static void wait_for_work(struct journal *j, int timeout_msec)
{
	struct pollfd p = {.fd = j->wake_fd, .events = POLLIN};
	eventfd_t n;

	(void)poll(&p, 1, timeout_msec);   /* whatever it was, the rings say what to do */
	(void)eventfd_read(j->wake_fd, &n);
}

static void print(const struct fields *f)
{
	static const char key[] = "MESSAGE=";
	const size_t skip = sizeof(key) - 1;
	struct iovec out[] = {
		{(char *)"custosd: ", 9},
		{(char *)f->iov[0].iov_base + skip, f->iov[0].iov_len - skip},
		{(char *)"\n", 1},
	};

	if (writev(STDERR_FILENO, out, ARRAY_SIZE(out)) < 0)
		return; /* a terminal that has gone away is nobody's loss */
}

/* True when the entry is done with; false: try again later. */
static bool deliver(struct journal *j, _Atomic uint64_t *n_dropped)
{
	int r;

	/* sd_journal_sendv() reports success when there is no journald; an entry would be lost. */
	if (access(JOURNAL_SOCKET, F_OK) < 0) {
		if (!j->to_stderr)
			return false;
		print(&j->fields);
	} else {
		r = sd_journal_sendv(j->fields.iov, (int)j->fields.n);
		/* Only these blame the entry; all others pass with journald's trouble. */
		if (r == -EINVAL || r == -EMSGSIZE || r == -E2BIG) {
			count_one(n_dropped);
			return true;
		}
		if (r < 0)
			return false;
	}
	count_one(&j->n_sent);
	return true;
}

static struct ring *next_ring(struct journal *j)
{
	for (unsigned i = 0; i < N_RINGS; i++)
		if (ring_peek(&j->rings[i]))
			return &j->rings[i];
	return NULL;
}

/* What was lost and not told yet; false when nothing. */
static bool untold(const struct journal *j, const struct journal_counts *now,
                   struct entry_losses *ret)
{
	*ret = (struct entry_losses){
		.detections = now->dropped_detections - j->told.dropped_detections,
		.operation = now->dropped_operation - j->told.dropped_operation,
		.routine = now->dropped_routine - j->told.dropped_routine,
		.suppressed = now->suppressed - j->told.suppressed,
	};
	return ret->detections || ret->operation || ret->routine || ret->suppressed;
}

/* One line after recovery, and now and then while a flood lasts or the rate limit bites.
 * *ret_later: there is more to tell. Return false: nothing can be sent now. */
static bool tell_losses(struct journal *j, bool idle, bool *ret_later)
{
	_Atomic uint64_t ignored = 0; /* the line itself is not a record */
	struct journal_counts now;
	struct entry_losses l;

	journal_counts(j, &now);
	*ret_later = untold(j, &now, &l);
	if (!*ret_later)
		return true;
	if (!(idle && (l.detections || l.operation || l.routine)) &&
	    clock_now() - j->told_at < LOSSES_INTERVAL_NSEC)
		return true;
	entry_fields_losses(&l, &j->fields);
	if (!deliver(j, &ignored))
		return false;
	j->told = now;
	j->told_at = clock_now();
	*ret_later = false;
	return true;
}

/* Send one entry, or what was lost when none waits. False: nothing can be sent now. */
static bool step(struct journal *j, struct ring *r, bool *ret_later)
{
	if (r) {
		entry_fields(ring_peek(r), &j->fields);
		if (!deliver(j, &r->n_dropped))
			return false;
		ring_pop(r);
	}
	return tell_losses(j, next_ring(j) == NULL, ret_later);
}

static void *journal_run(void *arg)
{
	struct journal *j = arg;

	for (;;) {
		/* Acquire: pairs with journal_free(). Read before the rings, so that what was
		 * pushed before it is seen. */
		bool stopping = atomic_load_explicit(&j->stopping, memory_order_acquire);
		struct ring *r = next_ring(j);
		bool later = false;
		bool stuck = !step(j, r, &later);

		if (stopping && (stuck || !r || clock_now() >= j->flush_deadline))
			break;
		if (stuck || !r)
			wait_for_work(j, stuck || later ? RETRY_MSEC : -1);
	}
	journal_unref(j);
	return NULL;
}

int journal_new(bool to_stderr, struct journal **ret)
{
	struct journal *j;
	int r = 0;

	j = aligned_alloc(CACHELINE_BYTES, sizeof(*j));
	if (!j)
		return -ENOMEM;
	memset(j, 0, sizeof(*j));
	j->to_stderr = to_stderr;
	j->told_at = clock_now();
	j->n_refs = 1;
	j->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (j->wake_fd < 0)
		r = -errno;
	for (unsigned i = 0; i < N_RINGS; i++) {
		j->rings[i].size = ring_sizes[i];
		j->rings[i].slots = calloc(ring_sizes[i], sizeof(struct entry));
		if (!j->rings[i].slots)
			r = -ENOMEM;
	}
	if (r == 0) {
		j->n_refs = 2;
		r = thread_start("journal", journal_run, j, &j->thread);
		if (r < 0)
			j->n_refs = 1;
	}
	if (r < 0) {
		journal_unref(j);
		return r;
	}
	*ret = j;
	return 0;
}

/* A fixed window is enough: twice the rate for one second harms nobody. */
static bool within_rate(struct journal *j)
{
	nsec_t now = clock_now();

	if (now - j->second_started >= NSEC_PER_SEC) {
		j->second_started = now;
		j->n_this_second = 0;
	}
	if (j->n_this_second >= JOURNAL_ROUTINE_PER_SEC) {
		count_one(&j->n_suppressed);
		return false;
	}
	j->n_this_second++;
	return true;
}

void journal_record(struct journal *j, const struct record *r, const struct policy_line *line)
{
	bool detection = entry_is_detection(r);
	struct ring *ring;
	struct entry *e;

	if (!j || (!detection && !within_rate(j)))
		return;
	ring = &j->rings[detection ? RING_DETECTIONS : RING_ROUTINE];
	e = ring_reserve(ring);
	if (!e)
		return;
	entry_from_record(e, r, line);
	memcpy(e->bundles, j->bundles, sizeof(e->bundles));
	ring_push(ring);
	wake(j);
}

void journal_set_bundles(struct journal *j, const char *text)
{
	if (j)
		(void)snprintf(j->bundles, sizeof(j->bundles), "%s", text); /* else cut */
}

void journal_event(struct journal *j, enum journal_event event, int priority, const char *fmt,
                   ...)
{
	struct entry *e;
	va_list ap;

	e = j ? ring_reserve(&j->rings[RING_OPERATION]) : NULL;
	if (!e)
		return;
	e->event = event;
	e->priority = priority;
	e->policy[0] = '\0';
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap); /* a longer text is cut */
	va_end(ap);
	ring_push(&j->rings[RING_OPERATION]);
	wake(j);
}

void journal_counts(const struct journal *j, struct journal_counts *ret)
{
	*ret = (struct journal_counts){
		.sent = counted(&j->n_sent),
		.dropped_detections = counted(&j->rings[RING_DETECTIONS].n_dropped),
		.dropped_operation = counted(&j->rings[RING_OPERATION].n_dropped),
		.dropped_routine = counted(&j->rings[RING_ROUTINE].n_dropped),
		.suppressed = counted(&j->n_suppressed),
	};
}

struct journal *journal_free(struct journal *j)
{
	struct timespec until;
	nsec_t deadline;

	if (!j)
		return NULL;
	deadline = clock_now() + JOURNAL_FLUSH_NSEC;
	until = (struct timespec){
		.tv_sec = (time_t)(deadline / NSEC_PER_SEC),
		.tv_nsec = (long)(deadline % NSEC_PER_SEC),
	};
	j->flush_deadline = deadline;
	/* Release: pairs with journal_run(); the deadline and all pushes come first. */
	atomic_store_explicit(&j->stopping, true, memory_order_release);
	wake(j);
	if (pthread_clockjoin_np(j->thread, NULL, CLOCK_MONOTONIC, &until) != 0)
		(void)pthread_detach(j->thread); /* blocked in a send: see the header */
	journal_unref(j);
	return NULL;
}

void journal_freep(struct journal **j)
{
	*j = journal_free(*j);
}
