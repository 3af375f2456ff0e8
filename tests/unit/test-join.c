/* SPDX-License-Identifier: Apache-2.0 */
/* Join: who joins whom, and every job put aside comes back exactly once, whoever scans */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "daemon/scanner/cached.h"
#include "daemon/scanner/join.h"
#include "unit.h"

#define MAX_SIZE   (1ULL << 20)
#define N_THREADS  4U
#define N_ROUNDS   20000U
#define N_INODES   3U /* fewer than threads: they meet */

static struct scanner sc;
static struct worker worker = {.sc = &sc};
static uint64_t name;

/* Of the module that is not under test. */
uint64_t cached_name(const struct inquiry *q)
{
	(void)q;
	return name;
}

bool inquiry_opens(const struct inquiry *q)
{
	return q->line && q->line->archives == ARCHIVES_YES;
}

static void world(void)
{
	memset(&sc, 0, sizeof(sc));
	sc.slots = calloc(1, slots_bytes(N_SLOTS));
	sc.jobs = calloc(N_SLOTS, sizeof(*sc.jobs));
	sc.joins = aligned_alloc(CACHELINE_BYTES, JOIN_PLACES * sizeof(*sc.joins));
	ck_assert(sc.slots && sc.jobs && sc.joins);
	memset(sc.joins, 0, JOIN_PLACES * sizeof(*sc.joins));
	slots_init(sc.slots, N_SLOTS);
	for (uint32_t i = 0; i < N_SLOTS; i++)
		sc.jobs[i].slot = &sc.slots->slot[i];
}

static struct inquiry about(uint32_t index, uint64_t ino)
{
	struct job *job = &sc.jobs[index];

	job->st = (struct stat){.st_dev = 7, .st_ino = ino, .st_size = 4096, .st_uid = 1000};
	return (struct inquiry){.w = &worker, .job = job};
}

static unsigned length(const struct job *job)
{
	unsigned n = 0;

	for (; job; job = job->joined)
		n++;
	return n;
}

START_TEST(join_wait_nobody_scans_does_not_join)
{
	struct inquiry q;

	world();
	q = about(0, 1);
	ck_assert(!join_wait(&q, MAX_SIZE));
}
END_TEST

START_TEST(join_end_returns_the_oldest_first)
{
	struct inquiry leader, q;
	struct join_place *p;
	struct job *list;
	nsec_t began = 1;

	world();
	leader = about(0, 1);
	p = join_open(&leader, MAX_SIZE);
	ck_assert_ptr_nonnull(p);
	for (uint32_t i = 1; i <= 3; i++) {
		q = about(i, 1);
		ck_assert(join_wait(&q, MAX_SIZE));
	}
	list = join_end(&sc, p, &began);
	ck_assert_uint_eq(began, 0); /* join_began() was not called: nothing is right for anybody */
	ck_assert_uint_eq(length(list), 3);
	ck_assert_ptr_eq(list, &sc.jobs[1]);
	ck_assert_ptr_eq(list->joined, &sc.jobs[2]);
	q = about(4, 1);
	ck_assert(!join_wait(&q, MAX_SIZE)); /* the scan is over */
}
END_TEST

START_TEST(join_open_twice_the_second_is_not_joined)
{
	struct inquiry a, b;
	struct join_place *p;
	nsec_t began;

	world();
	a = about(0, 1);
	b = about(1, 1);
	p = join_open(&a, MAX_SIZE);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_null(join_open(&b, MAX_SIZE));
	ck_assert_ptr_null(join_end(&sc, p, &began));
	ck_assert_ptr_nonnull(join_open(&b, MAX_SIZE));
}
END_TEST

