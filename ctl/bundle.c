/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl bundle: list, import, rollback
 *
 * Owns: their options and texts. Must not own: what a bundle must be (the daemon);
 * verify and diff, which need no daemon (bundle-verify.c, bundle-diff.c).
 */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "custos/cleanup.h"
#include "output.h"

/* Gigabytes are copied, rules compiled, the host's files judged: on a slow machine. */
#define BUNDLE_TIMEOUT_MSEC (600 * 1000)

static const struct option no_options[] = {{0}};

int verb_bundle(struct ctl *ctl, int argc, char **argv)
{
	if (argc < 2)
		return ctl_error(
			"'bundle' takes list, verify, import, diff or rollback");
	return ctl_dispatch(ctl, bundle_verbs, argc - 1, argv + 1);
}

int bundle_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		(void)ctl_error("%s: %s", path, strerror(errno));
	return fd;
}

const char *bundle_time(int64_t sec, char buf[32])
{
	time_t t = (time_t)sec;
	struct tm tm;

	if (sec == 0 || !gmtime_r(&t, &tm) || strftime(buf, 32, "%F %T UTC", &tm) == 0)
		(void)snprintf(buf, 32, "-");
	return buf;
}

static char *join_ids(json_t *ids)
{
	_cleanup_(freep) char *text = NULL;
	size_t len, i;
	json_t *id;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	json_array_foreach(ids, i, id)
	{
		if (json_is_integer(id))
			(void)fprintf(f, "%s%" JSON_INTEGER_FORMAT, i ? " " : "",
			              json_integer_value(id));
		else
			(void)fprintf(f, "%s%s", i ? " " : "",
			              json_string_value(id) ?: "");
	}
	return fclose(f) == 0 ? ptr_take(&text) : NULL;
}

static void print_list(const struct ctl *ctl, json_t *bundles)
{
	static const char *const heads[] = {"CHANNEL", "SERIAL", "CREATED",  "EXPIRES",
	                                    "STATE",   "KEPT",   "SIGNED BY"};
	_cleanup_(table_deinit) struct table t = {.n_columns = ARRAY_SIZE(heads)};
	char time[32];
	json_t *b;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heads); i++)
		table_printf(&t, "%s", heads[i]);
	json_array_foreach(bundles, i, b)
	{
		table_add(&t, out_text(b, "channel"));
		table_printf(&t, "%" PRId64, out_int(b, "serial"));
		table_printf(&t, "%s",
		             bundle_time(out_int(b, "created") / 1000000, time));
		table_printf(&t, "%s",
		             bundle_time(out_int(b, "expires") / 1000000, time));
		table_printf(&t, "%s",
		             json_is_false(json_object_get(b, "used")) ? "not used"
		             : json_is_false(json_object_get(b, "trusted"))
		                     ? "not trusted"
		                     : "in force");
		table_add(&t, join_ids(json_object_get(b, "kept")));
		table_add(&t, join_ids(json_object_get(b, "keyIds")));
	}
	table_print(&t, ctl);
}

static int verb_list(struct ctl *ctl, int argc, char **argv)
{
	json_t *reply = NULL;
	int r;

	if (getopt_long(argc, argv, "", no_options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = client_call(ctl, "Bundles", NULL, CLIENT_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	else
		print_list(ctl, json_object_get(reply, "bundles"));
	json_decref(reply);
	return CTL_OK;
}

static void print_result(const struct ctl *ctl, json_t *reply)
{
	_cleanup_(freep) char *channel = out_text(reply, "channel");
	char time[OUT_USEC_BYTES];

	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	else if (json_is_true(json_object_get(reply, "unchanged")))
		printf("%s %" PRId64 " was in force already\n", channel,
		       out_int(reply, "serial"));
	else
		printf("%s %" PRId64 " is in force, generation %" PRId64 ", after %s\n",
		       channel, out_int(reply, "serial"), out_int(reply, "generation"),
		       out_usec(out_int(reply, "usecSpent"), time));
}

static int verb_import(struct ctl *ctl, int argc, char **argv)
{
	_cleanup_(fd_closep) int fd = -1;
	json_t *reply = NULL;
	int r;

	if (getopt_long(argc, argv, "", no_options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 1, 1))
		return CTL_ERROR;
	fd = bundle_open(argv[optind]);
	if (fd < 0)
		return CTL_ERROR;
	r = client_call_fd(ctl, "ImportBundle", json_pack("{s:i}", "bundle", 0), fd,
	                   BUNDLE_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK)
		return r;
	print_result(ctl, reply);
	json_decref(reply);
	return CTL_OK;
}

static int verb_rollback(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"reason", required_argument, NULL, 'r'},
		{0}};
	const char *reason = NULL, *channel;
	int64_t serial = 0;
	json_t *p, *reply = NULL;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (o == 'r')
			reason = optarg;
		else if (o != 't' ||
		         !ctl_parse_int("--to", optarg, 1, BUNDLE_SERIAL_MAX, &serial))
			return CTL_ERROR;
	}
	if (!ctl_args_ok(argv[0], argc, 0, 1))
		return CTL_ERROR;
	if (!reason)
		return ctl_error(
			"'bundle rollback' brings older rules back: say why, with "
			"--reason TEXT");
	channel = optind < argc ? argv[optind] : NULL;
	p = json_pack("{s:s, s:s*}", "reason", reason, "channel", channel);
	if (!p)
		return ctl_error("reason and channel must be UTF-8 text");
	if (serial)
		(void)json_object_set_new(p, "serial", json_integer(serial));
	r = client_call(ctl, "RollbackBundle", p, BUNDLE_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK)
		return r;
	print_result(ctl, reply);
	json_decref(reply);
	return CTL_OK;
}

const struct verb bundle_verbs[] = {
	{"list", "", "Which are in force, and which are kept", verb_list},
	{"verify", "[--config-root DIR] DIR",
         "Check signatures and files, without the daemon", verb_bundle_verify},
	{"import", "DIR", "Verify, try, and put in force", verb_import},
	{"diff", "[--config-root DIR] [--state-dir DIR] DIR [DIR]",
         "What it would add and remove, without the daemon", verb_bundle_diff},
	{"rollback", "--reason TEXT [--to SERIAL] [CHANNEL]",
         "Go back to one that was kept", verb_rollback},
	{0},
};
