/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl policy: check and explain, from the files
 *
 * Works while the daemon is down, and on files that are not in force yet.
 *
 * Owns: reading of facts about a path. Must not own: parsing, matching, lint
 * (policy.h).
 */
#include <errno.h>
#include <getopt.h>
#include <libmount.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/policy.h"
#include "output.h"

/* Larger than any policy a person has written; keeps a mistyped path from filling
 * memory. */
#define POLICY_FILE_MAX (4U * 1024 * 1024)
#define MOUNT_POINTS_MAX 64

static int64_t now_sec(void)
{
	return (int64_t)(clock_wall_usec() / USEC_PER_SEC);
}

static int read_policy_file(const char *path, struct policy **ret, struct diag *d)
{
	_cleanup_(file_closep) FILE *f = fopen(path, "re");
	_cleanup_(freep) char *text = malloc(POLICY_FILE_MAX + 1);
	size_t len;

	if (!f)
		return diag_add(d, path, 0, "%s", strerror(errno));
	if (!text)
		return -ENOMEM;
	len = fread(text, 1, POLICY_FILE_MAX + 1, f);
	if (ferror(f))
		return diag_add(d, path, 0, "%s", strerror(errno));
	if (len > POLICY_FILE_MAX)
		return diag_add(d, path, 0, "larger than %u bytes", POLICY_FILE_MAX);
	return policy_parse(path, text, len, ret, d);
}

/* NULL: the usual places; a directory: as --config-root; else one file. */
static int read_policy(const char *path, struct policy **ret, struct diag *d)
{
	struct stat st;

	if (!path)
		return policy_load(NULL, ret, d);
	if (stat(path, &st) < 0)
		return diag_add(d, path, 0, "%s", strerror(errno));
	return S_ISDIR(st.st_mode) ? policy_load(path, ret, d)
	                           : read_policy_file(path, ret, d);
}

static void add_diag_json(json_t *to, const char *kind, const struct diag *d)
{
	json_t *array = json_array();

	for (size_t i = 0; i < d->n_items; i++) {
		const struct diag_item *item = &d->items[i];
		json_t *o = json_pack("{s:i}", "line", (int)item->line);

		if (item->file)
			(void)varlink_set_bytes(o, "file", item->file,
			                        strlen(item->file));
		(void)varlink_set_bytes(o, "reason", item->reason,
		                        strlen(item->reason));
		(void)json_array_append_new(
			array, o); /* no memory: fewer, the exit code tells */
	}
	(void)json_object_set_new(to, kind, array);
}

static void print_diag(const struct diag *d)
{
	_cleanup_(freep) char *text = diag_text(d);

	if (text && *text)
		(void)ctl_error("%s", text);
}

int verb_policy_check(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"lint", no_argument, NULL, 'l'}, {0}};
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(diag_deinit) struct diag errors = DIAG_NULL, findings = DIAG_NULL;
	json_t *o = json_object();
	size_t n_findings = 0;
	bool lint = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c != 'l')
			return CTL_ERROR;
		lint = true;
	}
	if (!ctl_args_ok(argv[0], argc, 0, 1))
		return CTL_ERROR;
	r = read_policy(argv[optind], &p, &errors);
	if (r < 0 && errors.n_total == 0)
		(void)diag_add(&errors, argv[optind], 0, "%s", strerror(-r));
	if (r == 0 && lint)
		n_findings = policy_lint(p, now_sec(), &findings);
	if (ctl->json != CTL_JSON_OFF) {
		add_diag_json(o, "errors", &errors);
		add_diag_json(o, "findings", &findings);
		out_json(ctl, o);
	} else {
		print_diag(&errors);
		diag_print(&findings, stdout);
	}
	json_decref(o);
	return r < 0 ? CTL_ERROR : n_findings > 0 ? CTL_FOUND : CTL_OK;
}

struct facts {
	struct policy_query query;
	struct libmnt_table *mounts;
	const char *mount_points[MOUNT_POINTS_MAX];
};

