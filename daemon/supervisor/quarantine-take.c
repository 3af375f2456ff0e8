/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine: take
 *
 * Owns: what must hold before a file loses its name, and in which order it does.
 * Must not own: whether policy wants it (quarantine.c), the directory (quarantine-store.c).
 */
#include "quarantine-move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/text.h"
#include "custos/varlink.h"

struct take {
	const struct quarantine_order *order;
	struct quarantine_place place;
	int fd;
	struct stat st;
	bool foreign; /* found in another mount namespace */
	uint8_t sha256[SHA256_BYTES];
};

static int find_below(struct take *t, int root)
{
	const struct record *r = &t->order->record;
	int fd;

	quarantine_place_deinit(&t->place);
	fd = quarantine_place_find(root, r->path, &t->place);
	if (fd == 0)
		fd = quarantine_place_open(&t->place, r->dev, r->ino, &t->st);
	if (fd < 0)
		return fd;
	t->fd = fd;
	return 0;
}

/* The host's answer is the one reported: it is right for all but containers. */
static int find(struct take *t, int host_root)
{
	_cleanup_(fd_closep) int other = -1;
	char root[64];
	int r = find_below(t, host_root);

	if (r == 0 || t->order->record.pid == 0)
		return r;
	/* The process may be gone, or its number another's: the inode must be the same. */
	(void)snprintf(root, sizeof(root), "/proc/%u/root", t->order->record.pid);
	other = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (other < 0 || find_below(t, other) < 0)
		return r;
	t->foreign = true;
	return 0;
}

/* A refused read of the store (a backup) is no reason to move it into itself. */
static bool in_store(const struct take *t, const struct quarantine_store *s)
{
	struct stat parent, store;

	return fstat(t->place.parent, &parent) == 0 && fstat(s->dir, &store) == 0 &&
	       parent.st_dev == store.st_dev && parent.st_ino == store.st_ino;
}

/* Before anything is copied. */
static int check(const struct take *t, const struct quarantine_store *s)
{
	struct statvfs fs;

	if (in_store(t, s))
		return -EALREADY;
	if (fstatvfs(t->place.parent, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		return -EROFS;
	return quarantine_store_room(s, (uint64_t)t->st.st_size);
}

/* Are these the bytes that were judged? */
static int check_bytes(const struct take *t, uint64_t size)
{
	const struct record *r = &t->order->record;
	struct stat now;

	if (r->flags & RECORD_SHA256 && !(r->flags & RECORD_PARTIAL))
		return memcmp(t->sha256, r->sha256, SHA256_BYTES) == 0 ? 0 : -ESTALE;
	if (fstat(t->fd, &now) < 0)
		return -errno;
	if (size != r->size_bytes || timespec_nsec(&now.st_mtim) != r->mtime_nsec)
		return -ESTALE;
	return 0;
}

static int copy(struct quarantine_context *c, struct take *t, int to)
{
	uint64_t size;
	int r = quarantine_copy(t->fd, to, (uint64_t)t->st.st_size, &c->stop, t->sha256, &size);

	return r < 0 ? r : check_bytes(t, size);
}

static int describe_judgement(const struct take *t, json_t *o)
{
	const struct record *r = &t->order->record;
	char sha256[2 * SHA256_BYTES + 1];
	bool omitted;

	text_hex(t->sha256, SHA256_BYTES, sha256);
	if (varlink_set_bytes(o, "path", r->path, r->path_len) < 0 ||
	    varlink_set_bytes(o, "rule", r->match.rule, strlen(r->match.rule)) < 0 ||
	    varlink_set_bytes(o, "policyLine", t->order->policy, strlen(t->order->policy)) < 0 ||
	    json_object_set_new(o, "sha256", json_string(sha256)) < 0 ||
	    json_object_set_new(o, "reason", json_string(reason_name(r->reason))) < 0 ||
	    json_object_set_new(o, "xattrs", quarantine_xattrs_get(t->fd, &omitted)) < 0)
		return -ENOMEM;
	return json_object_set_new(o, "xattrsOmitted", json_boolean(omitted)) < 0 ? -ENOMEM : 0;
}

static json_t *describe(const struct take *t, const char *id)
{
	const struct stat *st = &t->st;
	char dev[32];
	json_t *o;

	(void)snprintf(dev, sizeof(dev), "%u:%u", major(st->st_dev), minor(st->st_dev));
	o = json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I}", "id", id,
	              "time", (json_int_t)clock_wall_usec(), "origin",
	              t->foreign ? "namespace" : "host", "uid", (json_int_t)st->st_uid, "gid",
	              (json_int_t)st->st_gid, "mode", (json_int_t)(st->st_mode & 07777),
	              "mtimeSec", (json_int_t)st->st_mtim.tv_sec, "mtimeNsec",
	              (json_int_t)st->st_mtim.tv_nsec, "size", (json_int_t)st->st_size,
	              "device", dev, "inode", (json_int_t)st->st_ino, "links",
	              (json_int_t)st->st_nlink);
	if (o && describe_judgement(t, o) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* The copy lies safe: now the name may go, if it still is that file's. */
static int remove_name(const struct take *t)
{
	if (!quarantine_place_holds(&t->place, &t->st))
		return -ESTALE;
	return unlinkat(t->place.parent, t->place.name, 0) < 0 ? -errno : 0;
}

static int take(struct quarantine_context *c, struct take *t, char ret_id[QUARANTINE_ID_BYTES])
{
	_cleanup_(fd_closep) int to = -1;
	json_t *meta = NULL;
	int r = quarantine_store_begin(&c->store, ret_id, &to);

	if (r < 0)
		return r;
	r = copy(c, t, to);
	if (r == 0) {
		meta = describe(t, ret_id);
		r = meta ? quarantine_store_commit(&c->store, ret_id, to, meta) : -ENOMEM;
		json_decref(meta);
	}
	if (r == 0)
		r = remove_name(t);
	if (r < 0)
		quarantine_store_abort(&c->store, ret_id);
	return r;
}

int quarantine_take_file(struct quarantine_context *c, const struct quarantine_order *o,
                         char ret_id[QUARANTINE_ID_BYTES], unsigned *ret_links)
{
	struct take t = {.order = o, .place = QUARANTINE_PLACE_NULL, .fd = -1};
	int r;

	if (c->store.dir < 0)
		return -ENOTDIR;
	r = find(&t, c->host_root);
	if (r == 0)
		r = check(&t, &c->store);
	if (r == 0)
		r = take(c, &t, ret_id);
	if (r == 0)
		*ret_links = (unsigned)t.st.st_nlink;
	t.fd = fd_close(t.fd);
	quarantine_place_deinit(&t.place);
	return r;
}