/* Each of what tells two states of a file, or two questions about it, apart. */
START_TEST(join_wait_another_state_does_not_join)
{
	static const struct policy_line opening = {.archives = ARCHIVES_YES};
	struct inquiry leader, q;

	world();
	leader = about(0, 1);
	ck_assert_ptr_nonnull(join_open(&leader, MAX_SIZE));
	for (unsigned what = 0; what < 9; what++) {
		q = about(1, 1);
		switch (what) {
		case 0: q.job->st.st_ino = 1 + (1ULL << 40); break;
		case 1: q.job->st.st_dev = 8; break;
		case 2: q.job->st.st_size++; break;
		case 3: q.job->st.st_mtim.tv_nsec++; break;
		case 4: q.job->st.st_ctim.tv_nsec++; break;
		case 5: q.job->st.st_uid++; break;
		case 6: break; /* another limit of size, below */
		case 7: q.line = &opening; break;
		default: sc.uses_names = true, name = 5; break;
		}
		ck_assert_msg(!join_wait(&q, MAX_SIZE + (what == 6)), "difference %u", what);
	}
	sc.uses_names = false;
	q = about(1, 1);
	ck_assert(join_wait(&q, MAX_SIZE));
}
END_TEST

START_TEST(join_shares_only_what_began_later_and_is_no_error)
{
	struct finding clean = {.verdict = VERDICT_CLEAN}, error = {.verdict = VERDICT_ERROR};
	struct inquiry q;

	world();
	q = about(0, 1);
	q.job->slot->read_at = 100;
	ck_assert(join_shares(q.job, &clean, 100));
	ck_assert(!join_shares(q.job, &clean, 99));
	ck_assert(!join_shares(q.job, &clean, 0)); /* never began */
	ck_assert(!join_shares(q.job, &error, 200));
}
END_TEST

/* --- threads ------------------------------------------------------------------------------ */

static _Atomic unsigned n_alone, n_led, n_joined, n_returned, n_twice, n_strangers;
static _Atomic unsigned busy[N_SLOTS]; /* 1: put aside, to be returned once */

static void take_back(struct job *job, ino_t ino)
{
	while (job) {
		struct job *next = job->joined;

		if (job->st.st_ino != ino)
			atomic_fetch_add(&n_strangers, 1);
		if (atomic_exchange(&busy[job - sc.jobs], 0) != 1)
			atomic_fetch_add(&n_twice, 1);
		atomic_fetch_add(&n_returned, 1);
		job = next;
	}
}

/* Each thread has slots of its own, and uses one again only when it has come back. */
static void *open_files(void *arg)
{
	const uint32_t first = (uint32_t)(uintptr_t)arg * (N_SLOTS / N_THREADS);
	uint32_t at = 0;
	nsec_t began;

	for (unsigned i = 0; i < N_ROUNDS; i++) {
		const uint32_t index = first + at++ % (N_SLOTS / N_THREADS);
		struct join_place *p;
		struct inquiry q;

		if (atomic_load(&busy[index]))
			continue;
		q = about(index, 1 + i % N_INODES);
		atomic_store(&busy[index], 1); /* before it can be returned */
		if (join_wait(&q, MAX_SIZE)) {
			atomic_fetch_add(&n_joined, 1);
			continue;
		}
		atomic_store(&busy[index], 0);
		p = join_open(&q, MAX_SIZE);
		if (!p) {
			atomic_fetch_add(&n_alone, 1);
			continue;
		}
		join_began(p);
		for (unsigned spin = 0; spin < i % 64; spin++)
			(void)sched_yield();
		atomic_fetch_add(&n_led, 1);
		take_back(join_end(&sc, p, &began), q.job->st.st_ino);
	}
	return NULL;
}

START_TEST(join_many_threads_each_job_comes_back_once)
{
	pthread_t threads[N_THREADS];

	world();
	for (uintptr_t i = 0; i < N_THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, open_files, (void *)i), 0);
	for (unsigned i = 0; i < N_THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	printf("%u led, %u joined, %u alone\n", n_led, n_joined, n_alone);
	ck_assert_uint_eq(n_returned, n_joined);
	ck_assert_uint_eq(n_twice, 0);
	ck_assert_uint_eq(n_strangers, 0);
	ck_assert_uint_gt(n_joined, 100); /* else nothing was tried */
	ck_assert_uint_gt(n_led, 100);
}
END_TEST

UNIT_MAIN("join", join_wait_nobody_scans_does_not_join, join_end_returns_the_oldest_first,
          join_open_twice_the_second_is_not_joined, join_wait_another_state_does_not_join,
          join_shares_only_what_began_later_and_is_no_error,
          join_many_threads_each_job_comes_back_once)
