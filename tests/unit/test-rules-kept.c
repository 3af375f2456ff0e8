/* SPDX-License-Identifier: Apache-2.0 */
/* The file of compiled rules that custosd leaves behind, and what is too large for it */
#include "daemon/supervisor/rules-kept.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "unit.h"

static const uint8_t key[DIGEST_MAX_BYTES] = {1, 2, 3};
static char dir[64];

static void begin(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/custos-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void end(void)
{
	char cmd[128];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static int image_of(uint64_t bytes)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

/* Is there the file, or with a suffix the one that it is written as? */
static bool has(const char *suffix)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/rules.kept%s", dir, suffix);
	return access(path, F_OK) == 0;
}

/* The thread has done what it does, or has not begun: its new file is there meanwhile. */
static void await(struct rules_kept *k, bool wanted)
{
	const nsec_t until = clock_now() + 50 * NSEC_PER_SEC;
	int fd;

	do {
		ck_assert_uint_lt(clock_now(), until);
		(void)usleep(2000);
		fd = rules_kept_open(k);
		(void)fd_close(fd);
	} while ((fd >= 0) != wanted || has(".new"));
}

static void store(struct rules_kept *k, uint64_t bytes)
{
	rules_kept_store(k, image_of(bytes), key);
}

START_TEST(store_size_at_the_limit_is_kept)
{
	struct kept_header h;
	struct rules_kept *k;
	struct stat st;
	int fd;

	begin();
	ck_assert_int_eq(rules_kept_new(dir, &k), 0);
	ck_assert_int_eq(rules_kept_open(k), -1);
	store(k, KEPT_BYTES_MAX);
	await(k, true);
	fd = rules_kept_open(k);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, sizeof(h) + KEPT_BYTES_MAX);
	ck_assert_int_eq(read(fd, &h, sizeof(h)), sizeof(h));
	ck_assert(memcmp(h.key, key, sizeof(h.key)) == 0);
	(void)fd_close(fd);
	rules_kept_free(k);
	end();
}
END_TEST

/* What was kept before has another key: it is not taken, and need not go. */
START_TEST(store_size_past_the_limit_is_not_kept)
{
	struct rules_kept *k;
	struct stat st;
	int fd;

	begin();
	ck_assert_int_eq(rules_kept_new(dir, &k), 0);
	store(k, 5);
	await(k, true);
	(void)usleep(100000); /* its thread is over, too: while one is under way, no other is begun */
	store(k, KEPT_BYTES_MAX + 1);
	(void)usleep(200000);
	await(k, true);
	fd = rules_kept_open(k);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, sizeof(struct kept_header) + 5);
	(void)fd_close(fd);
	rules_kept_free(k);
	end();
}
END_TEST

UNIT_MAIN("rules-kept", store_size_at_the_limit_is_kept, store_size_past_the_limit_is_not_kept)
