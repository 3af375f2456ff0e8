/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl events
 *
 * Owns: one line per event. Must not own: which events there are (the daemon's
 * history).
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "custos/cleanup.h"
#include "output.h"

static void print_time(int64_t usec)
{
	time_t sec = (time_t)(usec / 1000000);
	char text[64] = "?";
	struct tm tm;

	if (localtime_r(&sec, &tm))
		(void)strftime(text, sizeof(text), "%F %T", &tm); /* fits */
	printf("%s.%03d", text, (int)(usec % 1000000 / 1000));
}

static void print_optional(json_t *e, const char *key, const char *label)
{
	_cleanup_(freep) char *text = out_text(e, key);

	if (text && *text)
		printf(" %s=%s", label, text);
}

static void print_event(const struct ctl *ctl, json_t *e)
{
	_cleanup_(freep) char *action = out_text(e, "action");
	_cleanup_(freep) char *verdict = out_text(e, "verdict");
	_cleanup_(freep) char *path = out_text(e, "path");
	enum out_style style = verdict && strcmp(verdict, "malicious") == 0 ? OUT_BAD
	                       : verdict && strcmp(verdict, "error") == 0   ? OUT_WARN
	                                                                    : OUT_PLAIN;

	print_time(out_int(e, "time"));
	printf(" %s%s %s%s %s", out_style(ctl, style), action, verdict, out_reset(ctl),
	       path);
	print_optional(e, "rule", "rule");
	print_optional(e, "ruleSet", "set");
	print_optional(e, "member", "member");
	print_optional(e, "reason", "reason");
	printf(" pid=%" PRId64, out_int(e, "pid"));
	if (json_object_get(e, "uid"))
		printf(" uid=%" PRId64, out_int(e, "uid"));
	print_optional(e, "exe", "exe");
	print_optional(e, "unit", "unit");
	print_optional(e, "container", "container");
	print_optional(e, "policyLine", "policy");
	printf(" seq=%" PRId64 "\n", out_int(e, "seq"));
	(void)fflush(stdout); /* main() checks the stream at the end */
}

static void print_reply(const struct ctl *ctl, json_t *p)
{
	json_t *e = json_object_get(p, "event");
	int64_t dropped = out_int(p, "dropped");

	if (dropped > 0)
		(void)ctl_error("%" PRId64
		                " events were overwritten before they could be shown",
		                dropped);
	if (!json_is_object(e))
		return;
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, e);
	else
		print_event(ctl, e);
}

static int stream(const struct ctl *ctl, json_t *parameters, bool follow)
{
	_cleanup_(client_deinit) struct client c = CLIENT_NULL;
	bool more = true;
	int r = client_open(&c, ctl);

	if (r != CTL_OK) {
		json_decref(parameters);
		return r;
	}
	r = client_send(&c, "Events", parameters, VARLINK_MORE, NULL, 0);
	while (r == CTL_OK && more && !ferror(stdout)) {
		struct varlink_message m;

		r = client_receive(&c, follow ? -1 : CLIENT_TIMEOUT_MSEC, &m);
		if (r != CTL_OK)
			break;
		print_reply(ctl, m.parameters);
		more = m.flags & VARLINK_CONTINUES;
		varlink_message_deinit(&m);
	}
	return r;
}

int verb_events(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"follow", no_argument, NULL, 'f'},
		{"lines", required_argument, NULL, 'n'},
		{"since", required_argument, NULL, 's'},
		{"verdict", required_argument, NULL, 'v'},
		{0},
	};
	json_t *verdicts = json_array(), *p;
	int64_t last = -1, since = -1;
	bool follow = false;
	int o;

	while ((o = getopt_long(argc, argv, "fn:", options, NULL)) >= 0) {
		if (o == '?' ||
		    (o == 'n' && !ctl_parse_int("-n", optarg, 0, INT32_MAX, &last)) ||
		    (o == 's' &&
		     !ctl_parse_int("--since", optarg, 0, INT64_MAX, &since)) ||
		    (o == 'v' &&
		     json_array_append_new(verdicts, json_string(optarg)) < 0)) {
			json_decref(verdicts);
			return CTL_ERROR;
		}
		follow |= o == 'f';
	}
	if (follow && last < 0 && since < 0)
		last = 10; /* as tail(1): enough to see where one is */
	p = json_pack("{s:b, s:o}", "follow", (int)follow, "verdict", verdicts);
	if (last >= 0)
		(void)json_object_set_new(p, "last", json_integer(last));
	if (since >= 0)
		(void)json_object_set_new(p, "sinceSeq", json_integer(since));
	if (!ctl_args_ok(argv[0], argc, 0, 0)) {
		json_decref(p);
		return CTL_ERROR;
	}
	return stream(ctl, p, follow);
}
