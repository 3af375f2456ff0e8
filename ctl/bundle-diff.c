/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl bundle diff
 *
 * Owns: which entries differ between two verified bundles. Must not own: what they
 * mean: YARA rules are told apart by file, name and text, hashes by their lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "custos/cleanup.h"
#include "custos/text.h"
#include "output.h"

struct entry {
	char *key;    /* "FILE: HASH ...", or "FILE: rule NAME" */
	uint64_t sum; /* of a rule's text */
};

struct entries {
	struct entry *items;
	size_t n, n_alloc;
};

static void entries_deinit(struct entries *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->items[i].key);
	free(e->items);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static void add_text(uint64_t *sum, const char *s)
{
	for (; *s; s++)
		*sum = (*sum ^ (unsigned char)*s) *
		       UINT64_C(0x100000001b3); /* FNV-1a */
}

static struct entry *add_entry(struct entries *e, const char *file, const char *what,
                               size_t len)
{
	_cleanup_(freep) char *safe = text_escape(what, len);
	struct entry *p;

	if (e->n == e->n_alloc) {
		size_t n = e->n_alloc ? 2 * e->n_alloc : 256;

		p = reallocarray(e->items, n, sizeof(*p));
		if (!p)
			return NULL;
		e->items = p;
		e->n_alloc = n;
	}
	p = &e->items[e->n];
	p->sum = UINT64_C(0xcbf29ce484222325);
	if (!safe || asprintf(&p->key, "%s: %s", file, safe) < 0)
		return NULL;
	e->n++;
	return p;
}

