/* SPDX-License-Identifier: Apache-2.0 */
/* Cache: nothing is found that was dropped, in whatever order threads run or die */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cache.h"
#include "unit.h"

#define LIMIT_BYTES (256 * 1024)
#define SEED        7

static _Atomic uint64_t *epoch; /* shared with children */
static struct cache cache;
static struct cache_putter self = {.holder = 1};

static bool all_dead(void *userdata, uint32_t holder)
{
	(void)userdata;
	(void)holder;
	return false;
}

static bool all_alive(void *userdata, uint32_t holder)
{
	(void)userdata;
	(void)holder;
	return true;
}

static void setup_bytes(size_t limit)
{
	size_t bytes = cache_bytes(limit);

	epoch = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cache_open(&cache,
	           mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
	           bytes, epoch, SEED);
	self.alive = all_alive;
}

static struct cache_key key_of(uint64_t ino)
{
	return (struct cache_key){.dev = 3, .ino = ino};
}

/* A value all of whose words say the same, so that a mixture shows. */
static bool put_ticket(uint64_t ino, uint64_t what, struct cache_ticket t)
{
	struct cache_key key = key_of(ino);
	struct cache_value v;

	for (int i = 0; i < CACHE_VALUE_WORDS; i++)
		v.word[i] = what;
	return cache_put(&cache, &key, t, &v, &self);
}

static bool put(uint64_t ino, uint64_t what)
{
	struct cache_key key = key_of(ino);

	return put_ticket(ino, what, cache_begin(&cache, &key));
}

/* Return: what was stored; UINT64_MAX for nothing. */
static uint64_t get(uint64_t ino)
{
	struct cache_key key = key_of(ino);
	struct cache_value v;

	if (!cache_get(&cache, &key, &v))
		return UINT64_MAX;
	for (int i = 1; i < CACHE_VALUE_WORDS; i++)
		ck_assert_uint_eq(v.word[i], v.word[0]);
	return v.word[0];
}

static void drop(uint64_t ino)
{
	struct cache_key key = key_of(ino);

	cache_drop(&cache, &key);
}

START_TEST(cache_get_stored_found)
{
	struct cache_key key = key_of(5), other = {.dev = 4, .ino = 5};

	setup_bytes(LIMIT_BYTES);
	ck_assert(!cache_has(&cache, &key));
	ck_assert_uint_eq(get(5), UINT64_MAX);
	ck_assert(put(5, 50));
	ck_assert(cache_has(&cache, &key));
	ck_assert_uint_eq(get(5), 50);
	ck_assert(put(5, 51)); /* takes its own place */
	ck_assert_uint_eq(get(5), 51);
	ck_assert(!cache_has(&cache, &other));
	ck_assert_uint_eq(get(6), UINT64_MAX);
}
END_TEST

START_TEST(cache_drop_stored_gone)
{
	setup_bytes(LIMIT_BYTES);
	ck_assert(put(5, 50));
	ck_assert(put(6, 60));
	drop(5);
	ck_assert_uint_eq(get(5), UINT64_MAX);
	ck_assert_uint_eq(get(6), 60);
	ck_assert(put(5, 52));
	ck_assert_uint_eq(get(5), 52);
}
END_TEST

START_TEST(cache_put_dropped_since_ticket_refused)
{
	struct cache_key key = key_of(5);
	struct cache_ticket t;

	setup_bytes(LIMIT_BYTES);
	t = cache_begin(&cache, &key);
	drop(5); /* nothing was stored yet: it counts all the same */
	ck_assert(!put_ticket(5, 50, t));
	ck_assert_uint_eq(get(5), UINT64_MAX);
	ck_assert(put(5, 51));
}
END_TEST

START_TEST(cache_clear_everything_gone)
{
	struct cache_key key = key_of(5);
	struct cache_ticket t;

	setup_bytes(LIMIT_BYTES);
	for (uint64_t i = 0; i < 100; i++)
		ck_assert(put(i, i));
	t = cache_begin(&cache, &key);
	cache_clear(&cache);
	for (uint64_t i = 0; i < 100; i++)
		ck_assert_uint_eq(get(i), UINT64_MAX);
	(void)put_ticket(5, 50, t); /* found out before: it may be stored, but never found */
	ck_assert_uint_eq(get(5), UINT64_MAX);
	ck_assert(put(5, 51));
	ck_assert_uint_eq(get(5), 51);
}
END_TEST

START_TEST(cache_put_full_keeps_what_is_used)
{
	const uint64_t n = 100000, hot = 20;

	setup_bytes(LIMIT_BYTES);
	for (uint64_t i = 0; i < n; i++) {
		if (get(i % hot) == UINT64_MAX)
			ck_assert(put(i % hot, 1));
		ck_assert(put(1000 + i, 2));
	}
	/* Some were pushed out now and then; asked for again, they are there. */
	for (uint64_t i = 0; i < hot; i++)
		(void)(get(i) == UINT64_MAX && put(i, 1));
	for (uint64_t i = 0; i < hot; i++)
		ck_assert_uint_eq(get(i), 1);
	ck_assert_uint_eq(get(1000), UINT64_MAX); /* long gone */
}
END_TEST

