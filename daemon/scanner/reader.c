/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader: takes events from the kernel, one per read(2)
 *
 * Owns: a slot from before the read until it is handed over or judged.
 * Must not own: policy. No allocation, no lock, no path look-up between read(2) and the lane (I4).
 * Hands off to: scanner_queue(), which owns the slot from then on; or worker_judge(), in this thread.
 *
 * The kernel writes the event straight into the slot, so that a crash right after read(2) leaves the
 * descriptor where slots_recover() finds it. One event per read: read(2) opens files inside the
 * kernel and may be slow for one of them (fanotify.md §3, §10).
 *
 * An open waits for two wake-ups, ours and its own, and each costs 60 us when a halted CPU has to be
 * interrupted but 4 us on the opener's own CPU. So there is a reader bound to each CPU (up to
 * READERS_MAX), and the one that takes a small file's event judges it too: a hand-over would be a
 * third wake-up. At least one reader always goes on reading (docs/adr/0010). Readers that are woken
 * for nothing step back for a moment (docs/adr/0019).
 */
#include "daemon/scanner/cached.h"
#include "daemon/scanner/rescue.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/fan.h"

#define LOOK_EVERY 16
/* Who takes this many events without another reader taking one asks the others to step back. */
#define STREAK_MAX 16
/* For so long. Also how long an event may wait when the one that stayed gets stuck in a small file. */
#define STEP_BACK_NSEC (8 * NSEC_PER_MSEC)
/* Before a file of more than this is judged, somebody is called back to read meanwhile. */
#define CALL_BACK_BYTES (16 * 1024)
#define STAY_NEAR_NSEC (30 * NSEC_PER_USEC)

bool reader_decode(struct slot *slot)
{
	struct fan_event ev;

	if (fan_parse(slot->raw, FAN_EVENT_BYTES, &ev) < 0 || ev.fd < 0)
		return false;
	slot->fd = ev.fd;
	slot->pid = ev.pid;
	slot->mask = ev.mask;
	slot->kind = ev.mask & FAN_MASK_HOLD ? SLOT_PERMISSION : SLOT_NOTICE;
	slot->read_at = clock_now();
	slot->wall_usec = clock_wall_usec();
	return true;
}

/* Ours too: with an overlay and its layer both watched, read(2) itself opens (fanotify.md §8). */
static bool is_own(const struct scanner *sc, int pid)
{
	const struct shared *sh = sc->cfg.shared;

	if (pid == sc->pid)
		return true;
	for (unsigned i = 0; i < OWN_PIDS_MAX; i++)
		if (i != OWN_CANARY &&
		    atomic_load_explicit(&sh->own_pids[i], memory_order_relaxed) == (uint32_t)pid)
			return true;
	return false;
}

/* Leave one reader reading, whatever the others are stuck in. */
static bool may_judge(struct scanner *sc)
{
	/* Relaxed: a count, nothing is published by it. */
	if (atomic_fetch_add_explicit(&sc->n_inline, 1, memory_order_relaxed) + 1 <
	    sc->cfg.settings.n_readers)
		return true;
	atomic_fetch_sub_explicit(&sc->n_inline, 1, memory_order_relaxed);
	return false;
}

static void judge_or_queue(struct reader *rd, struct job *job)
{
	struct scanner *sc = rd->worker.sc;

	if (!may_judge(sc)) {
		worker_foresee(&rd->worker, job);
		scanner_queue(sc, job);
		return;
	}
	if (job->st.st_size > CALL_BACK_BYTES)
		waitpoint_wake(&sc->reserve, 1);
	worker_judge(&rd->worker, job, job->st.st_size <= INLINE_BYTES);
	atomic_fetch_sub_explicit(&sc->n_inline, 1, memory_order_relaxed);
}

