/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: input files
 *
 * Owns: opening files and folders, and the check of who could have written them.
 * Must not own: what is in them. Nothing here looks at a byte.
 * Hands off to: build, after the seal.
 */
#include "inputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/hashlist.h"

static int check_owner(const struct stat *st, const char *path, struct diag *d)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return diag_add(d, path, 0, "owned by user %u, not by root",
		                st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return diag_add(d, path, 0,
		                "writable by others than its owner (mode %04o)",
		                st->st_mode & 07777);
	return 0;
}

/*
 * Return: a descriptor or -EINVAL. O_NONBLOCK: a FIFO must not stop us before the
 * check.
 */
static int open_checked(const char *path, int flags, struct stat *st, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);

	if (fd < 0)
		return diag_add(d, path, 0, "%s", strerrordesc_np(errno));
	if (fstat(fd, st) < 0 || check_owner(st, path, d) < 0) {
		fd_close(fd);
		return -EINVAL;
	}
	return fd;
}

/*
 * Read the whole file, which fstat() said is @size long, and terminate it with a NUL.
 */
static int read_text(int fd, size_t size, char **ret)
{
	_cleanup_(freep) char *text = malloc(size + 1);
	size_t used = 0;

	if (!text)
		return -ENOMEM;
	while (used < size) {
		ssize_t n = read(fd, text + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ESTALE; /* it shrank: somebody is writing it */
		used += (size_t)n;
	}
	text[size] = '\0';
	*ret = ptr_take(&text);
	return 0;
}

static int keep_source(struct inputs *in, const char *path, char *text, size_t len)
{
	struct rules_source *p;
	char *file = strdup(path);

	p = reallocarray(in->yara, in->n_yara + 1, sizeof(*p));
	if (p)
		in->yara = p;
	if (!p || !file) {
		free(file);
		return -ENOMEM;
	}
	in->yara[in->n_yara++] = (struct rules_source){file, text, len, in->set, 0};
	in->yara_bytes += len;
	return 0;
}

static const struct rules_source *find_known(const struct inputs *in, const char *path)
{
	for (size_t i = 0; i < in->n_yara; i++)
		if (strcmp(in->yara[i].file, path) == 0)
			return &in->yara[i];
	return NULL;
}

static int add_yara_file(struct inputs *in, int fd, const struct stat *st,
                         const char *path, struct diag *d)
{
	const struct rules_source *known = find_known(in, path);
	_cleanup_(freep) char *text = NULL;
	size_t size = (size_t)st->st_size;
	int r;

	if (known && known->set != in->set)
		return diag_add(d, path, 0, "belongs to the rule set %s already",
		                known->set ? known->set->name : "without a name");
	if (known) /* given twice, or below two given folders */
		return 0;
	if (in->n_yara == INPUT_FILES_MAX)
		return diag_add(d, path, 0, "more than %d files of rules",
		                INPUT_FILES_MAX);
	if (size > INPUT_YARA_MAX_BYTES ||
	    size > INPUT_YARA_SUM_MAX_BYTES - in->yara_bytes)
		return diag_add(
			d, path, 0,
			"too large: more than %zu bytes in one file or %zu in all",
			INPUT_YARA_MAX_BYTES, INPUT_YARA_SUM_MAX_BYTES);
	r = read_text(fd, size, &text);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return diag_add(d, path, 0, "%s", strerrordesc_np(-r));
	r = keep_source(in, path, text, size);
	if (r == 0)
		text = NULL; /* the list owns it */
	return r;
}

static bool has_suffix(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".yar") == 0 || strcmp(dot, ".yara") == 0);
}

