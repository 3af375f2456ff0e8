/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl check: a plugin for Nagios, Icinga and what speaks like them
 *
 * One line: state, what is wrong, and figures behind a bar (monitoring-plugins.org/doc/guidelines.html).
 *
 * Owns: which state is which alarm. Must not own: the facts (the daemon's Status).
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "custos/cleanup.h"
#include "output.h"

enum alarm { ALARM_OK, ALARM_WARNING, ALARM_CRITICAL, ALARM_UNKNOWN };

static const char *const alarms[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

/* Opens go unjudged: critical. Anything else that status warns of, and a mode that denies nothing: warning. */
static enum alarm alarm_of(json_t *s)
{
	const char *state = json_string_value(json_object_get(s, "state")) ?: "";

	if (strcmp(state, "enforcing") == 0)
		return json_array_size(json_object_get(s, "reasons")) > 0 ? ALARM_WARNING : ALARM_OK;
	if (strcmp(state, "monitoring") == 0 || strcmp(state, "starting") == 0 ||
	    strcmp(state, "stopping") == 0)
		return ALARM_WARNING;
	return ALARM_CRITICAL;
}

/* The bar begins the figures, so a reason must not hold one. */
static void print_reason(const char *text)
{
	for (; *text; text++)
		putchar(*text == '|' ? '/' : *text);
}

static void print_status(json_t *s, enum alarm alarm)
{
	static const char *const keys[] = {"events", "denied", "errors", "timeouts", "scannerRestarts",
	                                   "droppedRecords"};
	json_t *n = json_object_get(s, "counters"), *reasons = json_object_get(s, "reasons"), *reason;
	_cleanup_(freep) char *state = out_text(s, "state");
	size_t i;

	printf("CUSTOS %s - %s", alarms[alarm], state ?: "");
	json_array_foreach (reasons, i, reason) {
		json_t *o = json_pack("{s:O}", "reason", reason);
		_cleanup_(freep) char *text = out_text(o, "reason");

		fputs(i ? "; " : ": ", stdout);
		print_reason(text ?: "");
		json_decref(o);
	}
	fputs(" |", stdout);
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		printf(" %s=%" PRId64 "c", keys[i], out_int(n, keys[i]));
	printf(" oldestPending=%" PRId64 "us\n", out_int(n, "oldestPendingUsec"));
}

int verb_check(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{0}};
	enum alarm alarm;
	json_t *s = NULL;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) >= 0 || !ctl_args_ok(argv[0], argc, 0, 0))
		return ALARM_UNKNOWN;
	r = client_call(ctl, "Status", NULL, CLIENT_TIMEOUT_MSEC, &s);
	if (r != CTL_OK) {
		/* Not running and not answering are what this is for; what may not be asked is not known. */
		alarm = r == CTL_NOT_RUNNING || r == CTL_TIMEOUT ? ALARM_CRITICAL : ALARM_UNKNOWN;
		printf("CUSTOS %s - %s\n", alarms[alarm],
		       r == CTL_NOT_RUNNING ? "custosd is not running"
		       : r == CTL_TIMEOUT   ? "custosd does not answer"
		       : r == CTL_DENIED    ? "no permission to ask custosd"
		                            : "custosd could not be asked");
		return (int)alarm;
	}
	alarm = alarm_of(s);
	print_status(s, alarm);
	json_decref(s);
	return (int)alarm;
}
