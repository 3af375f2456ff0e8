/* SPDX-License-Identifier: Apache-2.0 */
/* Every case has a directory of its own: world/root is what / means, world/state the state. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/digest.h"
#include "quarantine-move.h"
#include "unit.h"

#define ID1 "20200101T000000Z-00000001"
#define ID2 "20200101T000000Z-00000002"
#define MISSING "20200101T000000Z-0000000f"

static char world[64];
static struct quarantine_context c;
static struct quarantine_order order;

static void write_at(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void setup(void)
{
	strcpy(world, "/tmp/test-quarantine-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world));
	ck_assert_int_eq(chdir(world), 0);
	ck_assert_int_eq(mkdir("root", 0755), 0);
	ck_assert_int_eq(mkdir("root/dir", 0755), 0);
	memset(&c, 0, sizeof(c));
	ck_assert_int_eq(quarantine_store_init(&c.store, "state"), 0);
	c.host_root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	memset(&order, 0, sizeof(order));
	strcpy(order.policy, "50.rules:1");
	strcpy(order.record.match.rule, "test-rule");
}

static void teardown(void)
{
	char command[128];

	quarantine_store_deinit(&c.store);
	c.host_root = fd_close(c.host_root);
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf %s", world);
	ck_assert_int_eq(system(command), 0);
}

/* Make the file and the record of its judgement. */
static void judge(const char *path, const char *text)
{
	struct record *r = &order.record;
	char name[128];
	struct stat st;

	snprintf(name, sizeof(name), "root%s", path);
	write_at(name, text);
	ck_assert_int_eq(stat(name, &st), 0);
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	r->size_bytes = (uint64_t)st.st_size;
	r->mtime_nsec = timespec_nsec(&st.st_mtim);
	strcpy(r->path, path);
	r->path_len = (uint32_t)strlen(path);
}

static int take(char id[QUARANTINE_ID_BYTES])
{
	unsigned links = 0;

	return quarantine_take_file(&c, &order, id, &links);
}

