/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl reload, cache, mode, explain
 *
 * Owns: their options and texts. Must not own: what they change (the daemon).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "custos/cleanup.h"
#include "custos/conf.h"
#include "custos/quantity.h"
#include "output.h"

/* Rules may take minutes to compile, on a slow machine, when there are many. */
#define RELOAD_TIMEOUT_MSEC (600 * 1000)
/* As the unit's TimeoutStartSec=: it may have to compile rules. */
#define SUCCESSOR_TIMEOUT_MSEC (90 * 1000)
#define SUCCESSOR_LOOK_MSEC 20

/* Another version of custosd takes over: @c ends with the old one, and the new one listens once it
 * protects. */
static int await_successor(const struct ctl *ctl, struct client *c, json_t **ret)
{
	struct pollfd pfd = {.fd = c->fd, .events = POLLIN};
	json_t *status = NULL;
	int r = CTL_NOT_RUNNING;

	if (poll(&pfd, 1, SUCCESSOR_TIMEOUT_MSEC) == 0) {
		(void)ctl_error("the running custosd does not make place for the version that "
		                "is installed");
		return CTL_TIMEOUT;
	}
	for (unsigned i = 0; i < SUCCESSOR_TIMEOUT_MSEC / SUCCESSOR_LOOK_MSEC; i++) {
		if (client_is_served(ctl)) {
			r = client_call(ctl, "Status", NULL, CLIENT_TIMEOUT_MSEC, &status);
			break;
		}
		(void)poll(NULL, 0, SUCCESSOR_LOOK_MSEC);
	}
	if (r == CTL_NOT_RUNNING)
		return ctl_error("the version of custosd that is installed does not come up: see "
		                 "'journalctl -t custosd'");
	if (r == CTL_OK)
		*ret = json_incref(json_object_get(status, "rules"));
	json_decref(status);
	return r;
}

static int reload(const struct ctl *ctl, json_t **ret)
{
	_cleanup_(client_deinit) struct client c = CLIENT_NULL;
	struct varlink_message m;
	int r = client_open(&c, ctl);

	if (r == CTL_OK)
		r = client_send(&c, "Reload", NULL, 0, NULL, 0);
	if (r == CTL_OK)
		r = client_receive(&c, RELOAD_TIMEOUT_MSEC, &m);
	if (r != CTL_OK)
		return r;
	*ret = json_incref(m.parameters);
	varlink_message_deinit(&m);
	if (out_int(*ret, "generation") != 0)
		return CTL_OK;
	json_decref(*ret);
	*ret = NULL;
	return await_successor(ctl, &c, ret);
}

int verb_reload(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{0}};
	json_t *reply = NULL;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 0, 0))
		return CTL_ERROR;
	r = reload(ctl, &reply);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	else
		printf("generation %" PRId64 " is in force\n",
		       out_int(reply, "generation"));
	json_decref(reply);
	return CTL_OK;
}

int verb_cache(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{0}};
	json_t *reply = NULL;
	int r;

	if (getopt_long(argc, argv, "", options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 1, 1))
		return CTL_ERROR;
	if (strcmp(argv[optind], "flush") != 0)
		return ctl_error("there is no 'cache %s': see 'custosctl --help'", argv[optind]);
	r = client_call(ctl, "FlushCache", NULL, CLIENT_TIMEOUT_MSEC, &reply);
	if (r == CTL_OK && ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	json_decref(reply);
	return r;
}

static bool mode_ok(const char *mode, const char *reason, nsec_t ttl)
{
	bool monitor = strcmp(mode, "monitor") == 0;

	if (monitor && (!reason || ttl == 0))
		(void)ctl_error("'mode monitor' lowers protection: say why and how "
		                "long, with --reason TEXT and --for TIME");
	else if (!monitor && strcmp(mode, "enforce") != 0)
		(void)ctl_error("the mode is enforce or monitor, not '%s'", mode);
	else
		return true;
	return false;
}