/* A file was written and closed: scanned in the background if a policy line asks for it. */
static void handle_notice(struct reader *rd, struct slot *slot)
{
	struct scanner *sc = rd->worker.sc;
	struct stats *stats = &sc->cfg.shared->stats;
	struct job *job = scanner_job(sc, slot);

	if (!job->canary)
		stats_add(stats, rd->worker.shard, COUNT_WRITE_CLOSE, 1);
	cached_written(sc, job);
	if (!sc->wants_write_close) {
		slot_release(sc->slots, slot);
		return;
	}
	if (atomic_load_explicit(&sc->n_notices, memory_order_relaxed) < NOTICES_MAX) {
		scanner_queue(sc, job);
		return;
	}
	stats_add(stats, rd->worker.shard, COUNT_SKIPPED, 1);
	slot_release(sc->slots, slot);
}

/* The others are woken for nothing. */
static void send_others_back(const struct scanner *sc, unsigned self)
{
	const uint64_t one = 1;

	for (unsigned i = 0; i < sc->cfg.settings.n_readers; i++)
		if (i != self)
			(void)!write(FD_BACK + (int)(sc->cfg.place * READERS_MAX + i), &one, sizeof(one));
}

/* More openers than one: there is work for others. */
static bool more_are_queued(void)
{
	struct pollfd pfd = {.fd = FD_GROUP, .events = POLLIN};

	return poll(&pfd, 1, 0) > 0;
}

/* An opener wakes the readers of all CPUs, and for one on an idle CPU that costs it 10 us: an interrupt.
 * The one on its own CPU is faster and takes the event; the other goes back to sleep inside
 * epoll_wait(2) without ever knowing. So the one that takes all events asks the others to step back
 * for a moment. */
static void note_taken(struct reader *rd)
{
	struct scanner *sc = rd->worker.sc;

	/* Relaxed: hints. */
	if (atomic_load_explicit(&sc->last_taker, memory_order_relaxed) != rd->number) {
		atomic_store_explicit(&sc->last_taker, rd->number, memory_order_relaxed);
		rd->streak = 0;
	}
	if (++rd->streak % STREAK_MAX != 0)
		return;
	if (more_are_queued())
		waitpoint_wake(&sc->reserve, 1);
	else if (sc->cfg.all_woken &&
	         atomic_load_explicit(&sc->n_on_duty, memory_order_relaxed) > 1)
		send_others_back(sc, rd->number);
}

/* It is judged all the same: for the record, and to find out whether judging works again. */
static void let_rescued_pass(struct reader *rd, struct job *job)
{
	struct scanner *sc = rd->worker.sc;
	const unsigned asker = RESCUE_READER(sc->cfg.place, rd->number);

	if (!sc->cfg.settings.rescue || !rescue_is_on(sc->cfg.shared, job->slot->read_at) ||
	    !rescue_passes(sc->cfg.shared, asker, job->slot->pid))
		return;
	cached_opened(sc, job);
	job->rescued = slot_answer(job->slot, FD_GROUP, false) == 0;
}

static void handle(struct reader *rd, struct slot *slot)
{
	struct scanner *sc = rd->worker.sc;
	struct stats *stats = &sc->cfg.shared->stats;
	const unsigned shard = rd->worker.shard;
	bool permission;

	if (!reader_decode(slot)) {
		/* No descriptor: the kernel could not open the file for us and has denied already
		 * (a write lease, EMFILE, an I/O error), or an overflow notice. */
		stats_add(stats, shard, COUNT_REFUSED_BY_KERNEL, 1);
		slot_untake(sc->slots, slot);
		return;
	}
	stats_add(stats, shard, scanner_is_canary(sc, slot->pid) ? COUNT_CANARY : COUNT_EVENTS, 1);
	permission = slot->kind == SLOT_PERMISSION;
	atomic_store_explicit(&slot->late_deny, sc->late_deny, memory_order_relaxed);
	if (permission)
		atomic_store_explicit(&slot->deadline, slot->read_at + sc->cfg.settings.timeout,
		                      memory_order_relaxed);
	slot_hold(slot);

	if (is_own(sc, slot->pid)) {
		stats_add(stats, shard, COUNT_OWN, 1);
		if (permission)
			(void)slot_answer(slot, FD_GROUP, false); /* gone: nothing to do */
		slot_release(sc->slots, slot);
		return;
	}
	if (permission) {
		struct job *job = scanner_job(sc, slot);

		let_rescued_pass(rd, job);
		judge_or_queue(rd, job);
	}
	if (!permission)
		handle_notice(rd, slot);
}

