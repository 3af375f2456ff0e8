/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mark of a held file: what happens to opens between its steps
 *
 * Each look at the file's state is a place to step in: another process opens the file there, or it is truncated.
 * Skipped (77) without CAP_SYS_ADMIN.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static int look(int fd, struct stat *st);
#define fstat(fd, st) look(fd, st)
#include "daemon/supervisor/hold-mark.c"
#undef fstat

#define CASE_LIMIT_SEC 20
#define MOMENT_MSEC    100
#define CACHE_ROOM     65536

static char cache_memory[CACHE_ROOM] __attribute__((aligned(4096)));
static struct shared *shared;
static struct hold_marks marks;
static int file;

static unsigned n_looks, open_at_look, truncate_at_look;
static pid_t opener;

static pid_t start_opener(void)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(CASE_LIMIT_SEC);
	(void)close(marks.group);
	(void)close(marks.guard);
	_exit(open("/mnt/f", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
}

static int look(int fd, struct stat *st)
{
	n_looks++;
	if (n_looks == truncate_at_look) {
		ck_assert_int_eq(truncate("/mnt/f", 1), 0);
		if (n_looks > 1) /* which has ended the ignoring */
			ck_assert_int_eq(fan_ignore_file(marks.group, file), 0);
	}
	if (n_looks == open_at_look) {
		opener = start_opener();
		(void)poll(NULL, 0, MOMENT_MSEC);
		ck_assert_msg(waitpid(opener, NULL, WNOHANG) == 0, "an open did not wait");
	}
	return fstatat(fd, "", st, AT_EMPTY_PATH);
}

static bool nobody_alive(void *userdata, uint32_t holder)
{
	(void)userdata;
	(void)holder;
	return false;
}

/* A file of four bytes on a watched tmpfs, its verdict in the cache, and a wish to hold it. */
static struct hold_wish world(void)
{
	static _Atomic uint64_t epoch;
	const struct cache_putter by = {1, nobody_alive, NULL};
	struct hold_wish w = {0};
	struct cache_value v = {0};
	struct stat st;

	(void)alarm(CASE_LIMIT_SEC);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("test", "/mnt", "tmpfs", 0, NULL), 0);
	file = open("/mnt/f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_eq(write(file, "four", 4), 4);
	(void)close(file);
	file = open("/mnt/f", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fstatat(file, "", &st, AT_EMPTY_PATH), 0);
	shared = aligned_alloc(CACHELINE_BYTES, sizeof(*shared));
	ck_assert(shared);
	memset(shared, 0, sizeof(*shared));
	atomic_store(&shared->generation, 7);
	marks = (struct hold_marks){.shared = shared, .group = fan_group_new(NULL), .guard = fan_guard_new()};
	cache_open(&marks.cache, cache_memory, cache_bytes(CACHE_ROOM), &epoch, 1);
	ck_assert_int_eq(fan_mark_filesystem(marks.group, AT_FDCWD, "/mnt"), 0);

	w.key = (struct cache_key){st.st_dev, st.st_ino};
	w.generation = 7;
	w.known[CACHED_SIZE] = (uint64_t)st.st_size;
	w.known[CACHED_MTIME] = (uint64_t)timespec_nsec(&st.st_mtim);
	w.known[CACHED_CTIME] = (uint64_t)timespec_nsec(&st.st_ctim);
	memcpy(v.word, w.known, sizeof(w.known));
	ck_assert(cache_put(&marks.cache, &w.key, cache_begin(&marks.cache, &w.key), &v, &by));
	return w;
}

/* Whether the group is asked about an open; @pid is refused then. */
static bool is_asked(pid_t pid)
{
	struct pollfd waiting = {.fd = marks.group, .events = POLLIN};
	char raw[FAN_EVENT_BYTES];
	struct fan_event ev = {.fd = -1};
	int status;

	if (poll(&waiting, 1, MOMENT_MSEC) == 1) {
		ck_assert_int_eq(fan_parse(raw, (size_t)read(marks.group, raw, sizeof(raw)), &ev), 0);
		ck_assert_int_eq(fan_respond(marks.group, ev.fd, false), 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), ev.fd >= 0 ? EPERM : 0);
	return ev.fd >= 0;
}

START_TEST(hold_mark_known_file_is_not_asked_about)
{
	const struct hold_wish w = world();

	ck_assert(is_asked(start_opener()));
	ck_assert_int_eq(hold_mark(&marks, &w, file), 0);
	ck_assert(!is_asked(start_opener()));
	ck_assert_uint_ne(atomic_load(&shared->holder_beat), 0);
}
END_TEST

START_TEST(hold_mark_other_generation_estale)
{
	const struct hold_wish w = world();

	atomic_store(&shared->generation, 8);
	ck_assert_int_eq(hold_mark(&marks, &w, file), -ESTALE);
	ck_assert(is_asked(start_opener()));
}
END_TEST

START_TEST(hold_mark_dropped_verdict_estale)
{
	const struct hold_wish w = world();

	cache_drop(&marks.cache, &w.key);
	ck_assert_int_eq(hold_mark(&marks, &w, file), -ESTALE);
	ck_assert(is_asked(start_opener()));
}
END_TEST

START_TEST(hold_mark_changed_before_estale)
{
	const struct hold_wish w = world();

	truncate_at_look = 1;
	ck_assert_int_eq(hold_mark(&marks, &w, file), -ESTALE);
	ck_assert(is_asked(start_opener()));
}
END_TEST

/* As if the kernel had ended the ignoring just before the mark was there. */
START_TEST(hold_mark_changed_meanwhile_open_waits_and_is_asked_about)
{
	const struct hold_wish w = world();

	truncate_at_look = open_at_look = 2;
	ck_assert_int_eq(hold_mark(&marks, &w, file), -ESTALE);
	ck_assert(is_asked(opener));
	ck_assert(is_asked(start_opener()));
}
END_TEST

/* The open waits although nothing was to be seen yet, and then passes. */
START_TEST(hold_mark_unchanged_open_waits_and_passes)
{
	const struct hold_wish w = world();

	open_at_look = 2;
	ck_assert_int_eq(hold_mark(&marks, &w, file), 0);
	ck_assert(!is_asked(opener));
}
END_TEST

static bool able(void)
{
	int group = fan_group_new(NULL);

	if (group < 0)
		return false;
	(void)close(group);
	return unshare(CLONE_NEWNS) == 0;
}

UNIT_MAIN_IF(able(), "needs CAP_SYS_ADMIN in the initial user namespace", "hold-mark",
             hold_mark_known_file_is_not_asked_about, hold_mark_other_generation_estale,
             hold_mark_dropped_verdict_estale, hold_mark_changed_before_estale,
             hold_mark_changed_meanwhile_open_waits_and_is_asked_about,
             hold_mark_unchanged_open_waits_and_passes)
