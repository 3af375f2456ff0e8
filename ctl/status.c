/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl status, stats
 *
 * Owns: how they look, and which state counts as healthy.
 * Must not own: the facts (the daemon's Status and Stats).
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "custos/cleanup.h"
#include "output.h"

/* Unhealthy: opens may go unjudged although nobody asked for that. */
static bool is_healthy(json_t *status)
{
	const char *state = json_string_value(json_object_get(status, "state"));

	return state &&
	       (strcmp(state, "enforcing") == 0 || strcmp(state, "monitoring") == 0);
}

static void print_head(const struct ctl *ctl, json_t *s)
{
	_cleanup_(freep) char *state = out_text(s, "state");
	json_t *reasons = json_object_get(s, "reasons"), *reason;
	size_t n = json_array_size(reasons), i;
	enum out_style style = !is_healthy(s) ? OUT_BAD : n ? OUT_WARN : OUT_GOOD;

	printf("%s%s", out_style(ctl, style), state);
	if (n > 0)
		printf(", %zu warning%s", n, n == 1 ? "" : "s");
	printf("%s\n", out_reset(ctl));
	json_array_foreach (reasons, i, reason) {
		json_t *o = json_pack("{s:O}", "reason", reason);
		_cleanup_(freep) char *text = out_text(o, "reason");

		printf("  %s\n", text);
		json_decref(o);
	}
}

static void print_mode(json_t *s)
{
	_cleanup_(freep) char *mode = out_text(s, "mode");
	_cleanup_(freep) char *reason = out_text(s, "modeReason");
	_cleanup_(freep) char *error = out_text(s, "lastReloadError");
	char time[OUT_USEC_BYTES];

	printf("mode       %s", mode);
	if (json_object_get(s, "modeRemainingUsec"))
		printf(", for another %s",
		       out_usec(out_int(s, "modeRemainingUsec"), time));
	printf("%s%s\n", *reason ? ": " : "", reason);
	if (*error)
		printf("reload     failed: %s\n", error);
}

static void print_facts(json_t *s)
{
	json_t *rules = json_object_get(s, "rules"),
	       *n = json_object_get(s, "counters");
	json_t *pids = json_object_get(s, "processes");
	_cleanup_(freep) char *version = out_text(s, "version");
	char time[OUT_USEC_BYTES];

	printf("version    %s, up %s\n", version,
	       out_usec(out_int(s, "uptimeUsec"), time));
	printf("rules      generation %" PRId64 ": %" PRId64 " YARA, %" PRId64
	       " hashes, %" PRId64 " allowed hashes\n",
	       out_int(rules, "generation"), out_int(rules, "yara"),
	       out_int(rules, "hashes"), out_int(rules, "allowHashes"));
	printf("processes  custosd %" PRId64 ", keeper %" PRId64 ", anchor %" PRId64
	       ", scanner %" PRId64 "\n",
	       out_int(pids, "supervisor"), out_int(pids, "keeper"),
	       out_int(pids, "anchor"), out_int(pids, "scanner"));
	printf("events     %" PRId64 ": %" PRId64 " allowed, %" PRId64
	       " denied, %" PRId64 " from cache\n",
	       out_int(n, "events"), out_int(n, "allowed"), out_int(n, "denied"),
	       out_int(n, "cacheHits"));
	printf("held       %" PRId64 " files that nobody need ask about\n",
	       out_int(n, "heldFiles"));
	printf("scans      %" PRId64 ", %" PRId64 " timeouts, %" PRId64
	       " errors, %" PRId64 " scanner restarts, oldest waiting %s\n",
	       out_int(n, "scans"), out_int(n, "timeouts"), out_int(n, "errors"),
	       out_int(n, "scannerRestarts"),
	       out_usec(out_int(n, "oldestPendingUsec"), time));
	if (out_int(n, "gapUsec") > 0)
		printf("gap        nobody had answered for opens for up to %s when this custosd started\n",
		       out_usec(out_int(n, "gapUsec"), time));
	if (out_int(n, "refusedByKernel") > 0)
		printf("refused    %" PRId64
		       " opens by the kernel alone, which could not open them for custosd\n",
		       out_int(n, "refusedByKernel"));
	if (out_int(n, "closesSkipped") > 0)
		printf("skipped    %" PRId64 " written files, too many at once\n",
		       out_int(n, "closesSkipped"));
}

static void print_coverage(const struct ctl *ctl, json_t *s)
{
	static const char *const keys[] = {"mountPoint", "fsType", "device", "state"};
	static const char *const heads[] = {"MOUNT", "TYPE",   "DEVICE", "STATE",
	                                    "SEEN BY", "CANARY", "REASON"};
	_cleanup_(table_deinit) struct table t = {.n_columns = ARRAY_SIZE(heads)};
	json_t *row;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(heads); i++)
		table_printf(&t, "%s", heads[i]);
	json_array_foreach (json_object_get(s, "coverage"), i, row) {
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			table_add(&t, out_text(row, keys[k]));
		if (out_int(row, "pid") > 0) /* whose mount namespace has it */
			table_printf(&t, "pid:%" PRId64, out_int(row, "pid"));
		else
			table_printf(&t, "host");
		table_add(&t, out_text(row, "canary"));
		table_add(&t, out_text(row, "reason"));
	}
	putchar('\n');
	table_print(&t, ctl);
	if (out_int(s, "coverageOmitted") > 0)
		printf("and %" PRId64 " more\n", out_int(s, "coverageOmitted"));
}