static unsigned n_files(void)
{
	DIR *d = opendir("state/quarantine");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* Refused with @error, and both sides are as before. */
static void expect_left(int error, const char *name)
{
	char id[QUARANTINE_ID_BYTES];

	ck_assert_int_eq(take(id), error);
	ck_assert_int_eq(access(name, F_OK), 0);
	ck_assert_uint_eq(n_files(), 0);
	ck_assert_uint_eq(c.store.n, 0);
	ck_assert_uint_eq(c.store.bytes, 0);
}

START_TEST(id_valid_takes_nothing_else)
{
	ck_assert(quarantine_id_valid(ID1));
	ck_assert(quarantine_id_valid("20261231T235959Z-deadbeef"));
	ck_assert(!quarantine_id_valid(""));
	ck_assert(!quarantine_id_valid("20200101T000000Z-0000000"));
	ck_assert(!quarantine_id_valid("20200101T000000Z-000000011"));
	ck_assert(!quarantine_id_valid("20200101T000000Z-0000000G"));
	ck_assert(!quarantine_id_valid("20200101T000000Z-0000/.01"));
	ck_assert(!quarantine_id_valid("../../../../etc/passwd123"));
}
END_TEST

START_TEST(take_then_release_brings_it_back)
{
	const struct timespec times[2] = {{.tv_sec = 1, .tv_nsec = 2}, {.tv_sec = 3, .tv_nsec = 4}};
	char id[QUARANTINE_ID_BYTES], text[8] = "";
	json_t *reply = NULL;
	struct stat st;
	int fd;

	setup();
	judge("/dir/file", "bad");
	ck_assert_int_eq(chmod("root/dir/file", 0751), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, "root/dir/file", times, 0), 0);
	order.record.mtime_nsec = timespec_nsec(&times[1]);
	ck_assert_int_eq(take(id), 0);
	ck_assert_int_lt(access("root/dir/file", F_OK), 0);
	ck_assert_uint_eq(c.store.n, 1);
	ck_assert_uint_eq(c.store.bytes, 3);
	ck_assert_int_eq(quarantine_release_file(&c, id, &reply), 0);
	ck_assert_str_eq(json_string_value(json_object_get(reply, "path")), "/dir/file");
	ck_assert_uint_eq(json_array_size(json_object_get(reply, "notRestored")), 0);
	json_decref(reply);
	ck_assert_int_eq(stat("root/dir/file", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0751);
	ck_assert_int_eq(timespec_nsec(&st.st_mtim), timespec_nsec(&times[1]));
	ck_assert_uint_eq(st.st_uid, geteuid());
	fd = open("root/dir/file", O_RDONLY);
	ck_assert_int_eq(read(fd, text, sizeof(text)), 3);
	ck_assert_str_eq(text, "bad");
	close(fd);
	ck_assert_uint_eq(n_files(), 0);
	ck_assert_uint_eq(c.store.n + c.store.bytes, 0);
	ck_assert_int_eq(quarantine_release_file(&c, id, &reply), -ENOENT);
	teardown();
}
END_TEST

START_TEST(release_onto_a_file_is_refused)
{
	char id[QUARANTINE_ID_BYTES];
	json_t *reply = NULL;
	struct stat st;

	setup();
	judge("/dir/file", "bad");
	ck_assert_int_eq(take(id), 0);
	write_at("root/dir/file", "good!");
	ck_assert_int_eq(quarantine_release_file(&c, id, &reply), -EEXIST);
	ck_assert_int_eq(stat("root/dir/file", &st), 0);
	ck_assert_int_eq(st.st_size, 5);
	ck_assert_uint_eq(c.store.n, 1);
	unlink("root/dir/file");
	ck_assert_int_eq(symlink("elsewhere", "root/dir/file"), 0);
	ck_assert_int_eq(quarantine_release_file(&c, id, &reply), -EEXIST);
	unlink("root/dir/file");
	ck_assert_int_eq(rename("root/dir", "root/other"), 0);
	ck_assert_int_eq(quarantine_release_file(&c, id, &reply), -ENOENT);
	ck_assert_int_eq(symlink("other", "root/dir"), 0);
	ck_assert_int_eq(quarantine_release_file(&c, id, &reply), -ELOOP);
	ck_assert_uint_eq(c.store.n, 1);
	teardown();
}
END_TEST

START_TEST(release_damaged_bytes_are_not_restored)
{
	char id[QUARANTINE_ID_BYTES], name[128];
	json_t *reply = NULL;

	setup();
	judge("/dir/file", "bad");
	ck_assert_int_eq(take(id), 0);
	snprintf(name, sizeof(name), "state/quarantine/%s.data", id);
	write_at(name, "bax");
	ck_assert_int_eq(quarantine_release_file(&c, id, &reply), -EBADMSG);
	ck_assert_int_lt(access("root/dir/file", F_OK), 0);
	ck_assert_uint_eq(c.store.n, 1);
	teardown();
}
END_TEST

START_TEST(take_other_inode_is_left)
{
	setup();
	judge("/dir/file", "bad");
	write_at("root/dir/new", "good");
	ck_assert_int_eq(rename("root/dir/new", "root/dir/file"), 0);
	expect_left(-ESTALE, "root/dir/file");
	unlink("root/dir/file");
	ck_assert_int_eq(mkfifo("root/dir/file", 0600), 0);
	expect_left(-ESTALE, "root/dir/file"); /* and does not wait for a writer */
	teardown();
}
END_TEST

START_TEST(take_through_a_symlink_is_left)
{
	setup();
	judge("/dir/file", "bad");
	ck_assert_int_eq(rename("root/dir", "root/other"), 0);
	ck_assert_int_eq(symlink("other", "root/dir"), 0);
	expect_left(-ELOOP, "root/other/file");
	teardown();
	setup();
	judge("/dir/file", "bad");
	ck_assert_int_eq(rename("root/dir/file", "root/dir/moved"), 0);
	ck_assert_int_eq(symlink("moved", "root/dir/file"), 0);
	expect_left(-ESTALE, "root/dir/moved");
	teardown();
}
END_TEST

START_TEST(take_changed_content_is_left)
{
	setup();
	judge("/dir/file", "bad");
	order.record.flags = RECORD_SHA256; /* of something else */
	expect_left(-ESTALE, "root/dir/file");
	order.record.flags = 0;
	order.record.mtime_nsec++;
	expect_left(-ESTALE, "root/dir/file");
	order.record.mtime_nsec--;
	order.record.size_bytes++;
	expect_left(-ESTALE, "root/dir/file");
	teardown();
}
END_TEST

START_TEST(take_digest_of_part_is_not_compared)
{
	char id[QUARANTINE_ID_BYTES];

	setup();
	judge("/dir/file", "bad");
	order.record.flags = RECORD_SHA256 | RECORD_PARTIAL;
	ck_assert_int_eq(take(id), 0);
	teardown();
}
END_TEST

START_TEST(take_paths_that_are_none_are_refused)
{
	static const char *const bad[] = {"", "dir/file", "/", "/dir/", "/dir/.", "/dir/.."};
	char id[QUARANTINE_ID_BYTES];

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		strcpy(order.record.path, bad[i]);
		ck_assert_int_eq(take(id), -EINVAL);
	}
	ck_assert_uint_eq(n_files(), 0);
	teardown();
}
END_TEST

START_TEST(take_store_is_bounded)
{
	char id[QUARANTINE_ID_BYTES];

	setup();
	judge("/dir/file", "bad");
	c.store.bytes_max = 2;
	expect_left(-EDQUOT, "root/dir/file");
	c.store.bytes_max = 3;
	c.store.n_max = 0;
	expect_left(-EDQUOT, "root/dir/file");
	c.store.n_max = 1;
	ck_assert_int_eq(take(id), 0);
	judge("/dir/second", "");
	ck_assert_int_eq(take(id), -EDQUOT);
	teardown();
}
END_TEST