START_TEST(cache_put_full_hot_hit_ratio)
{
	uint64_t misses = 0;
	const uint64_t n = 50000, hot = 300; /* a fifth of the entries */

	setup_bytes(LIMIT_BYTES); /* 204 sets, 1632 entries */
	for (uint64_t i = 0; i < n; i++) {
		if (get(i % hot) == UINT64_MAX) {
			misses++;
			(void)put(i % hot, 1);
		}
		(void)put(100000 + i, 2); /* as many that come once */
	}
	ck_assert_uint_lt(misses, n / 10);
}
END_TEST

START_TEST(cache_bytes_limits)
{
	size_t one = cache_bytes(0);

	ck_assert_uint_gt(one, 0);
	ck_assert_uint_eq(cache_bytes(one), one);
	ck_assert_uint_eq(cache_bytes(2 * one - 1), one);
	ck_assert_uint_eq(cache_bytes(2 * one), 2 * one);
	setup_bytes(0);
	for (uint64_t i = 0; i < 1000; i++) {
		ck_assert(put(i, i));
		ck_assert_uint_eq(get(i), i);
	}
}
END_TEST

/* --- threads: a file whose version must never be found to be an older one --- */

#define FILES  6U
#define ROUNDS 60000U
#define ENOUGH 1000U

static struct {
	_Atomic uint64_t version;
	_Atomic int writers;
} file[FILES];
static _Atomic bool stop;
static _Atomic uint64_t n_found, n_stored;

/* As an open for writing: counted first, then announced, then the change. */
static void *writer_main(void *arg)
{
	(void)arg;
	/* Until the others have had their turn, too. */
	for (unsigned i = 0; i < ROUNDS || n_found <= ENOUGH || n_stored <= ENOUGH; i++) {
		unsigned f = i % FILES;

		atomic_fetch_add(&file[f].writers, 1);
		drop(f);
		atomic_fetch_add(&file[f].version, 1);
		atomic_fetch_sub(&file[f].writers, 1);
		for (int pause = 0; pause < 200; pause++)
			__asm__ volatile("" ::: "memory");
	}
	atomic_store(&stop, true);
	return NULL;
}

/* As a scan: ticket, no writer, read, no writer, store. */
static void scan_file(unsigned f)
{
	struct cache_key key = key_of(f);
	struct cache_ticket t = cache_begin(&cache, &key);
	uint64_t version;

	if (atomic_load(&file[f].writers))
		return;
	version = atomic_load(&file[f].version);
	if (!atomic_load(&file[f].writers) && put_ticket(f, version, t))
		atomic_fetch_add(&n_stored, 1);
}

static void *reader_main(void *arg)
{
	unsigned f = (unsigned)(uintptr_t)arg;

	for (; !atomic_load(&stop); f++) {
		uint64_t version = atomic_load(&file[f % FILES].version);
		uint64_t found = get(f % FILES);

		if (found == UINT64_MAX) {
			scan_file(f % FILES);
			continue;
		}
		ck_assert_uint_ge(found, version);
		atomic_fetch_add(&n_found, 1);
	}
	return NULL;
}

START_TEST(cache_threads_never_find_what_was_dropped)
{
	pthread_t thread[4];

	setup_bytes(0); /* one set: they all meet */
	atomic_store(&stop, false);
	for (uintptr_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, i ? reader_main : writer_main,
		                                (void *)i), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
}
END_TEST

static _Noreturn void store_for_ever(void)
{
	self.holder = 2;
	for (uint64_t i = 0;; i++)
		(void)put(i % 64, i);
}

START_TEST(cache_put_after_holder_died_works)
{
	unsigned refused = 0;

	setup_bytes(8 * cache_bytes(0));
	for (int round = 0; round < 200; round++) {
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			store_for_ever();
		(void)usleep(500 + (useconds_t)round * 7);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		self.alive = all_alive;
		for (uint64_t i = 0; i < 64; i++) {
			refused += !put(i, 1000 + i);
			drop(i);
		}
		self.alive = all_dead;
		for (uint64_t i = 0; i < 64; i++) {
			ck_assert(put(i, 2000 + i));
			ck_assert_uint_eq(get(i), 2000 + i);
		}
	}
	ck_assert_uint_gt(refused, 0); /* else no child died while it held a set: nothing shown */
}
END_TEST

UNIT_MAIN("cache", cache_get_stored_found, cache_drop_stored_gone,
          cache_put_dropped_since_ticket_refused, cache_clear_everything_gone,
          cache_put_full_keeps_what_is_used, cache_put_full_hot_hit_ratio, cache_bytes_limits,
          cache_threads_never_find_what_was_dropped, cache_put_after_holder_died_works)
