/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory and the counters that live in it */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/shm.h"
#include "custos/stats.h"
#include "unit.h"

#define BYTES 8192U

START_TEST(shm_new_other_mapping_sees_the_same_bytes)
{
	char *a, *b;
	int fd = shm_new("test", BYTES, (void **)&a);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(shm_map(fd, BYTES, (void **)&b), 0);
	ck_assert_ptr_ne(a, b);
	ck_assert_int_eq(a[0] | a[BYTES - 1], 0);
	a[BYTES - 1] = 7;
	ck_assert_int_eq(b[BYTES - 1], 7);
}
END_TEST

START_TEST(shm_new_size_cannot_change)
{
	void *map;
	int fd = shm_new("test", BYTES, &map);

	ck_assert_int_eq(ftruncate(fd, BYTES - 1), -1);
	ck_assert_int_eq(ftruncate(fd, BYTES + 1), -1);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* nor be sealed further */
}
END_TEST

START_TEST(shm_map_other_size_is_refused)
{
	void *map;
	int fd = shm_new("test", BYTES, &map);

	ck_assert_int_eq(shm_map(fd, BYTES - 1, &map), -EBADMSG);
	ck_assert_int_eq(shm_map(fd, BYTES + 1, &map), -EBADMSG);
}
END_TEST

START_TEST(shm_map_unsealed_is_refused)
{
	void *map;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_eq(ftruncate(fd, BYTES), 0);
	ck_assert_int_eq(shm_map(fd, BYTES, &map), -EBADMSG);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	ck_assert_int_eq(shm_map(fd, BYTES, &map), -EBADMSG);
}
END_TEST

START_TEST(shm_map_no_memory_file_fails)
{
	int fds[2];
	void *map;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_lt(shm_map(fds[0], BYTES, &map), 0);
	ck_assert_int_eq(shm_map(-1, BYTES, &map), -EBADF);
}
END_TEST

START_TEST(shm_from_bytes_is_a_copy_nobody_can_change)
{
	char text[] = "rules", back[16] = "";
	int fd = shm_from_bytes("test", text, sizeof(text));
	struct stat st;

	ck_assert_int_ge(fd, 0);
	text[0] = 'X';
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, sizeof(text));
	ck_assert_int_eq(pread(fd, back, sizeof(back), 0), sizeof(text));
	ck_assert_str_eq(back, "rules");
	ck_assert_int_eq(pwrite(fd, "Y", 1, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_eq(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
}
END_TEST

START_TEST(shm_from_bytes_nothing_is_an_empty_file)
{
	struct stat st;
	int fd = shm_from_bytes("test", "", 0);

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
}
END_TEST

static struct stats stats;

static void *count(void *arg)
{
	for (unsigned i = 0; i < 20000; i++) {
		stats_add(&stats, (unsigned)(uintptr_t)arg, 0, 1);
		stats_add(&stats, (unsigned)(uintptr_t)arg, STATS_COUNTERS - 1, 3);
	}
	return NULL;
}

START_TEST(stats_sum_threads_beyond_the_shards_share_one)
{
	static const unsigned shards[] = {0, 1, STATS_SHARDS - 1, STATS_SHARDS};
	pthread_t thread[4];

	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, count,
		                                (void *)(uintptr_t)shards[i]), 0);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_uint_eq(stats_sum(&stats, 0), 80000);
	ck_assert_uint_eq(stats_sum(&stats, STATS_COUNTERS - 1), 240000);
	ck_assert_uint_eq(stats_sum(&stats, 1), 0);
}
END_TEST

UNIT_MAIN("shm", shm_new_other_mapping_sees_the_same_bytes, shm_new_size_cannot_change,
          shm_map_other_size_is_refused, shm_map_unsealed_is_refused,
          shm_map_no_memory_file_fails, shm_from_bytes_is_a_copy_nobody_can_change,
          shm_from_bytes_nothing_is_an_empty_file,
          stats_sum_threads_beyond_the_shards_share_one)
