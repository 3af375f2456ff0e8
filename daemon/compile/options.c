/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: the command line
 *
 * Owns: options, and opening what they name. Must not own: what is done with it (main).
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

enum option_id {
	OPT_OUT_FD = 1,
	OPT_YARA,
	OPT_SET,
	OPT_LEAVE_OUT,
	OPT_HASHES,
	OPT_ALLOW,
	OPT_EXPECT,
	OPT_CANARY,
	OPT_REUSE,
	OPT_BULK_OUT_FD,
	OPT_BULK_FROM,
	OPT_BULK,
	OPT_SELF_TEST,
	OPT_RULE_BUDGET,
	OPT_UID,
	OPT_GID,
	OPT_KEY,
	OPT_KEPT_FD,
	OPT_VERSION
};

static const struct option options[] = {
	{"out-fd", required_argument, NULL, OPT_OUT_FD},
	{"yara", required_argument, NULL, OPT_YARA},
	{"set", required_argument, NULL, OPT_SET},
	{"leave-out", no_argument, NULL, OPT_LEAVE_OUT},
	{"hashes", required_argument, NULL, OPT_HASHES},
	{"allow-hashes", required_argument, NULL, OPT_ALLOW},
	{"expect", required_argument, NULL, OPT_EXPECT},
	{"canary", required_argument, NULL, OPT_CANARY},
	{"reuse", required_argument, NULL, OPT_REUSE},
	{"bulk-out-fd", required_argument, NULL, OPT_BULK_OUT_FD},
	{"bulk-from", required_argument, NULL, OPT_BULK_FROM},
	{"bulk", required_argument, NULL, OPT_BULK},
	{"self-test", required_argument, NULL, OPT_SELF_TEST},
	{"rule-budget", required_argument, NULL, OPT_RULE_BUDGET},
	{"uid", required_argument, NULL, OPT_UID},
	{"gid", required_argument, NULL, OPT_GID},
	{"key", no_argument, NULL, OPT_KEY},
	{"kept-fd", required_argument, NULL, OPT_KEPT_FD},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};


int options_usage(void)
{
	(void)fprintf(
		stderr,
		"usage: custos-compile --out-fd N [[--set NAME:PRIORITY:deny|log:MODULES:VARIABLES]\n"
		"       --yara PATH]... [--hashes PATH]...\n"
		"       [--allow-hashes PATH]... [--expect SHA256:PATH]...\n"
		"       [--canary rules|lists] [--uid UID --gid GID] [--key "
	        "[--kept-fd N]]\n"
		"       [--reuse FD:SOURCE|-] [--self-test refuse|leave-out "
		"[--rule-budget NSEC]] [--leave-out]\n"
		"       [--bulk-out-fd N [--bulk FD:SOURCE] [--bulk-from BYTES]]\n");
	return OPTIONS_USAGE;
}

/* A number from 0 to @max, or -1. */
static long parse_number(const char *s, long max)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(s, &end, 10);
	return errno == 0 && end != s && *end == '\0' && v >= 0 && v <= max ? v : -1;
}

static int parse_canary(struct request *req, const char *text)
{
	enum canary_what what = strcmp(text, "rules") == 0 ? CANARY_RULES :
	                        strcmp(text, "lists") == 0 ? CANARY_LISTS :
	                                                     CANARY_NONE;

	if (what == CANARY_NONE || req->canary.what != CANARY_NONE)
		return OPTIONS_USAGE;
	return canary_open(&req->canary, what);
}

static int parse_self_test(struct request *req, const char *text)
{
	const bool leave_out = strcmp(text, "leave-out") == 0;

	if ((!leave_out && strcmp(text, "refuse") != 0) || req->inputs.self_test)
		return OPTIONS_USAGE;
	req->inputs.self_test = true;
	req->trial.leave_out |= leave_out;
	return corpus_open(&req->corpus, CORPUS_ALL);
}

/* In nanoseconds for a MiB. */
static int parse_budget(struct request *req, const char *text)
{
	long v = parse_number(text, LONG_MAX);

	req->inputs.rule_budget = v < 0 ? 0 : (uint64_t)v;
	return v <= 0 ? OPTIONS_USAGE : 0;
}

