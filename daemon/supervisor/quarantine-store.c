/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine store
 *
 * Owns: the directory, the order in which its files come and go, its limits.
 * Must not own: where the bytes come from (quarantine-take.c) or go to (quarantine-release.c).
 */
#include "quarantine-store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "custos/cleanup.h"

/* One reply: VARLINK_MESSAGE_MAX less its frame. */
#define PAGE_BYTES_MAX (700U * 1024)
#define PAGE_ENTRIES_MAX 500U
/* Of two entries in one second that drew the same 32 bits, one draws again. */
#define ID_TRIES 4
#define NAME_BYTES (QUARANTINE_ID_LEN + sizeof(".json.new"))

static const char *name_of(const char *id, const char *suffix, char buf[NAME_BYTES])
{
	(void)snprintf(buf, NAME_BYTES, "%.*s%s", QUARANTINE_ID_LEN, id, suffix);
	return buf;
}

bool quarantine_id_valid(const char *id)
{
	static const char shape[] = "00000000T000000Z-xxxxxxxx";

	if (strlen(id) != QUARANTINE_ID_LEN)
		return false;
	for (unsigned i = 0; i < QUARANTINE_ID_LEN; i++) {
		bool digit = id[i] >= '0' && id[i] <= '9';
		bool ok = shape[i] == '0' ? digit :
		          shape[i] == 'x' ? digit || (id[i] >= 'a' && id[i] <= 'f') :
		                            id[i] == shape[i];

		if (!ok)
			return false;
	}
	return true;
}

/* The id of a file with this suffix; false when it is none. */
static bool id_of(const char *name, const char *suffix, char ret[QUARANTINE_ID_BYTES])
{
	if (strlen(name) != QUARANTINE_ID_LEN + strlen(suffix) ||
	    strcmp(name + QUARANTINE_ID_LEN, suffix) != 0)
		return false;
	memcpy(ret, name, QUARANTINE_ID_LEN);
	ret[QUARANTINE_ID_LEN] = '\0';
	return quarantine_id_valid(ret);
}

static int sync_dir(const struct quarantine_store *s)
{
	return fsync(s->dir) < 0 ? -errno : 0;
}

