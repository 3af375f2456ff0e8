/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine: release and export
 *
 * Owns: how an entry becomes a file again.
 * Must not own: who may ask for it (methods.c), the directory (quarantine-store.c).
 */
#include "quarantine-move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/text.h"
#include "custos/varlink.h"

static json_int_t number(json_t *meta, const char *key)
{
	return json_integer_value(json_object_get(meta, key));
}

/* Copy an entry's bytes; they must be those its JSON tells of. */
static int copy_entry(struct quarantine_context *c, const char *id, json_t *meta, int to)
{
	const char *wanted = json_string_value(json_object_get(meta, "sha256")) ?: "";
	char sha256[2 * SHA256_BYTES + 1];
	_cleanup_(fd_closep) int from = -1;
	uint8_t digest[SHA256_BYTES];
	uint64_t size;
	int r = quarantine_store_data(&c->store, id, &from);

	if (r == 0)
		r = quarantine_copy(from, to, QUARANTINE_BYTES_MAX, &c->stop, digest, &size);
	if (r < 0)
		return r;
	text_hex(digest, sizeof(digest), sha256);
	return strcmp(sha256, wanted) == 0 ? 0 : -EBADMSG;
}

static void refuse(json_t *refused, const char *what)
{
	(void)json_array_append_new(refused, json_string(what)); /* no memory: one less */
}

/* Owner first: changing it takes set-user-ID bits and capabilities away. The time last. */
static void restore_meta(int fd, json_t *meta, json_t *refused)
{
	const struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = number(meta, "mtimeSec"), .tv_nsec = number(meta, "mtimeNsec")},
	};
	mode_t mode = (mode_t)number(meta, "mode") & 07777;

	if (fchown(fd, (uid_t)number(meta, "uid"), (gid_t)number(meta, "gid")) < 0) {
		/* Somebody else's set-user-ID bit must not become root's. */
		refuse(refused, "owner");
		mode &= 0777;
	}
	if (fchmod(fd, mode) < 0) {
		refuse(refused, "mode");
		(void)fchmod(fd, mode & 0777); /* without the bits a sandbox refuses */
	}
	quarantine_xattrs_set(fd, json_object_get(meta, "xattrs"), refused);
	if (json_is_true(json_object_get(meta, "xattrsOmitted")))
		refuse(refused, "xattrs beyond the bound");
	if (futimens(fd, times) < 0)
		refuse(refused, "mtime");
}

/* A file without a name where the file system has such, else under its name at once. */
static int create(const struct quarantine_place *p, bool *ret_named)
{
	int fd;

	*ret_named = false;
	if (faccessat(p->parent, p->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	fd = openat(p->parent, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return -errno;
	*ret_named = true;
	fd = openat(p->parent, p->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int give_name(const struct quarantine_place *p, int fd)
{
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, p->parent, p->name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

static int restore(struct quarantine_context *c, const char *id, json_t *meta,
                   const struct quarantine_place *p, json_t *refused)
{
	bool named;
	_cleanup_(fd_closep) int fd = create(p, &named);
	int r = fd < 0 ? fd : copy_entry(c, id, meta, fd);

	if (r == 0) {
		restore_meta(fd, meta, refused);
		r = fsync(fd) < 0 ? -errno : 0;
	}
	if (r == 0 && !named)
		r = give_name(p, fd);
	if (r < 0 && fd >= 0 && named)
		(void)unlinkat(p->parent, p->name, 0); /* ours: O_EXCL */
	return r;
}

/* {path, notRestored} */
static json_t *release_reply(const char *path, size_t len, json_t *refused)
{
	json_t *o = json_pack("{s:O}", "notRestored", refused);

	if (o && varlink_set_bytes(o, "path", path, len) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int release(struct quarantine_context *c, const char *id, json_t *meta, json_t *refused,
                   json_t **ret)
{
	_cleanup_(quarantine_place_deinit) struct quarantine_place p = QUARANTINE_PLACE_NULL;
	_cleanup_(freep) char *path = NULL;
	json_t *reply;
	size_t len;
	int r;

	path = quarantine_bytes_member(meta, "path", &len);
	if (!path || strlen(path) != len)
		return -EBADMSG;
	if (strcmp(json_string_value(json_object_get(meta, "origin")) ?: "", "host") != 0)
		return -EXDEV;
	r = quarantine_place_find(c->host_root, path, &p);
	if (r < 0)
		return r;
	reply = release_reply(path, len, refused);
	if (!reply)
		return -ENOMEM;
	r = restore(c, id, meta, &p, refused);
	if (r < 0) {
		json_decref(reply);
		return r;
	}
	/* It is back; an entry that cannot be dropped is one too many, not one too few. */
	(void)quarantine_store_remove(&c->store, id);
	*ret = reply;
	return 0;
}

int quarantine_release_file(struct quarantine_context *c, const char *id, json_t **ret)
{
	json_t *meta, *refused;
	int r;

	r = c->store.dir < 0 ? -ENOTDIR : quarantine_store_meta(&c->store, id, &meta);
	if (r < 0)
		return r;
	refused = json_array();
	r = refused ? release(c, id, meta, refused, ret) : -ENOMEM;
	json_decref(refused);
	json_decref(meta);
	return r;
}

int quarantine_export_file(struct quarantine_context *c, const char *id, int fd, json_t **ret)
{
	struct stat st;
	json_t *meta;
	int r;

	/* A pipe nobody reads would hold up the thread. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -EINVAL;
	r = c->store.dir < 0 ? -ENOTDIR : quarantine_store_meta(&c->store, id, &meta);
	if (r < 0)
		return r;
	r = copy_entry(c, id, meta, fd);
	if (r == 0) {
		*ret = json_pack("{s:O, s:O}", "size", json_object_get(meta, "size"), "sha256",
		                 json_object_get(meta, "sha256"));
		r = *ret ? 0 : -ENOMEM;
	}
	json_decref(meta);
	return r;
}
