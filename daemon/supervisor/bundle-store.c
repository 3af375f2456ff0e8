/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle store
 *
 * Owns: the folders of accepted bundles, and which of them is current.
 * Must not own: what may come in (bundle-job.c), when it is loaded (bundles.c).
 */
#include "bundle-store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"

#define STAGE       ".incoming"
#define CURRENT     "current"
#define CURRENT_NEW ".current.new"
#define SERIALS_MAX 1024 /* looked at; three are kept */

void bundle_store_deinit(struct bundle_store *s)
{
	s->fd = fd_close(s->fd);
	free(s->path);
	s->path = NULL;
}

/* A folder of ours, made if need be. fd >= 0 or a negative errno. */
static int folder(int at, const char *name)
{
	int fd;

	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int bundle_store_open(const char *state_dir, struct bundle_store *ret)
{
	_cleanup_(bundle_store_deinit) struct bundle_store s = BUNDLE_STORE_NULL;

	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (asprintf(&s.path, "%s/bundles", state_dir) < 0) {
		s.path = NULL;
		return -ENOMEM;
	}
	s.fd = folder(AT_FDCWD, s.path);
	if (s.fd < 0)
		return s.fd;
	if (fchmod(s.fd, 0700) < 0)
		return -errno;
	*ret = s;
	s = (struct bundle_store)BUNDLE_STORE_NULL;
	return 0;
}

typedef bool (*name_fn)(void *userdata, const char *name);

/* Call @fn for each name in @fd until it says false. 0 or a negative errno. */
static int each_name(int at, name_fn fn, void *userdata)
{
	_cleanup_(dir_closep) DIR *dir = NULL;
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;

	dir = fd < 0 ? NULL : fdopendir(fd); /* owns fd from here on */
	if (!dir) {
		int r = -errno;

		(void)fd_close(fd);
		return r;
	}
	while ((errno = 0, e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    !fn(userdata, e->d_name))
			break;
	return -errno;
}

static bool take_channel(void *userdata, const char *name)
{
	struct bundle_channels *c = userdata;

	if (bundle_channel_valid(name) && strcmp(name, "state") != 0)
		memcpy(c->name[c->n++], name, strlen(name) + 1);
	return c->n < BUNDLE_CHANNELS_MAX;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

int bundle_store_channels(const struct bundle_store *s, struct bundle_channels *ret)
{
	int r;

	ret->n = 0;
	r = each_name(s->fd, take_channel, ret);
	if (ret->n > 0)
		qsort(ret->name, ret->n, sizeof(ret->name[0]), by_text);
	return r;
}

static int64_t serial_of(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 18 && name[0] != '0' &&
	                       strspn(name, "0123456789") == len
	               ? strtoll(name, NULL, 10)
	               : 0;
}

struct serials {
	int64_t *items;
	size_t n;
};

static bool take_serial(void *userdata, const char *name)
{
	struct serials *l = userdata;

	if (serial_of(name) > 0)
		l->items[l->n++] = serial_of(name);
	return l->n < SERIALS_MAX;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int open_channel(const struct bundle_store *s, const char *channel)
{
	int fd =
		openat(s->fd, channel, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int bundle_store_serials(const struct bundle_store *s, const char *channel,
                         int64_t **ret, size_t *ret_n)
{
	_cleanup_(fd_closep) int fd = open_channel(s, channel);
	struct serials l = {0};
	int r;

	if (fd < 0)
		return fd;
	l.items = calloc(SERIALS_MAX, sizeof(*l.items));
	if (!l.items)
		return -ENOMEM;
	r = each_name(fd, take_serial, &l);
	if (r < 0) {
		free(l.items);
		return r;
	}
	qsort(l.items, l.n, sizeof(*l.items), by_number);
	*ret = l.items;
	*ret_n = l.n;
	return 0;
}

int64_t bundle_store_current(const struct bundle_store *s, const char *channel)
{
	_cleanup_(fd_closep) int fd = open_channel(s, channel);
	char target[32];
	ssize_t n;

	if (fd < 0)
		return 0;
	n = readlinkat(fd, CURRENT, target, sizeof(target) - 1);
	if (n <= 0)
		return 0;
	target[n] = '\0';
	return serial_of(target);
}

int bundle_store_open_bundle(const struct bundle_store *s, const char *channel,
                             int64_t serial)
{
	_cleanup_(fd_closep) int at = open_channel(s, channel);
	char name[32];
	int fd;

	if (at < 0)
		return at;
	(void)snprintf(name, sizeof(name), "%" PRId64, serial); /* fits */
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool unlink_one(void *userdata, const char *name)
{
	(void)unlinkat(*(int *)userdata, name, 0); /* rmdir tells */
	return true;
}

/* A bundle has files only. */
static void remove_folder(int at, const char *name)
{
	_cleanup_(fd_closep) int fd =
		openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		(void)each_name(fd, unlink_one, &fd);
	(void)unlinkat(at, name, AT_REMOVEDIR); /* else it stays, and costs space */
}

int bundle_store_stage(const struct bundle_store *s)
{
	remove_folder(s->fd, STAGE);
	if (mkdirat(s->fd, STAGE, 0700) < 0)
		return -errno;
	return folder(s->fd, STAGE);
}

void bundle_store_unstage(const struct bundle_store *s)
{
	remove_folder(s->fd, STAGE);
}

int bundle_store_place(const struct bundle_store *s, const char *channel,
                       int64_t serial)
{
	_cleanup_(fd_closep) int at = -1;
	struct bundle_channels channels;
	char name[32];
	int r = bundle_store_channels(s, &channels);

	if (r < 0)
		return r;
	if (channels.n == BUNDLE_CHANNELS_MAX && faccessat(s->fd, channel, F_OK, 0) < 0)
		return -EMLINK;
	if (bundle_store_current(s, channel) == serial)
		return -EEXIST;
	at = folder(s->fd, channel);
	if (at < 0)
		return at;
	(void)snprintf(name, sizeof(name), "%" PRId64, serial); /* fits */
	remove_folder(at, name); /* verified like this one, or left by a crash */
	if (renameat(s->fd, STAGE, at, name) < 0 || fsync(at) < 0 || fsync(s->fd) < 0)
		return -errno;
	return 0;
}

int bundle_store_switch(const struct bundle_store *s, const char *channel,
                        int64_t serial)
{
	_cleanup_(fd_closep) int at = open_channel(s, channel);
	char name[32];

	if (at < 0)
		return at;
	(void)snprintf(name, sizeof(name), "%" PRId64, serial); /* fits */
	(void)unlinkat(at, CURRENT_NEW, 0);                     /* of a crash */
	if (symlinkat(name, at, CURRENT_NEW) < 0 ||
	    renameat(at, CURRENT_NEW, at, CURRENT) < 0 || fsync(at) < 0)
		return -errno;
	return 0;
}

void bundle_store_remove(const struct bundle_store *s, const char *channel,
                         int64_t serial)
{
	_cleanup_(fd_closep) int at = open_channel(s, channel);
	char name[32];

	(void)snprintf(name, sizeof(name), "%" PRId64, serial); /* fits */
	if (at >= 0)
		remove_folder(at, name);
}

void bundle_store_prune(const struct bundle_store *s, const char *channel)
{
	_cleanup_(freep) int64_t *serials = NULL;
	int64_t current = bundle_store_current(s, channel);
	size_t n = 0;

	if (bundle_store_serials(s, channel, &serials, &n) < 0)
		return;
	for (size_t i = 0; i + BUNDLE_GENERATIONS_KEPT < n; i++)
		if (serials[i] != current)
			bundle_store_remove(s, channel, serials[i]);
}

/* A bundle that cannot be verified any more says nothing. */
static int note_bundle(const struct bundle_store *s, const char *channel,
                       int64_t serial, const struct bundle_keys *keys,
                       struct bundle_state *state)
{
	_cleanup_(bundle_deinit) struct bundle b = BUNDLE_NULL;
	_cleanup_(fd_closep) int fd = bundle_store_open_bundle(s, channel, serial);
	int r = fd < 0 ? fd : bundle_read(fd, "", keys, NULL, &b, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (unsigned i = 0; i < b.n_signers && r == 0; i++)
		r = bundle_state_note(state, b.signers[i].id, &b.manifest, b.sha256);
	return r;
}

static int rebuild(const struct bundle_store *s, const struct bundle_keys *keys,
                   struct bundle_state *state, size_t *ret_n)
{
	struct bundle_channels channels;
	int r = bundle_store_channels(s, &channels);

	*ret_n = 0;
	for (size_t i = 0; i < channels.n && r == 0; i++) {
		_cleanup_(freep) int64_t *serials = NULL;
		size_t n = 0;

		r = bundle_store_serials(s, channels.name[i], &serials, &n);
		for (size_t k = 0; k < n && r == 0; k++)
			r = note_bundle(s, channels.name[i], serials[k], keys, state);
		*ret_n += n;
	}
	return r;
}

int bundle_store_state(const struct bundle_store *s, const struct bundle_keys *keys,
                       struct bundle_state *ret, bool *ret_lost)
{
	_cleanup_(bundle_state_deinit) struct bundle_state state = BUNDLE_STATE_NULL;
	int r = bundle_state_load(s->fd, &state);
	bool damaged = r == -EBADMSG;
	size_t n = 0;

	*ret_lost = false;
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	if (r < 0) {
		r = rebuild(s, keys, &state, &n);
		*ret_lost = damaged || n > 0;
	}
	if (r < 0)
		return r;
	*ret = state;
	state = (struct bundle_state)BUNDLE_STATE_NULL;
	return 0;
}
