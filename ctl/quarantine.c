/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl quarantine
 *
 * Owns: list, info, release, export as texts and JSON.
 * Must not own: the entries (the daemon), nor where a release puts a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "custos/cleanup.h"
#include "output.h"

/* A gibibyte is copied, on a slow disk, after others. */
#define MOVE_TIMEOUT_MSEC (600 * 1000)

static const struct option no_options[] = {{0}};

int verb_quarantine(struct ctl *ctl, int argc, char **argv)
{
	if (argc < 2)
		return ctl_error("'quarantine' takes list, info, release or export");
	return ctl_dispatch(ctl, quarantine_verbs, argc - 1, argv + 1);
}

/* The last id so far, borrowed; NULL at the start. */
static json_t *last_id(json_t *all)
{
	json_t *entries = json_object_get(all, "entries");
	size_t n = json_array_size(entries);

	return n ? json_object_get(json_array_get(entries, n - 1), "id") : NULL;
}

/* All pages as one reply. An entry taken or released meanwhile may be missing or shown. */
static int fetch(const struct ctl *ctl, json_t **ret)
{
	json_t *all = NULL;
	bool more = true;

	while (more) {
		json_t *p = NULL, *entries;
		int r = client_call(ctl, "Quarantine",
		                    json_pack("{s:O*}", "after", last_id(all)),
		                    MOVE_TIMEOUT_MSEC, &p);

		if (r != CTL_OK) {
			json_decref(all);
			return r;
		}
		entries = json_object_get(p, "entries");
		more = json_is_true(json_object_get(p, "more")) && json_array_size(entries) > 0;
		if (all) /* no memory: fewer */
			(void)json_array_extend(json_object_get(all, "entries"), entries);
		else
			all = json_incref(p);
		json_decref(p);
	}
	*ret = all;
	return CTL_OK;
}

static void add_time(struct table *t, json_t *entry)
{
	time_t sec = (time_t)(out_int(entry, "time") / 1000000);
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&sec, &tm))
		(void)strftime(text, sizeof(text), "%F %T", &tm); /* fits */
	table_printf(t, "%s", text);
}

static void print_list(const struct ctl *ctl, json_t *reply)
{
	_cleanup_(table_deinit) struct table t = {.n_columns = 5, .right = 1U << 2};
	json_t *entry;
	size_t i;

	table_printf(&t, "ID");
	table_printf(&t, "TIME");
	table_printf(&t, "SIZE");
	table_printf(&t, "RULE");
	table_printf(&t, "PATH");
	json_array_foreach (json_object_get(reply, "entries"), i, entry) {
		table_add(&t, out_text(entry, "id"));
		add_time(&t, entry);
		table_printf(&t, "%" PRId64, out_int(entry, "size"));
		table_add(&t, out_text(entry, "rule"));
		table_add(&t, json_is_true(json_object_get(entry, "damaged")) ?
		                      strdup("(damaged)") :
		                      out_text(entry, "path"));
	}
	table_print(&t, ctl);
	printf("%" PRId64 " files, %" PRId64 " of %" PRId64 " bytes\n",
	       out_int(reply, "total"), out_int(reply, "bytes"), out_int(reply, "bytesMax"));
}

static int verb_list(struct ctl *ctl, int argc, char **argv)
{
	json_t *reply = NULL, *entry;
	size_t i;
	int r;

	if (getopt_long(argc, argv, "", no_options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = fetch(ctl, &reply);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF) {
		json_array_foreach (json_object_get(reply, "entries"), i, entry)
			out_json(ctl, entry);
	} else {
		print_list(ctl, reply);
	}
	json_decref(reply);
	return CTL_OK;
}

static void print_entry(json_t *entry)
{
	static const char *const texts[] = {"id", "path", "origin", "sha256", "rule",
	                                    "reason", "policyLine", "device"};
	static const char *const numbers[] = {"size", "uid", "gid", "inode", "links"};
	json_t *x;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(freep) char *text = out_text(entry, texts[i]);

		printf("%-11s %s\n", texts[i], text ?: "");
	}
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		printf("%-11s %" PRId64 "\n", numbers[i], out_int(entry, numbers[i]));
	printf("%-11s %04" PRIo64 "\n", "mode", (uint64_t)out_int(entry, "mode"));
	json_array_foreach (json_object_get(entry, "xattrs"), i, x) {
		_cleanup_(freep) char *name = out_text(x, "name");

		printf("%-11s %s\n", "xattr", name ?: "");
	}
}

static int verb_info(struct ctl *ctl, int argc, char **argv)
{
	json_t *reply = NULL, *entry;
	int r;

	if (getopt_long(argc, argv, "", no_options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 1, 1))
		return CTL_ERROR;
	r = client_call(ctl, "Quarantine", json_pack("{s:s}", "id", argv[optind]),
	                MOVE_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK)
		return r;
	entry = json_array_get(json_object_get(reply, "entries"), 0);
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, entry);
	else
		print_entry(entry);
	json_decref(reply);
	return CTL_OK;
}

static void print_release(json_t *reply)
{
	_cleanup_(freep) char *path = out_text(reply, "path");
	json_t *refused, *list = json_object_get(reply, "notRestored");
	size_t i;

	printf("%s is back\n", path ?: "");
	json_array_foreach (list, i, refused)
		printf("not restored: %s\n", json_string_value(refused) ?: "");
	printf("note: %s\n", json_string_value(json_object_get(reply, "note")) ?: "");
}

static int verb_release(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"reason", required_argument, NULL, 'r'}, {0}};
	const char *reason = NULL;
	json_t *p, *reply = NULL;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (o == '?')
			return CTL_ERROR;
		reason = optarg;
	}
	if (!ctl_args_ok(argv[0], argc, 1, 1))
		return CTL_ERROR;
	if (!reason)
		return ctl_error("'quarantine release' brings a malicious file back: say why "
		                 "with --reason TEXT");
	p = json_pack("{s:s, s:s}", "id", argv[optind], "reason", reason);
	if (!p)
		return ctl_error("id and reason must be UTF-8 text");
	r = client_call(ctl, "QuarantineRelease", p, MOVE_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	else
		print_release(reply);
	json_decref(reply);
	return CTL_OK;
}

static int verb_export(struct ctl *ctl, int argc, char **argv)
{
	_cleanup_(fd_closep) int fd = -1;
	json_t *reply = NULL;
	const char *file;
	int r;

	if (getopt_long(argc, argv, "", no_options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 2, 2))
		return CTL_ERROR;
	file = argv[optind + 1];
	/* Its owner's alone, not to be run, and nothing is overwritten. */
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return ctl_error("%s: %s", file, strerror(errno));
	r = client_call_fd(ctl, "QuarantineExport",
	                   json_pack("{s:s, s:i}", "id", argv[optind], "fd", 0), fd,
	                   MOVE_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK) {
		(void)unlink(file); /* we made it */
		return r;
	}
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	else
		printf("%" PRId64 " bytes, sha256 %s\n", out_int(reply, "size"),
		       json_string_value(json_object_get(reply, "sha256")) ?: "");
	json_decref(reply);
	return CTL_OK;
}

const struct verb quarantine_verbs[] = {
	{"list", "", "What was taken, oldest first", verb_list},
	{"info", "ID", "All that is known about one file", verb_info},
	{"release", "--reason TEXT ID", "Put a file back to where it was", verb_release},
	{"export", "ID FILE", "Write its bytes to a new file", verb_export},
	{0},
};