START_TEST(take_of_the_store_itself_is_refused)
{
	char id[QUARANTINE_ID_BYTES], path[256];
	struct stat st;

	setup();
	judge("/dir/file", "bad");
	ck_assert_int_eq(take(id), 0);
	fd_close(c.host_root);
	c.host_root = open("state", O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "state/quarantine/%s.data", id);
	ck_assert_int_eq(stat(path, &st), 0);
	order.record.dev = st.st_dev;
	order.record.ino = st.st_ino;
	snprintf(order.record.path, sizeof(order.record.path), "/quarantine/%s.data", id);
	ck_assert_int_eq(take(id), -EALREADY);
	ck_assert_int_eq(access(path, F_OK), 0);
	teardown();
}
END_TEST

START_TEST(take_stop_leaves_it)
{
	setup();
	judge("/dir/file", "bad");
	atomic_store(&c.stop, true);
	expect_left(-ECANCELED, "root/dir/file");
	teardown();
}
END_TEST

START_TEST(store_init_removes_what_is_unfinished)
{
	char id[QUARANTINE_ID_BYTES];

	setup();
	judge("/dir/file", "bad");
	ck_assert_int_eq(take(id), 0);
	write_at("state/quarantine/" ID1 ".data", "half");
	write_at("state/quarantine/" ID2 ".data", "whole");
	write_at("state/quarantine/" ID2 ".json.new", "{");
	write_at("state/quarantine/notes", "somebody's");
	quarantine_store_deinit(&c.store);
	ck_assert_int_eq(quarantine_store_init(&c.store, "state"), 0);
	ck_assert_uint_eq(n_files(), 3); /* data, JSON, notes */
	ck_assert_uint_eq(c.store.n, 1);
	ck_assert_uint_eq(c.store.bytes, 3);
	quarantine_store_deinit(&c.store);
	ck_assert_int_eq(chmod("state/quarantine", 0750), 0);
	ck_assert_int_eq(quarantine_store_init(&c.store, "state"), -EPERM);
	teardown();
}
END_TEST

START_TEST(store_list_pages_and_shows_damage)
{
	char id[QUARANTINE_ID_BYTES];
	json_t *rows = NULL;
	bool more = true;

	setup();
	for (unsigned i = 0; i < 501; i++) {
		judge("/dir/file", "");
		ck_assert_int_eq(take(id), 0);
	}
	write_at("state/quarantine/" ID1 ".json", "[1]");
	ck_assert_int_eq(quarantine_store_list(&c.store, NULL, &rows, &more), 0);
	ck_assert(more);
	ck_assert_uint_eq(json_array_size(rows), 500);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "id")), ID1);
	ck_assert(json_is_true(json_object_get(json_array_get(rows, 0), "damaged")));
	strcpy(id, json_string_value(json_object_get(json_array_get(rows, 499), "id")));
	json_decref(rows);
	ck_assert_int_eq(quarantine_store_list(&c.store, id, &rows, &more), 0);
	ck_assert(!more);
	ck_assert_uint_eq(json_array_size(rows), 2);
	json_decref(rows);
	ck_assert_int_eq(quarantine_store_meta(&c.store, MISSING, &rows), -ENOENT);
	ck_assert_int_eq(quarantine_store_meta(&c.store, ID1, &rows), -EBADMSG);
	ck_assert_int_eq(quarantine_store_meta(&c.store, "../x", &rows), -EINVAL);
	teardown();
}
END_TEST

START_TEST(export_goes_to_regular_files)
{
	char id[QUARANTINE_ID_BYTES];
	json_t *reply = NULL;
	int fds[2], fd;
	struct stat st;

	setup();
	judge("/dir/file", "bad");
	ck_assert_int_eq(take(id), 0);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(quarantine_export_file(&c, id, fds[1], &reply), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	fd = open("copy", O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(quarantine_export_file(&c, id, fd, &reply), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "size")), 3);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 3);
	ck_assert_uint_eq(c.store.n, 1);
	close(fd);
	json_decref(reply);
	teardown();
}
END_TEST

UNIT_MAIN("quarantine", id_valid_takes_nothing_else, take_then_release_brings_it_back,
          release_onto_a_file_is_refused, release_damaged_bytes_are_not_restored,
          take_other_inode_is_left, take_through_a_symlink_is_left, take_changed_content_is_left,
          take_digest_of_part_is_not_compared, take_paths_that_are_none_are_refused,
          take_store_is_bounded, take_of_the_store_itself_is_refused, take_stop_leaves_it,
          store_init_removes_what_is_unfinished, store_list_pages_and_shows_damage,
          export_goes_to_regular_files)
