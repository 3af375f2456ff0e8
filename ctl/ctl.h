/* SPDX-License-Identifier: Apache-2.0 */
/* custosctl: what all verbs share */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "custos/types.h"
#include "custos/varlink.h"

/* Part of the outer contract. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FOUND = 1, /* a match, or unhealthy */
	CTL_ERROR = 2, /* usage or anything that failed */
	CTL_NOT_RUNNING = 3,
	CTL_DENIED = 4,
	CTL_TIMEOUT = 5,
};

enum ctl_json { CTL_JSON_OFF, CTL_JSON_SHORT, CTL_JSON_PRETTY };

struct ctl {
	const char *socket_path;
	enum ctl_json json;
	bool colour; /* standard output is a terminal that wants it */
};

/* One verb. It gets its own name as argv[0] and returns an enum ctl_exit. */
struct verb {
	const char *name;
	const char *args; /* for the usage line */
	const char *help;
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

extern const struct verb policy_verbs[]; /* ends with a NULL name */
extern const struct verb quarantine_verbs[]; /* likewise */
extern const struct verb bundle_verbs[];     /* likewise */
extern const struct verb rules_verbs[];      /* likewise */

int verb_status(struct ctl *ctl, int argc, char **argv);
int verb_events(struct ctl *ctl, int argc, char **argv);
int verb_scan(struct ctl *ctl, int argc, char **argv);
int verb_explain(struct ctl *ctl, int argc, char **argv);
int verb_stats(struct ctl *ctl, int argc, char **argv);
int verb_policy(struct ctl *ctl, int argc, char **argv);
int verb_policy_check(struct ctl *ctl, int argc, char **argv);
int verb_policy_show(struct ctl *ctl, int argc, char **argv);
int verb_policy_explain(struct ctl *ctl, int argc, char **argv);
int verb_policy_exclusions(struct ctl *ctl, int argc, char **argv);
int verb_quarantine(struct ctl *ctl, int argc, char **argv);
int verb_bundle(struct ctl *ctl, int argc, char **argv);
int verb_bundle_verify(struct ctl *ctl, int argc, char **argv);
int verb_bundle_diff(struct ctl *ctl, int argc, char **argv);
int verb_rules(struct ctl *ctl, int argc, char **argv);
int verb_reload(struct ctl *ctl, int argc, char **argv);
int verb_convert(struct ctl *ctl, int argc, char **argv);
int verb_cache(struct ctl *ctl, int argc, char **argv);
int verb_mode(struct ctl *ctl, int argc, char **argv);
int verb_metrics(struct ctl *ctl, int argc, char **argv);
int verb_check(struct ctl *ctl, int argc, char **argv); /* with exit codes of its own */
int verb_doctor(struct ctl *ctl, int argc, char **argv);

/* Find argv[0] in @verbs and run it; CTL_ERROR with a message when there is none. */
int ctl_dispatch(struct ctl *ctl, const struct verb *verbs, int argc, char **argv);

/* Message on standard error, with the program's name; control characters escaped.
 * Returns CTL_ERROR. */
int ctl_error(const char *fmt, ...) _printf_(1, 2);

/* Check the number of words left after options: getopt's optind .. argc. */
bool ctl_args_ok(const char *verb, int argc, int min, int max);

/* Decimal number in [min, max]; false with a message naming @what. */
bool ctl_parse_int(const char *what, const char *text, int64_t min, int64_t max,
                   int64_t *ret);

/* Absolute path without symbolic links; free() it. NULL with a message. */
char *ctl_realpath(const char *path);
