/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration directories
 *
 * Owns: which files count, and in which order.
 * Must not own: what is in them; whether they can be trusted (trusted.c).
 * Hands off to: the parsers of custosd.conf and of the policy.
 */
#include "custos/confdir.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"

#include "trusted.h"

/* A drop-in: the strongest directory that has the name wins. */
struct name {
	char *name;
	size_t dir;
};

struct names {
	struct name *items;
	size_t n;
};

struct reader {
	const char *const *dirs;
	size_t n_dirs;
	bool must_exist;
	const struct confdir_want *want;
	struct confdir_files files;
	struct diag *d;
	int result; /* -EINVAL once something was reported */
};

static void names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i].name);
	free(names->items);
}

void confdir_files_deinit(struct confdir_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->items[i].path);
		free(f->items[i].text);
	}
	free(f->items);
	*f = (struct confdir_files){0};
}

/* Append one file. 1: taken, or masked; 0: not there; -EINVAL: reported. */
static int file_take(struct reader *rd, int dirfd, const char *dir, const char *name)
{
	_cleanup_(freep) char *path = NULL, *text = NULL;
	_cleanup_(fd_closep) int fd = -1;
	struct confdir_file *items;
	size_t len;
	bool mask;
	int r;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = trusted_file_open(dirfd, name, path, &mask, rd->d);
	if (fd == -ENOENT)
		return mask;
	if (fd < 0)
		return fd;
	r = trusted_file_read(fd, path, &text, &len, rd->d);
	if (r < 0)
		return r;
	items = reallocarray(rd->files.items, rd->files.n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	rd->files.items = items;
	items[rd->files.n++] = (struct confdir_file){
		.path = ptr_take(&path),
		.text = ptr_take(&text),
		.len = len,
	};
	return 1;
}

static bool name_wanted(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return name[0] != '.' && len > suffix_len &&
	       strcmp(name + len - suffix_len, suffix) == 0;
}

static bool name_printable(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return false;
	return true;
}

static int names_put(struct reader *rd, struct names *names, const char *path,
                     const char *name, size_t dir)
{
	struct name *items;
	char *copy;

	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->items[i].name, name) == 0) {
			names->items[i].dir = dir; /* directories come weakest first */
			return 0;
		}
	}
	if (names->n >= CONFDIR_FILES_MAX)
		return diag_add(rd->d, path, 0, "more than %d files",
		                CONFDIR_FILES_MAX);
	items = reallocarray(names->items, names->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	names->items = items;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	items[names->n++] = (struct name){.name = copy, .dir = dir};
	return 0;
}

static int names_list(struct reader *rd, struct names *names, const char *path,
                      int dirfd, size_t dir)
{
	_cleanup_(dir_closep) DIR *stream = NULL;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *de;
	int r;

	stream = fd < 0 ? NULL : fdopendir(fd); /* owns fd from here on */
	if (!stream) {
		r = diag_add(rd->d, path, 0, "%s", strerror(errno));
		fd_close(fd);
		return r;
	}
	for (;;) {
		errno = 0;
		de = readdir(stream);
		if (!de)
			break;
		if (!name_wanted(de->d_name, rd->want->suffix))
			continue;
		if (!name_printable(de->d_name)) { /* the others are looked at all the same */
			rd->result = diag_add(rd->d, path, 0, "a file name with control bytes");
			continue;
		}
		r = names_put(rd, names, path, de->d_name, dir);
		if (r < 0)
			return r;
	}
	return errno ? diag_add(rd->d, path, 0, "%s", strerror(errno)) : 0;
}

static int name_compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Errors that were reported do not stop the search for more; others do. */
static int note(struct reader *rd, int r)
{
	if (r == -EINVAL)
		rd->result = r;
	return r == -EINVAL || r > 0 ? 0 : r;
}

/* The main file of the strongest directory that has one. */
static int main_read(struct reader *rd)
{
	bool found = false;
	int r;

	for (size_t i = rd->n_dirs; i > 0; i--) {
		const char *dir = rd->dirs[i - 1];
		_cleanup_(fd_closep) int fd =
			trusted_dir_open(dir, rd->must_exist, rd->d);

		if (fd == -ENOENT)
			continue;
		if (fd < 0) {
			rd->result = fd;
			continue;
		}
		if (found || !rd->want->main)
			continue; /* still checked: its drop-ins count */
		r = file_take(rd, fd, dir, rd->want->main);
		found = r != 0;
		r = note(rd, r);
		if (r < 0)
			return r;
	}
	return 0;
}

static int dropins_read(struct reader *rd)
{
	_cleanup_(names_deinit) struct names names = {0};
	char *paths[CONFDIR_DIRS_MAX] = {0};
	int fds[CONFDIR_DIRS_MAX], r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = -ENOENT;
	for (size_t i = 0; r == 0 && i < rd->n_dirs; i++) {
		if (asprintf(&paths[i], "%s/%s", rd->dirs[i], rd->want->subdir) < 0) {
			paths[i] = NULL;
			r = -ENOMEM;
			break;
		}
		fds[i] = trusted_dir_open(paths[i], false, rd->d);
		if (fds[i] >= 0)
			r = note(rd, names_list(rd, &names, paths[i], fds[i], i));
		else if (fds[i] != -ENOENT)
			rd->result = fds[i];
	}
	if (names.n > 0)
		qsort(names.items, names.n, sizeof(*names.items), name_compare);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		size_t dir = names.items[i].dir;

		r = note(rd, file_take(rd, fds[dir], paths[dir], names.items[i].name));
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fd_close(fds[i]);
		free(paths[i]);
	}
	return r;
}

int confdir_read_dirs(const char *const *dirs, size_t n, bool must_exist,
                      const struct confdir_want *want, struct confdir_files *ret,
                      struct diag *d)
{
	struct reader rd = {.dirs = dirs,
	                    .n_dirs = n,
	                    .must_exist = must_exist,
	                    .want = want,
	                    .d = d};
	int r;

	assert(n <= CONFDIR_DIRS_MAX);
	r = main_read(&rd);
	if (r == 0)
		r = dropins_read(&rd);
	if (r == 0)
		r = rd.result;
	if (r < 0 && r != -EINVAL)
		confdir_files_deinit(&rd.files);
	else
		*ret = rd.files;
	return r;
}

int confdir_read(const char *config_root, const struct confdir_want *want,
                 struct confdir_files *ret, struct diag *d)
{
	static const char *const usual[] = {"/usr/lib/custos", "/run/custos",
	                                    "/etc/custos"};

	if (config_root)
		return confdir_read_dirs(&config_root, 1, true, want, ret, d);
	return confdir_read_dirs(usual, ARRAY_SIZE(usual), false, want, ret, d);
}

int confdir_read_vendor(const char *config_root, const struct confdir_want *want,
                        struct confdir_files *ret, char **ret_vendor, struct diag *d)
{
	const char *dirs[] = {NULL, config_root ?: "/etc/custos"};
	char *vendor;
	int r;

	if (asprintf(&vendor, "%s%s", config_root ?: "/usr/share",
	             config_root ? "/vendor" : "/custos") < 0)
		return -ENOMEM;
	dirs[0] = vendor;
	r = confdir_read_dirs(dirs, ARRAY_SIZE(dirs), false, want, ret, d);
	if (r < 0 && r != -EINVAL)
		free(vendor);
	else
		*ret_vendor = vendor;
	return r;
}
