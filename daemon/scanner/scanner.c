/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scanner process
 *
 * Owns: its threads, the lanes, and the order start -> seal -> read -> drain -> exit.
 * Must not own: descriptors of events (slots do), rules and policy (the keeper loaded them).
 * Hands off to: readers, workers, the deadline thread.
 *
 * The process was made by clone3(CLONE_FILES) from the single-threaded keeper: same descriptor
 * table, own memory. It leaves with _exit(): the keeper's atexit handlers are not ours.
 */
#include "daemon/scanner/cached.h"
#include "daemon/scanner/join.h"
#include "daemon/scanner/solo.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/sandbox.h"

/* A scanner that cannot start says so by its exit code; the keeper reports it. */
enum { EXIT_DRAINED = 0, EXIT_SEAL = 70, EXIT_MEMORY = 71, EXIT_THREAD = 72 };

#define THREAD_STACK_BYTES (512 * 1024) /* libyara recurses in regex code; measured use < 100 KiB */

static void prepare(struct scanner *sc, const struct scanner_config *cfg)
{
	const struct policy *p = cfg->policy;
	struct ruleset_counts counts;
	size_t n = policy_n_lines(p);

	memset(sc, 0, sizeof(*sc));
	sc->cfg = *cfg;
	sc->slots = shared_slots(cfg->shared);
	sc->pid = getpid();
	sc->min_timeout = policy_min_timeout(p, cfg->settings.timeout);
	sc->wants_write_close = policy_wants_write_close(p);
	sc->opens_archives = policy_opens_archives(p);
	ruleset_counts(cfg->rules, &counts);
	sc->has_rules = counts.n_yara > 0;
	sc->uses_names = ruleset_uses_names(cfg->rules);
	sc->uses_owner = ruleset_uses_owner(cfg->rules);
	sc->uses_time = ruleset_uses_time(cfg->rules);
	sc->rules_id = id_word(ruleset_yara_id(cfg->rules));
	sc->lists_id = id_word(ruleset_hash_id(cfg->rules));
	sc->late_deny = n && policy_line(p, n - 1)->on_error == ON_ERROR_DENY;
	sc->n_large_max = MAX(1U, cfg->settings.n_workers - 1);
	for (unsigned i = 0; i < N_LANES; i++)
		lane_init(&sc->lanes[i]);
	sc->jobs = calloc(N_SLOTS, sizeof(*sc->jobs));
	sc->joins = aligned_alloc(CACHELINE_BYTES, JOIN_PLACES * sizeof(*sc->joins));
	if (!sc->jobs || !sc->joins)
		_exit(EXIT_MEMORY);
	solo_init(sc);
	memset(sc->joins, 0, JOIN_PLACES * sizeof(*sc->joins));
}

static void start_thread(struct scanner *sc, void *(*fn)(void *), void *arg, const char *name)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (pthread_attr_init(&attr) != 0 ||
	    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES) != 0 ||
	    pthread_create(&thread, &attr, fn, arg) != 0)
		_exit(EXIT_THREAD);
	(void)pthread_setname_np(thread, name); /* for humans only */
	sc->n_threads++;
	(void)pthread_attr_destroy(&attr);
}

static void init_worker(struct scanner *sc, struct worker *w, unsigned shard)
{
	w->sc = sc;
	w->shard = shard;
	if (engine_new(sc->cfg.rules, sc->cfg.settings.whole_bytes, &w->engine) < 0)
		_exit(EXIT_MEMORY);
}

static void start_workers(struct scanner *sc)
{
	for (unsigned i = 0; i < sc->cfg.settings.n_workers; i++) {
		struct worker *w = calloc(1, sizeof(*w));

		if (!w)
			_exit(EXIT_MEMORY);
		init_worker(sc, w, 1 + READERS_MAX + i);
		if (arc_walker_new(&sc->cfg.settings.archives, &w->archives) < 0)
			_exit(EXIT_MEMORY);
		if (sc->cfg.settings.payloads &&
		    payload_walker_new(&payload_limits_default, &w->payloads) < 0)
			_exit(EXIT_MEMORY);
		w->may_wait = true;
		start_thread(sc, worker_main, w, "worker");
	}
}

/* The i-th CPU this process may run on; -1 when there are not that many. */
static int nth_cpu(const cpu_set_t *allowed, unsigned i)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, allowed) && i-- == 0)
			return cpu;
	return -1;
}