static int parse_bulk_from(struct request *req, const char *text)
{
	long v = parse_number(text, LONG_MAX);

	req->inputs.bulk_from = v < 0 ? 0 : (uint64_t)v;
	return v <= 0 ? OPTIONS_USAGE : 0;
}

static int parse_set(struct request *req, const char *text)
{
	struct rules_set set;
	int r = rules_set_parse(text, &set);

	r = r < 0 ? OPTIONS_USAGE : inputs_use_set(&req->inputs, &set, &req->diag);
	return r == -EINVAL ? 0 : r; /* told in the diagnosis */
}

/* What has no path of an input. */
static int parse_setting(struct request *req, int id)
{
	switch (id) {
	case OPT_SET:
		return parse_set(req, optarg);
	case OPT_LEAVE_OUT:
		req->trial.leave_out = true;
		return 0;
	case OPT_CANARY:
		return parse_canary(req, optarg);
	case OPT_REUSE:
		return reuse_parse(optarg, &req->reuse) ? 0 : OPTIONS_USAGE;
	case OPT_SELF_TEST:
		return parse_self_test(req, optarg);
	case OPT_RULE_BUDGET:
		return parse_budget(req, optarg);
	case OPT_BULK_OUT_FD:
		req->bulk.out_fd = (int)parse_number(optarg, INT_MAX);
		return req->bulk.out_fd < 0 ? OPTIONS_USAGE : 0;
	case OPT_BULK_FROM:
		return parse_bulk_from(req, optarg);
	case OPT_BULK:
		return bulk_parse(optarg, &req->bulk) ? 0 : OPTIONS_USAGE;
	default:
		return OPTIONS_USAGE;
	}
}

/* Return: 0, OPTIONS_USAGE, or -ENOMEM. What is wrong with an input is in req->diag. */
static int parse_option(struct request *req, int id)
{
	int r = 0;

	switch (id) {
	case OPT_OUT_FD:
		req->out_fd = parse_number(optarg, INT_MAX);
		return req->out_fd < 0 ? OPTIONS_USAGE : 0;
	case OPT_UID: /* the highest number means "no change" to the kernel */
		req->uid = parse_number(optarg, UINT_MAX - 1L);
		return req->uid < 0 ? OPTIONS_USAGE : 0;
	case OPT_GID:
		req->gid = parse_number(optarg, UINT_MAX - 1L);
		return req->gid < 0 ? OPTIONS_USAGE : 0;
	case OPT_KEY:
		req->tell_key = true;
		return 0;
	case OPT_KEPT_FD:
		req->kept_fd = parse_number(optarg, INT_MAX);
		return req->kept_fd < 0 ? OPTIONS_USAGE : 0;
	case OPT_YARA:
		r = inputs_add_yara(&req->inputs, optarg, &req->diag);
		break;
	case OPT_HASHES:
		r = inputs_add_block(&req->inputs, optarg, &req->diag);
		break;
	case OPT_ALLOW:
		r = inputs_add_allow(&req->inputs, optarg, &req->diag);
		break;
	case OPT_EXPECT:
		r = expect_file(optarg, &req->diag);
		break;
	default:
		return parse_setting(req, id);
	}
	return r == -ENOMEM ? r : r == -EBADMSG ? OPTIONS_USAGE : 0;
}

int options_parse(struct request *req, int argc, char **argv)
{
	int id, r;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == OPT_VERSION) {
			(void)printf("custos-compile %s\n", CUSTOS_VERSION);
			exit(EXIT_SUCCESS);
		}
		r = parse_option(req, id);
		if (r != 0)
			return r;
	}
	if (optind != argc || req->out_fd < 0 || (req->uid < 0) != (req->gid < 0) ||
	    (req->kept_fd >= 0 && !req->tell_key) ||
	    (req->inputs.rule_budget > 0 && !req->inputs.self_test) ||
	    ((req->inputs.bulk_from > 0 || req->bulk.earlier_fd >= 0) && req->bulk.out_fd < 0))
		return OPTIONS_USAGE;
	if (req->bulk.out_fd >= 0 && req->inputs.bulk_from == 0)
		req->inputs.bulk_from = INPUT_BULK_FROM_BYTES;
	return 0;
}
