/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl policy: the one in force
 *
 * Owns: show and exclusions. Must not own: check and explain, which read files
 * (policy-check.c).
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "custos/cleanup.h"
#include "output.h"

/* A reload in between is rare, two in a row are not ours to wait for. */
#define FETCH_TRIES 3

const struct verb policy_verbs[] = {
	{"check", "[--lint] [FILE|DIR]", "Check rules, without the daemon",
         verb_policy_check},
	{"show", "", "Lines in force", verb_policy_show},
	{"explain", "[--config-root DIR] [--exe PATH] [--uid USER] [--unit UNIT] PATH",
         "The line that decides, without the daemon", verb_policy_explain},
	{"exclusions", "", "Lines in force that leave files unjudged",
         verb_policy_exclusions},
	{0},
};

int verb_policy(struct ctl *ctl, int argc, char **argv)
{
	if (argc < 2)
		return ctl_error("'policy' takes check, show, explain or exclusions");
	return ctl_dispatch(ctl, policy_verbs, argc - 1, argv + 1);
}

/* Lines of all parts; *ret_same is false when a reload came in between. */
static int fetch_parts(const struct ctl *ctl, json_t *lines, json_t **ret_first,
                       bool *ret_same)
{
	int64_t from = 0;

	*ret_same = true;
	do {
		json_t *p = NULL;
		int r = client_call(ctl, "Policy",
		                    json_pack("{s:I}", "from", (json_int_t)from),
		                    CLIENT_TIMEOUT_MSEC, &p);

		if (r != CTL_OK)
			return r;
		if (!*ret_first)
			*ret_first = json_incref(p);
		*ret_same &= json_equal(json_object_get(p, "digest"),
		                        json_object_get(*ret_first, "digest"));
		(void)json_array_extend(
			lines, json_object_get(p, "lines")); /* no memory: fewer */
		from = out_int(p, "next");
		json_decref(p);
	} while (from > 0 && *ret_same);
	return CTL_OK;
}

/* The policy as {digest, lines}. */
static int fetch(const struct ctl *ctl, json_t **ret)
{
	for (unsigned i = 0; i < FETCH_TRIES; i++) {
		json_t *lines = json_array(), *first = NULL;
		bool same;
		int r = fetch_parts(ctl, lines, &first, &same);

		if (r == CTL_OK && same)
			*ret = json_pack("{s:O, s:O}", "digest",
			                 json_object_get(first, "digest"), "lines",
			                 lines);
		json_decref(lines);
		json_decref(first);
		if (r != CTL_OK || same)
			return r;
	}
	return ctl_error("the policy changes too fast: try again");
}

int verb_policy_show(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{0}};
	json_t *p = NULL, *line;
	size_t i;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = fetch(ctl, &p);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF) {
		out_json(ctl, p);
	} else {
		json_array_foreach (json_object_get(p, "lines"), i, line) {
			_cleanup_(freep) char *file = out_text(line, "file");
			_cleanup_(freep) char *text = out_text(line, "text");

			printf("%s:%" PRId64 ": %s%s\n", file, out_int(line, "line"),
			       text,
			       json_is_true(json_object_get(line, "expired"))
			               ? "  (expired)"
			               : "");
		}
		printf("digest %s\n",
		       json_string_value(json_object_get(p, "digest")) ?: "");
	}
	json_decref(p);
	return CTL_OK;
}

static void add_expiry(struct table *t, json_t *line)
{
	time_t sec = (time_t)(out_int(line, "expires") / 1000000);
	char date[32] = "never";
	struct tm tm;

	if (sec > 0 && gmtime_r(&sec, &tm))
		(void)strftime(date, sizeof(date), "%F", &tm); /* fits */
	table_printf(t, "%s%s", date,
	             json_is_true(json_object_get(line, "expired")) ? " (past)" : "");
}

static void print_exclusions(const struct ctl *ctl, json_t *lines)
{
	_cleanup_(table_deinit) struct table t = {.n_columns = 5, .right = 1U << 2};
	json_t *line;
	size_t i;

	table_printf(&t, "WHERE");
	table_printf(&t, "EXPIRES");
	table_printf(&t, "HITS");
	table_printf(&t, "REASON");
	table_printf(&t, "LINE");
	json_array_foreach (lines, i, line) {
		_cleanup_(freep) char *file = out_text(line, "file");

		table_printf(&t, "%s:%" PRId64, file, out_int(line, "line"));
		add_expiry(&t, line);
		table_printf(&t, "%" PRId64, out_int(line, "hits"));
		table_add(&t, out_text(line, "reason"));
		table_add(&t, out_text(line, "text"));
	}
	table_print(&t, ctl);
}

int verb_policy_exclusions(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{0}};
	json_t *p = NULL, *line, *exclusions, *o;
	size_t i;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = fetch(ctl, &p);
	if (r != CTL_OK)
		return r;
	exclusions = json_array();
	json_array_foreach (json_object_get(p, "lines"), i, line) {
		const char *action = json_string_value(json_object_get(line, "action"));

		if (action && strcmp(action, "scan") != 0)
			(void)json_array_append(exclusions,
			                        line); /* no memory: fewer */
	}
	o = json_pack("{s:O, s:O}", "digest", json_object_get(p, "digest"),
	              "exclusions", exclusions);
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, o);
	else
		print_exclusions(ctl, exclusions);
	json_decref(o);
	json_decref(exclusions);
	json_decref(p);
	return CTL_OK;
}