static void start_readers(struct scanner *sc)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	(void)sched_getaffinity(0, sizeof(allowed), &allowed); /* empty: readers stay unbound */
	for (unsigned i = 0; i < sc->cfg.settings.n_readers; i++) {
		struct reader *rd = calloc(1, sizeof(*rd));

		if (!rd)
			_exit(EXIT_MEMORY);
		init_worker(sc, &rd->worker, 1 + i);
		rd->epoll_fd = FD_EPOLL + (int)(sc->cfg.place * READERS_MAX + i);
		rd->cpu = nth_cpu(&allowed, i);
		rd->hint = i * (N_SLOTS / READERS_MAX);
		rd->number = i;
		atomic_fetch_add(&sc->n_reading, 1);
		atomic_fetch_add(&sc->n_on_duty, 1);
		start_thread(sc, reader_main, rd, "reader");
	}
}

/* An instance that died right after read(2) had not come to setting a deadline. */
static void give_deadline(const struct scanner *sc, struct slot *slot)
{
	if (slot->kind != SLOT_PERMISSION ||
	    atomic_load_explicit(&slot->deadline, memory_order_relaxed) != SLOT_NO_DEADLINE)
		return;
	atomic_store_explicit(&slot->late_deny, sc->late_deny, memory_order_relaxed);
	atomic_store_explicit(&slot->deadline, slot->read_at + sc->cfg.settings.timeout,
	                      memory_order_relaxed);
}

/* Judge again what a dead instance left behind (I7). */
static void adopt_orphans(struct scanner *sc)
{
	static struct worker finder; /* has room for a path */

	finder.sc = sc;
	for (uint32_t i = 0; i < sc->slots->n; i++) {
		struct slot *slot = &sc->slots->slot[i];
		struct job *job;

		if (!slot_adopt(slot, sc->cfg.number))
			continue;
		give_deadline(sc, slot);
		job = scanner_job(sc, slot);
		if (slot->kind == SLOT_PERMISSION)
			worker_foresee(&finder, job);
		scanner_queue(sc, job);
	}
	waitpoint_wake(&sc->adopted, 1);
}

/* Wait for readers to leave, then until nothing is in flight here. */
static _Noreturn void drain(struct scanner *sc)
{
	struct instance *in = &sc->cfg.shared->place[sc->cfg.place];

	for (;;) {
		uint32_t key = waitpoint_prepare(&sc->slots->freed);

		if (atomic_load(&sc->n_reading) == 0 &&
		    !slots_any_owned(sc->slots, sc->cfg.number)) {
			atomic_store(&in->pid, 0); /* nobody need wait until we are buried */
			_exit(EXIT_DRAINED);
		}
		if (atomic_fetch_and(&in->commands, ~(uint32_t)COMMAND_PING) & COMMAND_PING)
			atomic_fetch_add(&in->pongs, 1);
		/* Each slot set free wakes one waiter; another waiter may have eaten ours. */
		(void)waitpoint_wait(&sc->slots->freed, key, clock_now() + 10 * NSEC_PER_MSEC);
	}
}

static void kick(int fd)
{
	const uint64_t one = 1;

	(void)!write(fd, &one, sizeof(one)); /* EAGAIN: already as awake as can be */
}

static _Noreturn void obey(struct scanner *sc)
{
	struct instance *in = &sc->cfg.shared->place[sc->cfg.place];
	int command_fd = FD_COMMAND + (int)sc->cfg.place;

	for (;;) {
		uint32_t commands = atomic_exchange(&in->commands, 0);
		uint64_t n;

		if (commands & COMMAND_PING)
			atomic_fetch_add(&in->pongs, 1);
		if (commands & COMMAND_ADOPT)
			adopt_orphans(sc);
		if (commands & (COMMAND_DRAIN | COMMAND_FINISH)) {
			atomic_store(commands & COMMAND_DRAIN ? &sc->stop_reading : &sc->finish,
			             true);
			kick(FD_STOP + (int)sc->cfg.place);
			drain(sc);
		}
		(void)!read(command_fd, &n, sizeof(n)); /* EINTR: look again */
	}
}

/* Another table is going to read the group (I1), or nobody: finish what is in flight,
 * leave the kernel's queue to whoever comes. Sent by a supervisor that has no keeper to
 * say so, and by us (request.c). That the keeper has died is no reason: the anchor
 * clones another, and we go on meanwhile. */
static struct instance *leaving_place;
static int leaving_command_fd;

static void on_leave(int sig)
{
	(void)sig;
	atomic_fetch_or(&leaving_place->commands, COMMAND_DRAIN);
	kick(leaving_command_fd);
}

static void await_leave(struct scanner *sc)
{
	struct sigaction sa = {.sa_handler = on_leave};

	leaving_place = &sc->cfg.shared->place[sc->cfg.place];
	leaving_command_fd = FD_COMMAND + (int)sc->cfg.place;
	(void)sigaction(SIGUSR1, &sa, NULL); /* cannot fail for a valid signal */
}

void scanner_leave(void)
{
	on_leave(SIGUSR1);
}

/* The seal holds for all threads at once, and one that is still being started by the C library
 * registers itself with the kernel (rseq): refused, it aborts the process. */