/* One value by its name, or "counters.denied". Strings without quotes: made for
 * scripts. */
static int print_field(const struct ctl *ctl, json_t *status, const char *field)
{
	_cleanup_(freep) char *copy = strdup(field);
	char *rest = copy, *name;
	json_t *parent = NULL, *value = status;

	while (value && (name = strsep(&rest, "."))) {
		parent = value;
		value = json_object_get(parent, name);
		if (value && !rest && json_is_string(value) &&
		    ctl->json == CTL_JSON_OFF) {
			_cleanup_(freep) char *text = out_text(parent, name);

			puts(text ?: "");
			return CTL_OK;
		}
	}
	if (!value)
		return ctl_error("the status has no field '%s': see 'custosctl "
		                 "--json=pretty status'",
		                 field);
	out_json(ctl, value);
	return CTL_OK;
}

int verb_status(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"field", required_argument, NULL, 'f'},
	                                        {0}};
	const char *field = NULL;
	json_t *s = NULL;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (o != 'f')
			return CTL_ERROR;
		field = optarg;
	}
	if (!ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = client_call(ctl, "Status", NULL, CLIENT_TIMEOUT_MSEC, &s);
	if (r != CTL_OK)
		return r;
	if (field) {
		r = print_field(ctl, s, field);
	} else if (ctl->json != CTL_JSON_OFF) {
		out_json(ctl, s);
	} else {
		print_head(ctl, s);
		print_mode(s);
		print_facts(s);
		print_coverage(ctl, s);
	}
	if (r == CTL_OK && !is_healthy(s))
		r = CTL_FOUND;
	json_decref(s);
	return r;
}

static void print_stats(const struct ctl *ctl, json_t *s)
{
	_cleanup_(table_deinit) struct table t = {.n_columns = 4, .right = 7};
	json_t *row;
	size_t i;

	table_printf(&t, "TIME");
	table_printf(&t, "LONGEST");
	table_printf(&t, "EVENTS");
	table_printf(&t, "%s", json_string_value(json_object_get(s, "by")) ?: "");
	json_array_foreach (json_object_get(s, "rows"), i, row) {
		char time[OUT_USEC_BYTES];

		table_printf(&t, "%s", out_usec(out_int(row, "usec"), time));
		table_printf(&t, "%s", out_usec(out_int(row, "maxUsec"), time));
		table_printf(&t, "%" PRId64, out_int(row, "count"));
		table_add(&t, out_text(row, "key"));
	}
	table_print(&t, ctl);
}

int verb_stats(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"top", required_argument, NULL, 't'},
	                                        {"by", required_argument, NULL, 'b'},
	                                        {0}};
	const char *by = "path";
	int64_t top = 10;
	json_t *s = NULL;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (o == 't' && !ctl_parse_int("--top", optarg, 1, 512, &top))
			return CTL_ERROR;
		if (o == 'b')
			by = optarg;
		if (o == '?')
			return CTL_ERROR;
	}
	if (!ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = client_call(ctl, "Stats",
	                json_pack("{s:s, s:I}", "by", by, "top", (json_int_t)top),
	                CLIENT_TIMEOUT_MSEC, &s);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, s);
	else
		print_stats(ctl, s);
	json_decref(s);
	return CTL_OK;
}