static void names_free(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* Does this file belong to a complete entry (then its size counts), or is it left over? */
static void tidy(struct quarantine_store *s, const char *name)
{
	char id[QUARANTINE_ID_BYTES], other[NAME_BYTES];
	struct stat st;

	if (id_of(name, ".json.new", id)) {
		(void)unlinkat(s->dir, name, 0); /* tried again at the next start */
		return;
	}
	if (!id_of(name, ".data", id))
		return;
	if (faccessat(s->dir, name_of(id, ".json", other), F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			(void)unlinkat(s->dir, name, 0); /* likewise */
		return;
	}
	if (fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		s->bytes += (uint64_t)st.st_size;
		s->n++;
	}
}

static int tidy_all(struct quarantine_store *s)
{
	struct dirent **names;
	int n = scandirat(s->dir, ".", &names, NULL, NULL);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++)
		tidy(s, names[i]->d_name);
	names_free(names, n);
	return sync_dir(s);
}

int quarantine_store_init(struct quarantine_store *s, const char *state_dir)
{
	_cleanup_(fd_closep) int state = -1;
	struct stat st;
	int r;

	*s = (struct quarantine_store){
		.dir = -1, .bytes_max = QUARANTINE_BYTES_MAX, .n_max = QUARANTINE_ENTRIES_MAX};
	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	state = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (state < 0)
		return -errno;
	if (mkdirat(state, "quarantine", 0700) < 0 && errno != EEXIST)
		return -errno;
	s->dir = openat(state, "quarantine", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->dir < 0 || fstat(s->dir, &st) < 0)
		r = -errno;
	else if (st.st_uid != geteuid() || (st.st_mode & 077))
		r = -EPERM; /* others could have put in what a release would then restore */
	else
		r = tidy_all(s);
	if (r < 0)
		quarantine_store_deinit(s);
	return r;
}

void quarantine_store_deinit(struct quarantine_store *s)
{
	s->dir = fd_close(s->dir);
}

int quarantine_store_room(const struct quarantine_store *s, uint64_t size)
{
	if (s->n >= s->n_max || size > s->bytes_max || s->bytes > s->bytes_max - size)
		return -EDQUOT;
	return 0;
}

static int make_id(char ret[QUARANTINE_ID_BYTES])
{
	time_t now = time(NULL);
	uint32_t number;
	struct tm tm;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	if (!gmtime_r(&now, &tm) || strftime(ret, QUARANTINE_ID_BYTES, "%Y%m%dT%H%M%SZ", &tm) != 16)
		return -EOVERFLOW;
	(void)snprintf(ret + 16, QUARANTINE_ID_BYTES - 16, "-%08x", number);
	return 0;
}

int quarantine_store_begin(struct quarantine_store *s, char ret_id[QUARANTINE_ID_BYTES],
                           int *ret_fd)
{
	char name[NAME_BYTES];
	int fd = -1, r = 0;

	for (unsigned i = 0; i < ID_TRIES && fd < 0; i++) {
		r = make_id(ret_id);
		if (r < 0)
			return r;
		fd = openat(s->dir, name_of(ret_id, ".data", name),
		            O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			return -errno;
	}
	if (fd < 0)
		return -EEXIST;
	*ret_fd = fd;
	return 0;
}

static int write_meta(struct quarantine_store *s, const char *name, json_t *meta)
{
	_cleanup_(fd_closep) int fd = openat(
		s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	errno = 0;
	if (json_dumpfd(meta, fd, JSON_ENSURE_ASCII | JSON_INDENT(2)) < 0)
		return errno ? -errno : -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}

int quarantine_store_commit(struct quarantine_store *s, const char *id, int data_fd, json_t *meta)
{
	char fresh[NAME_BYTES], name[NAME_BYTES];
	struct stat st;
	int r = fsync(data_fd) < 0 || fstat(data_fd, &st) < 0 ? -errno : 0;

	if (r == 0)
		r = write_meta(s, name_of(id, ".json.new", fresh), meta);
	if (r == 0 && renameat(s->dir, fresh, s->dir, name_of(id, ".json", name)) < 0)
		r = -errno;
	if (r < 0)
		return r;
	s->n++;
	s->bytes += (uint64_t)st.st_size;
	return sync_dir(s);
}

int quarantine_store_remove(struct quarantine_store *s, const char *id)
{
	char json[NAME_BYTES], data[NAME_BYTES];
	struct stat st = {0};

	if (!quarantine_id_valid(id))
		return -EINVAL;
	if (fstatat(s->dir, name_of(id, ".data", data), &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    unlinkat(s->dir, name_of(id, ".json", json), 0) < 0)
		return -errno;
	s->n -= MIN(s->n, 1U);
	s->bytes -= MIN(s->bytes, (uint64_t)st.st_size);
	(void)sync_dir(s); /* else the next start shows it again: no harm */
	return unlinkat(s->dir, data, 0) < 0 ? -errno : 0;
}

void quarantine_store_abort(struct quarantine_store *s, const char *id)
{
	char name[NAME_BYTES];

	if (quarantine_store_remove(s, id) == 0)
		return;
	/* What cannot be removed now is at the next start. */
	(void)unlinkat(s->dir, name_of(id, ".json.new", name), 0);
	(void)unlinkat(s->dir, name_of(id, ".data", name), 0);
}

static int open_part(const struct quarantine_store *s, const char *id, const char *suffix)
{
	char name[NAME_BYTES];
	int fd;

	if (!quarantine_id_valid(id))
		return -EINVAL;
	fd = openat(s->dir, name_of(id, suffix, name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int quarantine_store_meta(const struct quarantine_store *s, const char *id, json_t **ret)
{
	_cleanup_(fd_closep) int fd = open_part(s, id, ".json");
	struct stat st;
	json_t *meta;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > QUARANTINE_META_BYTES_MAX)
		return -EBADMSG;
	meta = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(meta)) {
		json_decref(meta);
		return -EBADMSG;
	}
	*ret = meta;
	return 0;
}

int quarantine_store_data(const struct quarantine_store *s, const char *id, int *ret_fd)
{
	int fd = open_part(s, id, ".data");

	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 0;
}

/* Return: 1 added, 0 no room on this page, negative errno. A damaged entry shows its id alone. */
static int add_row(const struct quarantine_store *s, const char *id, json_t *rows, size_t *used)
{
	json_t *row = NULL;
	size_t size;

	if (quarantine_store_meta(s, id, &row) < 0)
		row = json_pack("{s:s, s:b}", "id", id, "damaged", 1);
	(void)json_object_del(row, "xattrs"); /* ENOENT: it has none */
	size = json_dumpb(row, NULL, 0, JSON_ENSURE_ASCII | JSON_COMPACT);
	if (size == 0)
		return -ENOMEM;
	if (json_array_size(rows) >= PAGE_ENTRIES_MAX ||
	    (json_array_size(rows) > 0 && *used + size > PAGE_BYTES_MAX)) {
		json_decref(row);
		return 0;
	}
	*used += size;
	return json_array_append_new(rows, row) < 0 ? -ENOMEM : 1;
}

static int is_meta(const struct dirent *e)
{
	char id[QUARANTINE_ID_BYTES];

	return id_of(e->d_name, ".json", id);
}

int quarantine_store_list(const struct quarantine_store *s, const char *after, json_t **ret,
                          bool *ret_more)
{
	struct dirent **names;
	json_t *rows;
	size_t used = 0;
	int n, r = 1;

	n = scandirat(s->dir, ".", &names, is_meta, alphasort);
	if (n < 0)
		return -errno;
	rows = json_array();
	if (!rows)
		r = -ENOMEM;
	for (int i = 0; i < n && r > 0; i++) {
		char id[QUARANTINE_ID_BYTES];

		(void)id_of(names[i]->d_name, ".json", id); /* is_meta() chose it */
		if (!after || strcmp(id, after) > 0)
			r = add_row(s, id, rows, &used);
	}
	names_free(names, n);
	if (r < 0) {
		json_decref(rows);
		return r;
	}
	*ret = rows;
	*ret_more = r == 0;
	return 0;
}