static void await_threads(struct scanner *sc)
{
	for (;;) {
		uint32_t key = waitpoint_prepare(&sc->control);

		if (atomic_load(&sc->n_started) == sc->n_threads) {
			waitpoint_cancel(&sc->control);
			return;
		}
		(void)waitpoint_wait(&sc->control, key, 0);
	}
}

/* Before there are threads. Without the one it may be paged out, without the other the kernel ends it when there is no
 * memory left: slower, or a scanner replaced. */
static void bound_memory(const struct scanner_config *cfg)
{
	if (cfg->locks_memory)
		(void)sandbox_lock_memory();
#ifndef CUSTOS_SANITIZED /* terabytes of shadow */
	(void)sandbox_limit_memory(cfg->settings.scanner_memory_bytes);
#endif
}

void scanner_run(const struct scanner_config *cfg)
{
	static struct scanner sc; /* one per process; zeroed pages of its own after the clone */
	sigset_t usr1, all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL); /* threads inherit: only main takes SIGUSR1 */
	(void)prctl(PR_SET_NAME, "custos-scanner");
	atomic_store(&cfg->shared->place[cfg->place].pid, (uint32_t)getpid());
	/* The keeper's are for rules. Of what is allocated for a file, up to that of libyara for 14,000 rules stays. */
	(void)mallopt(M_MMAP_THRESHOLD, 4 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 8 << 20);
	bound_memory(cfg);
	prepare(&sc, cfg);
	await_leave(&sc);
	crash_watch(&sc);
	crash_watch_thread();

	start_workers(&sc);
	start_thread(&sc, deadline_main, &sc, "deadline");
	start_thread(&sc, request_main, &sc, "request");
	start_readers(&sc);
	await_threads(&sc);
	if (scanner_seal() < 0)
		_exit(EXIT_SEAL);
	(void)sigemptyset(&usr1);
	(void)sigaddset(&usr1, SIGUSR1);
	(void)sigprocmask(SIG_UNBLOCK, &usr1, NULL);

	/* Readers and requests wait for this: nothing hostile is read before the seal (I3). */
	atomic_store(&cfg->shared->place[cfg->place].sealed, 1);
	atomic_store(&sc.threads_ready, 1);
	waitpoint_wake(&sc.control, INT32_MAX);
	adopt_orphans(&sc);
	cached_prepare(&sc);
	obey(&sc);
}

static void fill_job(struct job *job, struct slot *slot)
{
	job->slot = slot;
	job->place = NULL;
	job->rescued = false;
	job->unpacks = false;
	job->stat_error = fstat(slot->fd, &job->st) < 0 ? -errno : 0;
	if (job->stat_error)
		memset(&job->st, 0, sizeof(job->st));
}

struct job *scanner_job(struct scanner *sc, struct slot *slot)
{
	struct job *job = &sc->jobs[slot_index(sc->slots, slot)];

	fill_job(job, slot);
	job->canary = scanner_is_canary(sc, slot->pid);
	return job;
}

void scanner_queue(struct scanner *sc, struct job *job)
{
	if (job->slot->kind == SLOT_NOTICE)
		atomic_fetch_add_explicit(&sc->n_notices, 1, memory_order_relaxed);
	scanner_requeue(sc, job);
}

void scanner_requeue(struct scanner *sc, struct job *job)
{
	unsigned lane;

	if (job->slot->kind != SLOT_PERMISSION)
		lane = LANE_BACKGROUND;
	else
		lane = job->st.st_size >= LARGE_BYTES || job->unpacks ? LANE_LARGE : LANE_SMALL;
	lane_push(&sc->lanes[lane], &job->node);
	waitpoint_wake(&sc->work, 1);
}

struct slot *scanner_take_slot(struct scanner *sc, uint32_t *hint)
{
	struct slots *slots = sc->slots;

	for (;;) {
		struct slot *slot = slots_take(slots, sc->cfg.number, hint);
		uint32_t key;

		if (slot)
			return slot;
		key = waitpoint_prepare(&slots->freed);
		slot = slots_take(slots, sc->cfg.number, hint);
		if (slot) {
			waitpoint_cancel(&slots->freed);
			return slot;
		}
		/* Bounded, because a scanner that died may have been the one to wake us. */
		(void)waitpoint_wait(&slots->freed, key, clock_now() + 100 * NSEC_PER_MSEC);
	}
}

void scanner_await_start(struct scanner *sc)
{
	crash_watch_thread();
	atomic_fetch_add(&sc->n_started, 1);
	waitpoint_wake(&sc->control, INT32_MAX);
	while (!atomic_load(&sc->threads_ready)) {
		uint32_t key = waitpoint_prepare(&sc->control);

		if (atomic_load(&sc->threads_ready))
			waitpoint_cancel(&sc->control);
		else
			(void)waitpoint_wait(&sc->control, key, 0);
	}
}