static bool fill_subject(struct policy_query *q, const char *user, const char *exe,
                         const char *unit)
{
	const struct passwd *pw = user && *user >= '0' && *user <= '9'
	                                  ? getpwuid((uid_t)strtoul(user, NULL, 10))
	                                  : getpwnam(user ?: "root");

	if (!pw) {
		(void)ctl_error("--uid: there is no user '%s'", user ?: "root");
		return false;
	}
	q->uid = pw->pw_uid;
	q->gid = pw->pw_gid;
	q->exe = exe ?: "";
	q->unit = unit ?: "";
	q->slice = q->cgroup = "";
	q->known |= POLICY_FACT_SUBJECT;
	return true;
}

/* Mount points and type of the object's file system. */
static int fill_mounts(struct facts *f, dev_t dev)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;

	f->mounts = mnt_new_table_from_file("/proc/self/mountinfo");
	if (!f->mounts || !iter) {
		mnt_free_iter(iter);
		return ctl_error("cannot read the mounts");
	}
	f->query.fs_type = "";
	while (mnt_table_next_fs(f->mounts, iter, &fs) == 0) {
		if (mnt_fs_get_devno(fs) != dev ||
		    f->query.n_mount_points == MOUNT_POINTS_MAX)
			continue;
		f->query.fs_type = mnt_fs_get_fstype(fs);
		f->mount_points[f->query.n_mount_points++] = mnt_fs_get_target(fs);
	}
	f->query.mount_points = f->mount_points;
	f->query.known |= POLICY_FACT_MOUNT;
	mnt_free_iter(iter);
	return CTL_OK;
}

static int fill_object(struct facts *f, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return ctl_error("%s: %s", path, strerror(errno));
	f->query.event = POLICY_OPEN;
	f->query.path = path;
	f->query.size_bytes = (uint64_t)st.st_size;
	f->query.owner = st.st_uid;
	f->query.dev = st.st_dev;
	f->query.known |= POLICY_FACT_PATH;
	return fill_mounts(f, st.st_dev);
}

static void print_line(const struct ctl *ctl, const struct policy_line *line)
{
	_cleanup_(freep) char *file = NULL;
	json_t *o = json_pack("{s:i}", "line", (int)line->line);

	(void)varlink_set_bytes(o, "file", line->file,
	                        strlen(line->file)); /* no memory: without */
	(void)varlink_set_bytes(o, "text", line->text, strlen(line->text));
	if (ctl->json != CTL_JSON_OFF) {
		out_json(ctl, o);
	} else {
		_cleanup_(freep) char *text = out_text(o, "text");

		file = out_text(o, "file");
		printf("%s:%u: %s\n", file, line->line, text);
	}
	json_decref(o);
}

static int explain(const struct ctl *ctl, const char *root, const char *path,
                   struct facts *f)
{
	_cleanup_(policy_freep) struct policy *p = NULL;
	_cleanup_(diag_deinit) struct diag errors = DIAG_NULL;
	const struct policy_line *line;
	int r = policy_load(root, &p, &errors);

	if (r < 0) {
		print_diag(&errors);
		return ctl_error(
			"the policy cannot be read: see 'custosctl policy check'");
	}
	r = fill_object(f, path);
	if (r != CTL_OK)
		return r;
	line = policy_nowatch_mount(p, &f->query, now_sec());
	if (!line && policy_match(p, &f->query, now_sec(), &line) != 0)
		return ctl_error("the policy asks for facts that are not known here");
	print_line(ctl, line);
	return CTL_OK;
}

int verb_policy_explain(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"exe", required_argument, NULL, 'e'},
		{"uid", required_argument, NULL, 'u'},
		{"unit", required_argument, NULL, 'n'},
		{"config-root", required_argument, NULL, 'c'},
		{0},
	};
	const char *root = NULL, *exe = NULL, *user = NULL, *unit = NULL;
	_cleanup_(freep) char *path = NULL;
	struct facts f = {0};
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == '?')
			return CTL_ERROR;
		*(c == 'e'   ? &exe
		  : c == 'u' ? &user
		  : c == 'n' ? &unit
		             : &root) = optarg;
	}
	if (!ctl_args_ok(argv[0], argc, 1, 1) ||
	    !fill_subject(&f.query, user, exe, unit))
		return CTL_ERROR;
	path = ctl_realpath(argv[optind]);
	if (!path)
		return CTL_ERROR;
	r = explain(ctl, root, path, &f);
	mnt_unref_table(f.mounts);
	return r;
}