/* The name if a rule begins in this line, else NULL. */
static const char *rule_name(const char *line, size_t *ret_len)
{
	line += strspn(line, " \t");
	for (;;) {
		size_t len = strcspn(line, " \t");
		bool last = len == 4 && strncmp(line, "rule", 4) == 0;

		if (!last && !(len == 6 && strncmp(line, "global", 6) == 0) &&
		    !(len == 7 && strncmp(line, "private", 7) == 0))
			return NULL;
		line += len;
		line += strspn(line, " \t");
		if (last)
			break;
	}
	*ret_len = strspn(
		line,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
	return *ret_len ? line : NULL;
}

/* Lines of a hash list are entries; so is a rule, with all lines up to the next. */
static int read_file(FILE *f, const struct bundle_file *file, struct entries *e)
{
	_cleanup_(freep) char *line = NULL;
	struct entry *rule = NULL;
	size_t size = 0;
	ssize_t n;

	while ((n = getline(&line, &size, f)) >= 0) {
		size_t len = strcspn(line, "\r\n");
		const char *name = line;

		line[len] = '\0';
		if (file->kind == BUNDLE_YARA) {
			name = rule_name(line, &len);
			if (name)
				rule = add_entry(e, file->name, name, len);
			if (name && !rule)
				return -ENOMEM;
			if (rule)
				add_text(&rule->sum, line);
		} else if (len > 0 && line[0] != '#' &&
		           !add_entry(e, file->name, name, len)) {
			return -ENOMEM;
		}
	}
	return ferror(f) ? -EIO : 0;
}

static int read_entries(int dirfd, const struct bundle *b, struct entries *e)
{
	for (size_t i = 0; i < b->manifest.n_files; i++) {
		const struct bundle_file *file = &b->manifest.files[i];
		_cleanup_(file_closep) FILE *f = NULL;
		int fd = openat(dirfd, file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		int r;

		f = fd < 0 ? NULL : fdopen(fd, "re");
		if (!f)
			return -errno;
		r = file->kind == BUNDLE_TEXT ? 0 : read_file(f, file, e);
		if (r < 0)
			return r;
	}
	if (e->n > 0)
		qsort(e->items, e->n, sizeof(*e->items), by_key);
	return 0;
}

struct counts {
	uint64_t added, removed, changed;
};

static void tell(const struct ctl *ctl, const char *what, const char *key)
{
	json_t *o;

	if (ctl->json == CTL_JSON_OFF) {
		printf("%s %s\n",
		       strcmp(what, "added") == 0     ? "+"
		       : strcmp(what, "removed") == 0 ? "-"
		                                      : "~",
		       key);
		return;
	}
	o = json_pack("{s:s, s:s}", "change", what, "entry", key);
	out_json(ctl, o);
	json_decref(o);
}

static void compare(const struct ctl *ctl, const struct entries *a,
                    const struct entries *b, struct counts *ret)
{
	size_t i = 0, k = 0;

	while (i < a->n || k < b->n) {
		int c = i == a->n   ? 1
		        : k == b->n ? -1
		                    : strcmp(a->items[i].key, b->items[k].key);

		if (c < 0) {
			tell(ctl, "removed", a->items[i++].key);
			ret->removed++;
		} else if (c > 0) {
			tell(ctl, "added", b->items[k++].key);
			ret->added++;
		} else {
			if (a->items[i].sum != b->items[k].sum) {
				tell(ctl, "changed", b->items[k].key);
				ret->changed++;
			}
			i++;
			k++;
		}
	}
}

static int diff(const struct ctl *ctl, int old_fd, const struct bundle *old, int new_fd,
                const struct bundle *new)
{
	_cleanup_(entries_deinit) struct entries a = {0};
	_cleanup_(entries_deinit) struct entries b = {0};
	struct counts n = {0};
	json_t *summary;
	int r = old_fd < 0 ? 0 : read_entries(old_fd, old, &a);

	if (r == 0)
		r = read_entries(new_fd, new, &b);
	if (r < 0)
		return ctl_error("the bundles cannot be compared: %s", strerror(-r));
	compare(ctl, &a, &b, &n);
	if (ctl->json == CTL_JSON_OFF) {
		printf("%s: %" PRId64 " to %" PRId64 ": %" PRIu64 " added, %" PRIu64
		       " removed, %" PRIu64 " changed\n",
		       new->manifest.channel, old->manifest.serial,
		       new->manifest.serial, n.added, n.removed, n.changed);
		return CTL_OK;
	}
	summary = json_pack("{s:{s:I, s:I, s:I}}", "summary", "added",
	                    (json_int_t)n.added, "removed", (json_int_t)n.removed,
	                    "changed", (json_int_t)n.changed);
	out_json(ctl, summary);
	json_decref(summary);
	return CTL_OK;
}

/* The one in force in the new one's channel; *ret_fd stays -1 when there is none. */
static int open_current(const char *config_root, const char *state_dir,
                        const char *channel, struct bundle *ret, int *ret_fd)
{
	_cleanup_(freep) char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/bundles/%s/current", state_dir, channel) < 0)
		return ctl_error("out of memory");
	if (stat(path, &st) < 0)
		return errno == ENOENT ? CTL_OK
		                       : ctl_error("%s: %s", path, strerror(errno));
	return bundle_verify_path(config_root, path, ret, ret_fd);
}

int verb_bundle_diff(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"config-root", required_argument, NULL, 'c'},
		{"state-dir", required_argument, NULL, 's'},
		{0}};
	_cleanup_(bundle_deinit) struct bundle old = BUNDLE_NULL;
	_cleanup_(bundle_deinit) struct bundle new = BUNDLE_NULL;
	_cleanup_(fd_closep) int old_fd = -1;
	_cleanup_(fd_closep) int new_fd = -1;
	const char *config_root = NULL, *state_dir = BUNDLE_STATE_DIR;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (o == 'c')
			config_root = optarg;
		else if (o == 's')
			state_dir = optarg;
		else
			return CTL_ERROR;
	}
	if (!ctl_args_ok(argv[0], argc, 1, 2))
		return CTL_ERROR;
	/* Nothing is parsed that was not verified. */
	r = bundle_verify_path(config_root, argv[argc - 1], &new, &new_fd);
	if (r == CTL_OK && argc - optind == 2)
		r = bundle_verify_path(config_root, argv[optind], &old, &old_fd);
	else if (r == CTL_OK)
		r = open_current(config_root, state_dir, new.manifest.channel, &old,
		                 &old_fd);
	return r == CTL_OK ? diff(ctl, old_fd, &old, new_fd, &new) : r;
}