/* Folders to enter, files of rules to read; nothing else is looked at. */
static int is_wanted(const struct dirent *e)
{
	if (e->d_name[0] == '.')
		return 0;
	return e->d_type == DT_DIR || e->d_type == DT_UNKNOWN || has_suffix(e->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort(): no locale */
}

static int add_yara_path(struct inputs *in, const char *path, unsigned depth,
                         struct diag *d);

static int add_yara_folder(struct inputs *in, const char *path, unsigned depth,
                           struct diag *d)
{
	struct dirent **entries;
	int n, ret = 0;

	if (depth == INPUT_DEPTH_MAX)
		return diag_add(d, path, 0, "more than %d folders deep",
		                INPUT_DEPTH_MAX);
	n = scandir(path, &entries, is_wanted, by_name);
	if (n < 0)
		return diag_add(d, path, 0, "%s", strerrordesc_np(errno));
	for (int i = 0; i < n; i++) {
		char below[PATH_MAX];
		int len = snprintf(below, sizeof(below), "%s/%s", path,
		                   entries[i]->d_name);
		int r;

		free(entries[i]);
		if (len < 0 || len >= (int)sizeof(below))
			r = diag_add(d, path, 0, "a path below it is too long");
		else
			r = add_yara_path(in, below, depth + 1, d);
		if (r < 0 && ret != -ENOMEM)
			ret = r;
	}
	free(entries);
	return ret;
}

static int add_yara_path(struct inputs *in, const char *path, unsigned depth,
                         struct diag *d)
{
	_cleanup_(fd_closep) int fd = -1;
	struct stat st;

	fd = open_checked(path, 0, &st, d);
	if (fd < 0)
		return fd;
	if (S_ISDIR(st.st_mode))
		return add_yara_folder(in, path, depth, d);
	if (!S_ISREG(st.st_mode))
		return diag_add(d, path, 0, "neither a regular file nor a folder");
	if (depth > 0 && !has_suffix(path)) /* the folder did not tell its type */
		return 0;
	return add_yara_file(in, fd, &st, path, d);
}

int inputs_add_yara(struct inputs *in, const char *path, struct diag *d)
{
	return add_yara_path(in, path, 0, d);
}

int inputs_use_set(struct inputs *in, const struct rules_set *set, struct diag *d)
{
	struct rules_set *own;

	for (size_t i = 0; i < in->n_sets; i++) {
		char text[RULES_SET_TEXT_BYTES], known[RULES_SET_TEXT_BYTES];

		if (strcmp(in->sets[i]->name, set->name) != 0)
			continue;
		rules_set_text(set, text);
		rules_set_text(in->sets[i], known);
		if (strcmp(text, known) != 0)
			return diag_add(d, NULL, 0, "the rule set %s is given twice, as %s and as %s",
			                set->name, known, text);
		in->set = in->sets[i];
		return 0;
	}
	if (in->n_sets == RULES_SETS_MAX)
		return diag_add(d, NULL, 0, "more than %d rule sets", RULES_SETS_MAX);
	own = malloc(sizeof(*own));
	if (!own)
		return -ENOMEM;
	*own = *set;
	in->set = in->sets[in->n_sets++] = own;
	return 0;
}

static int add_hashes(struct hash_input **list, size_t *n, const char *path,
                      struct diag *d)
{
	_cleanup_(fd_closep) int fd = -1;
	struct hash_input *p;
	struct stat st;
	char *file;

	fd = open_checked(path, 0, &st, d);
	if (fd < 0)
		return fd;
	if (!S_ISREG(st.st_mode))
		return diag_add(d, path, 0, "not a regular file");
	if ((uint64_t)st.st_size > INPUT_HASHES_MAX_BYTES)
		return diag_add(d, path, 0, "larger than %llu bytes",
		                (unsigned long long)INPUT_HASHES_MAX_BYTES);
	file = strdup(path);
	p = reallocarray(*list, *n + 1, sizeof(*p));
	if (p)
		*list = p;
	if (!p || !file) {
		free(file);
		return -ENOMEM;
	}
	(*list)[(*n)++] = (struct hash_input){file, fd_take(&fd), (uint64_t)st.st_size};
	return 0;
}

int inputs_add_block(struct inputs *in, const char *path, struct diag *d)
{
	return add_hashes(&in->block, &in->n_block, path, d);
}

int inputs_add_allow(struct inputs *in, const char *path, struct diag *d)
{
	return add_hashes(&in->allow, &in->n_allow, path, d);
}

bool inputs_is_bulk(const struct inputs *in, const struct hash_input *list)
{
	return in->bulk_from > 0 && list->bytes >= in->bulk_from &&
	       !hashlist_holds_names(list->file);
}

static void free_hashes(struct hash_input *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fd_close(list[i].fd);
		free(list[i].file);
	}
	free(list);
}

void inputs_deinit(struct inputs *in)
{
	for (size_t i = 0; i < in->n_yara; i++) {
		free((char *)in->yara[i].file);
		free((char *)in->yara[i].text);
	}
	free(in->yara);
	for (size_t i = 0; i < in->n_sets; i++)
		free(in->sets[i]);
	free_hashes(in->block, in->n_block);
	free_hashes(in->allow, in->n_allow);
	*in = (struct inputs)INPUTS_NULL;
}