int verb_mode(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"for", required_argument, NULL, 'f'},
		{"reason", required_argument, NULL, 'r'},
		{0}};
	const char *reason = NULL;
	nsec_t ttl = 0; /* none: until changed */
	json_t *p, *reply = NULL;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (o == '?')
			return CTL_ERROR;
		if (o == 'r')
			reason = optarg;
		if (o == 'f' &&
		    (duration_parse(optarg, &ttl) < 0 || ttl < NSEC_PER_SEC ||
		     ttl > CONF_MONITOR_MAX))
			return ctl_error(
				"--for: '%s' is not a time such as 90s, 15min, 1h, 2d, "
				"of a week at most",
				optarg);
	}
	if (!ctl_args_ok(argv[0], argc, 1, 1) || !mode_ok(argv[optind], reason, ttl))
		return CTL_ERROR;
	p = json_pack("{s:s, s:I, s:s*}", "mode", argv[optind], "ttlSec",
	              (json_int_t)(ttl / NSEC_PER_SEC), "reason", reason);
	if (!p)
		return ctl_error("the reason must be UTF-8 text");
	r = client_call(ctl, "SetMode", p, CLIENT_TIMEOUT_MSEC, &reply);
	if (r == CTL_OK && ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	json_decref(reply);
	return r;
}

static bool parse_user(const char *text, int64_t *ret)
{
	const struct passwd *pw;

	if (*text >= '0' && *text <= '9')
		return ctl_parse_int("--uid", text, 0, UINT32_MAX - 1, ret);
	pw = getpwnam(text);
	if (!pw) {
		(void)ctl_error("--uid: there is no user '%s'", text);
		return false;
	}
	*ret = pw->pw_uid;
	return true;
}

static void print_explanation(json_t *e)
{
	_cleanup_(freep) char *mark = out_text(e, "mark");
	_cleanup_(freep) char *mount = out_text(e, "mountPoint");
	_cleanup_(freep) char *line = out_text(e, "policyLine");
	_cleanup_(freep) char *action = out_text(e, "action");
	_cleanup_(freep) char *verdict = out_text(e, "verdict");
	char age[OUT_USEC_BYTES];

	printf("covered  %s (%s%s%s)\n",
	       json_is_true(json_object_get(e, "covered")) ? "yes" : "no", mark,
	       *mount ? " at " : "", mount);
	printf("action   %s%s%s\n", action, *line ? ", by " : "", line);
	if (json_is_true(json_object_get(e, "cached")))
		printf("verdict  %s, %s ago\n", verdict,
		       out_usec(out_int(e, "ageUsec"), age));
	else
		printf("verdict  none yet\n");
}

int verb_explain(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"exe", required_argument, NULL, 'e'},
	                                        {"uid", required_argument, NULL, 'u'},
	                                        {0}};
	_cleanup_(freep) char *path = NULL;
	_cleanup_(fd_closep) int fd = -1;
	const char *exe = NULL;
	json_t *p, *reply = NULL;
	int64_t uid = 0;
	int o, r;

	while ((o = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (o == '?' || (o == 'u' && !parse_user(optarg, &uid)))
			return CTL_ERROR;
		if (o == 'e')
			exe = optarg;
	}
	if (!ctl_args_ok(argv[0], argc, 1, 1))
		return CTL_ERROR;
	path = ctl_realpath(argv[optind]);
	if (!path)
		return CTL_ERROR;
	fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW); /* raises no event */
	if (fd < 0)
		return ctl_error("%s: %s", path, strerror(errno));
	p = json_pack("{s:i, s:I}", "fd", 0, "uid", (json_int_t)uid);
	(void)varlink_set_bytes(p, "path", path,
	                        strlen(path));  /* else refused by the daemon */
	(void)json_object_del(p, "pathBase64"); /* for display: the descriptor counts */
	if (exe)
		(void)json_object_set_new(p, "exe",
		                          json_string(exe)); /* not UTF-8: unknown */
	r = client_call_fd(ctl, "Explain", p, fd, CLIENT_TIMEOUT_MSEC, &reply);
	if (r != CTL_OK)
		return r;
	if (ctl->json != CTL_JSON_OFF)
		out_json(ctl, reply);
	else
		print_explanation(reply);
	json_decref(reply);
	return CTL_OK;
}
