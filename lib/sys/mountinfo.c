/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount table
 *
 * Owns: parsing (libmount unescapes) and what kind a file system is.
 * Must not own: what is watched.
 */
#include "custos/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"

static const char *const kernel_types[] = {
	"autofs",     "binfmt_misc", "bpf",      "cgroup",   "cgroup2",    "configfs",
	"debugfs",    "devpts",      "efivarfs", "fusectl",  "hugetlbfs",  "mqueue",
	"nfsd",       "nsfs",        "proc",     "pstore",   "rpc_pipefs", "securityfs",
	"selinuxfs",  "smackfs",     "sysfs",    "tracefs",
};
static const char *const remote_types[] = {
	"9p", "afs", "ceph", "cifs", "coda", "fuse", "fuseblk", "gfs2", "glusterfs", "lustre",
	"ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs", "vboxsf", "virtiofs",
};

static bool listed(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

enum mount_class mount_class_of(const char *fs_type)
{
	if (listed(fs_type, kernel_types, ARRAY_SIZE(kernel_types)))
		return MOUNT_KERNEL;
	if (strncmp(fs_type, "fuse.", 5) == 0 ||
	    listed(fs_type, remote_types, ARRAY_SIZE(remote_types)))
		return MOUNT_REMOTE;
	if (strcmp(fs_type, "overlay") == 0)
		return MOUNT_OVERLAY;
	return MOUNT_LOCAL;
}

/* The kernel shows whose such a mount is, and whether others may come in; what has neither is no user's mount. */
static bool is_private(struct libmnt_fs *fs, const char *options)
{
	return strncmp(mnt_fs_get_fstype(fs) ?: "", "fuse", 4) == 0 && options &&
	       mnt_optstr_get_option(options, "user_id", NULL, NULL) == 0 &&
	       mnt_optstr_get_option(options, "allow_other", NULL, NULL) != 0;
}

/* The last one. */
static int append_server(struct mount_list *l)
{
	size_t *servers = reallocarray(l->servers, l->n_servers + 1, sizeof(*servers));

	if (!servers)
		return -ENOMEM;
	l->servers = servers;
	l->servers[l->n_servers++] = l->n - 1;
	return 0;
}

/* The kernel says it of FUSE alone; what else there is, root has mounted. */
static uid_t owner_of(const char *fs_type, const char *options)
{
	char *value, *end;
	unsigned long uid;
	size_t len;

	if (strncmp(fs_type, "fuse", 4) != 0 || !options ||
	    mnt_optstr_get_option(options, "user_id", &value, &len) != 0 || !len)
		return 0;
	uid = strtoul(value, &end, 10);
	return end == value + len ? (uid_t)uid : 0;
}

static int append(struct mount_list *l, struct libmnt_fs *fs)
{
	const char *options = mnt_fs_get_fs_options(fs);
	struct mount_entry e = {
		.id = mnt_fs_get_id(fs),
		.dev = mnt_fs_get_devno(fs),
		.mount_point = strdup(mnt_fs_get_target(fs) ?: ""),
		.fs_type = strdup(mnt_fs_get_fstype(fs) ?: ""),
		.read_only = options && mnt_fs_match_options(fs, "ro"),
		.private = is_private(fs, options),
		.owner = owner_of(mnt_fs_get_fstype(fs) ?: "", options),
	};
	struct mount_entry *items = reallocarray(l->items, l->n + 1, sizeof(*items));

	if (items)
		l->items = items;
	if (!items || !e.mount_point || !e.fs_type) {
		free(e.mount_point);
		free(e.fs_type);
		return -ENOMEM;
	}
	l->items[l->n++] = e;
	return mount_class_of(e.fs_type) == MOUNT_REMOTE && strcmp(e.mount_point, "/") != 0 ?
	               append_server(l) :
	               0;
}

static int read_table(struct libmnt_table *table, struct libmnt_iter *iter, FILE *f,
                      struct mount_list *ret)
{
	struct mount_list list = {0};
	struct libmnt_fs *fs;
	int r = mnt_table_parse_stream(table, f, "/proc/self/mountinfo");

	if (r != 0)
		return r < 0 ? r : -EIO;
	while (r == 0 && mnt_table_next_fs(table, iter, &fs) == 0)
		r = append(&list, fs);
	if (r < 0) {
		mount_list_deinit(&list);
		return r;
	}
	*ret = list;
	return 0;
}

int mountinfo_read(int fd, struct mount_list *ret)
{
	_cleanup_(file_closep) FILE *f = NULL;
	struct libmnt_table *table;
	struct libmnt_iter *iter;
	int copy, r = -ENOMEM;

	/* A copy, because the stream closes its descriptor; the offset is shared, so rewind. */
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	if (lseek(copy, 0, SEEK_SET) < 0 || !(f = fdopen(copy, "re"))) {
		r = -errno;
		(void)fd_close(copy);
		return r;
	}
	table = mnt_new_table();
	iter = mnt_new_iter(MNT_ITER_FORWARD);
	if (table && iter)
		r = read_table(table, iter, f, ret);
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return r;
}

/* All of @fd up to @max bytes, whole lines only. */
static int read_lines(int fd, char *buf, size_t max, size_t *ret_len, bool *ret_cut)
{
	size_t len = 0;
	ssize_t n = 1;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while (n > 0 && len <= max) { /* one byte more tells whether there is more */
		n = read(fd, buf + len, max + 1 - len);
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	*ret_cut = len > max;
	len = MIN(len, max);
	while (len > 0 && buf[len - 1] != '\n')
		len--;
	*ret_len = len;
	return 0;
}

int mountinfo_read_max(int fd, size_t max_bytes, struct mount_list *ret, bool *ret_cut)
{
	_cleanup_(freep) void *buf = malloc(max_bytes + 1);
	_cleanup_(file_closep) FILE *f = NULL;
	struct libmnt_table *table;
	struct libmnt_iter *iter;
	size_t len = 0;
	int r = buf ? read_lines(fd, buf, max_bytes, &len, ret_cut) : -ENOMEM;

	if (r < 0)
		return r;
	if (len == 0) { /* fmemopen(3) knows no empty stream */
		*ret = (struct mount_list){0};
		return 0;
	}
	f = fmemopen(buf, len, "re");
	table = mnt_new_table();
	iter = mnt_new_iter(MNT_ITER_FORWARD);
	r = f && table && iter ? read_table(table, iter, f, ret) : -ENOMEM;
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return r;
}

void mount_list_deinit(struct mount_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].mount_point);
		free(l->items[i].fs_type);
	}
	free(l->items);
	free(l->servers);
	*l = (struct mount_list){0};
}

/* Is @path the mount point, or below it? */
static bool is_below(const char *path, const char *mount_point)
{
	const size_t len = strcmp(mount_point, "/") == 0 ? 0 : strlen(mount_point);

	return strncmp(path, mount_point, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

const struct mount_entry *mount_of_path(const struct mount_list *l, const char *path)
{
	const struct mount_entry *found = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct mount_entry *e = &l->items[i];

		if (is_below(path, e->mount_point) &&
		    (!found || strlen(e->mount_point) >= strlen(found->mount_point)))
			found = e;
	}
	return found;
}

bool mount_asks_server(const struct mount_list *l, const char *path)
{
	for (size_t i = 0; i < l->n_servers; i++) {
		const struct mount_entry *e = &l->items[l->servers[i]];

		/* What another mount covers is not walked into. */
		if (is_below(path, e->mount_point) && mount_of_path(l, e->mount_point) == e)
			return true;
	}
	return false;
}