/* Return: false when the kernel's queue was empty. */
static bool read_one(struct reader *rd)
{
	struct scanner *sc = rd->worker.sc;
	struct slot *slot = scanner_take_slot(sc, &rd->hint);
	ssize_t n = read(FD_GROUP, slot->raw, FAN_EVENT_BYTES);

	if (n < 0) {
		int err = errno;

		slot_untake(sc->slots, slot);
		if (err != EAGAIN && err != EINTR) /* the open failed inside the kernel: denied */
			stats_add(&sc->cfg.shared->stats, rd->worker.shard,
			          COUNT_REFUSED_BY_KERNEL, 1);
		return err != EAGAIN;
	}
	note_taken(rd);
	handle(rd, slot);
	return true;
}

static void bind_to_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* only slower without */
}

/* After an answer the opener runs next, often on this CPU, so the reader goes to sleep with as few
 * calls as it can: it asks for more without waiting only while there was more the last time, and now
 * and then to find out. Return: there was more. */
static bool read_more(struct reader *rd, bool more)
{
	return (more || ++rd->n_waits % LOOK_EVERY == 0) && read_one(rd);
}

/* Woken for nothing: another reader was faster, and is judging. If this CPU fell idle now, the kernel
 * would wake the opener here, which takes five times as long as where it slept. Whoever else wants the
 * CPU gets it at once. Measured: docs/adr/0013. */
static void stay_near(struct scanner *sc)
{
	const nsec_t until = clock_now() + STAY_NEAR_NSEC;

	while (atomic_load_explicit(&sc->n_inline, memory_order_relaxed) && clock_now() < until)
		(void)sched_yield();
}

/* One always stays. Whoever steps back is called for files that take long, and comes back by itself. */
static void step_back(struct reader *rd)
{
	struct scanner *sc = rd->worker.sc;
	uint64_t n;

	(void)!read(FD_BACK + (int)(sc->cfg.place * READERS_MAX + rd->number), &n, sizeof(n));
	if (atomic_fetch_sub(&sc->n_on_duty, 1) > 1) {
		uint32_t key = waitpoint_prepare(&sc->reserve);

		(void)waitpoint_wait(&sc->reserve, key, clock_now() + STEP_BACK_NSEC);
	}
	atomic_fetch_add(&sc->n_on_duty, 1);
}

/* Return: there may be something to read. */
static bool await_event(struct reader *rd)
{
	struct epoll_event ev = {0};

	(void)epoll_wait(rd->epoll_fd, &ev, 1, -1); /* EINTR: look again */
	if (ev.data.u32 != EVENT_BACK)
		return true;
	step_back(rd);
	return false;
}

void *reader_main(void *arg)
{
	struct reader *rd = arg;
	struct scanner *sc = rd->worker.sc;
	bool more = false;

	bind_to_cpu(rd->cpu);
	scanner_await_start(sc);
	while (!atomic_load_explicit(&sc->stop_reading, memory_order_relaxed)) {
		if (atomic_load_explicit(&sc->finish, memory_order_relaxed)) {
			if (!read_one(rd))
				break;
			continue;
		}
		if (!more) {
			if (await_event(rd) && !read_one(rd))
				stay_near(sc);
		}
		more = read_more(rd, more);
	}
	if (atomic_fetch_sub(&sc->n_reading, 1) == 1)
		atomic_store(&sc->cfg.shared->place[sc->cfg.place].quiet, 1);
	waitpoint_wake(&sc->slots->freed, INT32_MAX);
	return NULL;
}
