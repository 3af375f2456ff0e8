/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: rule texts and hash lists to one rule image
 *
 * Owns: the command line and the order: open everything, seal, only then parse.
 * Must not own: any parser.
 * Hands off to: custosd, which gave the descriptor for the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "canary.h"
#include "corpus.h"
#include "custos/engine.h"
#include "custos/image.h"
#include "expect.h"
#include "inputs.h"
#include "kept.h"
#include "key.h"
#include "reuse.h"
#include "seal.h"

#define EXIT_USAGE 2

enum option_id {
	OPT_OUT_FD = 1,
	OPT_YARA,
	OPT_HASHES,
	OPT_ALLOW,
	OPT_EXPECT,
	OPT_CANARY,
	OPT_REUSE,
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
	{"hashes", required_argument, NULL, OPT_HASHES},
	{"allow-hashes", required_argument, NULL, OPT_ALLOW},
	{"expect", required_argument, NULL, OPT_EXPECT},
	{"canary", required_argument, NULL, OPT_CANARY},
	{"reuse", required_argument, NULL, OPT_REUSE},
	{"self-test", required_argument, NULL, OPT_SELF_TEST},
	{"rule-budget", required_argument, NULL, OPT_RULE_BUDGET},
	{"uid", required_argument, NULL, OPT_UID},
	{"gid", required_argument, NULL, OPT_GID},
	{"key", no_argument, NULL, OPT_KEY},
	{"kept-fd", required_argument, NULL, OPT_KEPT_FD},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

struct request {
	long out_fd, uid, gid, kept_fd; /* -1: not given */
	bool tell_key;
	struct inputs inputs;
	struct canary canary;
	struct corpus corpus; /* for the self-test */
	struct rules_trial trial;
	struct reuse reuse;
	struct diag diag;
};

static int usage(void)
{
	(void)fprintf(
		stderr,
		"usage: custos-compile --out-fd N [--yara PATH]... [--hashes PATH]...\n"
		"       [--allow-hashes PATH]... [--expect SHA256:PATH]...\n"
		"       [--canary rules|lists] [--uid UID --gid GID] [--key "
	        "[--kept-fd N]]\n"
		"       [--reuse FD:SOURCE|-] [--self-test refuse|leave-out "
		"[--rule-budget NSEC]]\n");
	return EXIT_USAGE;
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
		return EXIT_USAGE;
	return canary_open(&req->canary, what);
}

static int parse_self_test(struct request *req, const char *text)
{
	const bool leave_out = strcmp(text, "leave-out") == 0;

	if ((!leave_out && strcmp(text, "refuse") != 0) || req->inputs.self_test)
		return EXIT_USAGE;
	req->inputs.self_test = true;
	req->trial.leave_out = leave_out;
	return corpus_open(&req->corpus, CORPUS_ALL);
}

/* In nanoseconds for a MiB. */
static int parse_budget(struct request *req, const char *text)
{
	long v = parse_number(text, LONG_MAX);

	req->inputs.rule_budget = v < 0 ? 0 : (uint64_t)v;
	return v <= 0 ? EXIT_USAGE : 0;
}

/* What has no path of an input. */
static int parse_setting(struct request *req, int id)
{
	switch (id) {
	case OPT_CANARY:
		return parse_canary(req, optarg);
	case OPT_REUSE:
		return reuse_parse(optarg, &req->reuse) ? 0 : EXIT_USAGE;
	case OPT_SELF_TEST:
		return parse_self_test(req, optarg);
	case OPT_RULE_BUDGET:
		return parse_budget(req, optarg);
	default:
		return EXIT_USAGE;
	}
}

/* Return: 0, EXIT_USAGE, or -ENOMEM. What is wrong with an input is in req->diag. */
static int parse_option(struct request *req, int id)
{
	int r = 0;

	switch (id) {
	case OPT_OUT_FD:
		req->out_fd = parse_number(optarg, INT_MAX);
		return req->out_fd < 0 ? EXIT_USAGE : 0;
	case OPT_UID: /* the highest number means "no change" to the kernel */
		req->uid = parse_number(optarg, UINT_MAX - 1L);
		return req->uid < 0 ? EXIT_USAGE : 0;
	case OPT_GID:
		req->gid = parse_number(optarg, UINT_MAX - 1L);
		return req->gid < 0 ? EXIT_USAGE : 0;
	case OPT_KEY:
		req->tell_key = true;
		return 0;
	case OPT_KEPT_FD:
		req->kept_fd = parse_number(optarg, INT_MAX);
		return req->kept_fd < 0 ? EXIT_USAGE : 0;
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
	return r == -ENOMEM ? r : r == -EBADMSG ? EXIT_USAGE : 0;
}

static int parse_arguments(struct request *req, int argc, char **argv)
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
	    (req->inputs.rule_budget > 0 && !req->inputs.self_test))
		return EXIT_USAGE;
	return 0;
}

static int fail(const char *what, int r)
{
	(void)fprintf(stderr, "custos-compile: %s: %s\n", what, strerrordesc_np(-r));
	return EXIT_FAILURE;
}

/* Read back once: whoever loads it finds hash tables that were whole when sealed. */
static int seal_output(int fd)
{
	int r;

	/* EINVAL: no memfd but a plain file, as tests and people at a shell use it. */
	if (fcntl(fd, F_GET_SEALS) < 0)
		return errno == EINVAL ? 0 : -errno;
	r = image_seal(fd);
	return r < 0 ? r : image_verify(fd);
}

/* The key is told before anything is parsed: what a rule could make of this process
 * cannot change it. */
static int tell_key(const struct key_programs *programs, const struct inputs *in,
                    const struct reuse *re, uint8_t key[KEY_BYTES])
{
	int r = key_of(programs, in, key);

	if (r < 0)
		return r;
	(void)printf("key=");
	for (unsigned i = 0; i < KEY_BYTES; i++)
		(void)printf("%02x", key[i]);
	(void)printf("\n");
	if (re->wanted)
		(void)printf("source=%s\n", re->now);
	return fflush(stdout) == 0 ? 0 : -errno;
}

/* NULL: rules are not tried. */
static struct rules_trial *trial_of(struct request *req)
{
	struct rules_trial *t = &req->trial;

	if (!req->inputs.self_test)
		return NULL;
	t->stock = corpus_read;
	t->userdata = &req->corpus;
	t->n_stock = req->corpus.n;
	t->budget = req->inputs.rule_budget;
	/* whose fault it is that a bundle is refused */
	t->about = req->canary.what == CANARY_RULES ? "canary" : NULL;
	return t;
}

/* Files of rules that are not in the image because they failed the self-test, now or when
 * the image was made whose rules were taken over. */
static bool has_unfit(const struct request *req)
{
	const struct reuse *re = &req->reuse;
	struct rules_report r;

	if (re->report && rules_report_open(re->report, re->report_bytes, &r) == 0 &&
	    r.tried.n_unfit > 0)
		return true;
	return req->trial.report.tried.n_unfit > 0;
}

/*
 * Whatever is wrong with an input is in the diagnosis; then there is no key either.
 * @ret_note: for custosd: "kept", it has this image already; "changed", a list was
 * written meanwhile and the key may not be that of the image; "unfit", rules failed
 * the self-test, which might go well next time; or "".
 */
static int make_image(struct request *req, const struct key_programs *programs,
                      struct ruleset_counts *ret, const char **ret_note)
{
	const struct inputs *in = &req->inputs;
	uint8_t key[KEY_BYTES];
	int r = -ENOENT;

	*ret_note = "";
	if (req->tell_key && req->diag.n_total == 0) {
		r = tell_key(programs, in, &req->reuse, key);
		if (r == 0)
			r = kept_take((int)req->kept_fd, key, (int)req->out_fd, ret);
	}
	if (r == 0)
		*ret_note = " kept";
	if (r != -ENOENT)
		return r;
	r = build_image(in, &req->reuse, trial_of(req), (int)req->out_fd, ret, &req->diag);
	if (r == 0 && has_unfit(req))
		*ret_note = " unfit";
	else if (r == 0 && req->tell_key && !key_holds(programs, in, key))
		*ret_note = " changed";
	return r;
}

/* The image is whole: try it, and say what is in it. */
static int conclude(struct request *req, const struct ruleset_counts *counts,
                    const char *note)
{
	bool try = req->canary.what != CANARY_NONE;
	int r = try ? canary_run(&req->canary, (int)req->out_fd, &req->diag) : 0;

	if (r < 0)
		return fail("judging this host's own files", r);
	diag_print(&req->diag, stderr);
	if (req->diag.n_total > 0)
		return EXIT_FAILURE;
	(void)printf("yara=%llu hashes=%llu allow=%llu",
	             (unsigned long long)counts->n_yara,
	             (unsigned long long)counts->n_hashes,
	             (unsigned long long)counts->n_allow_hashes);
	(void)printf("%s\n", note);
	return EXIT_SUCCESS;
}

static int compile(struct request *req)
{
	struct key_programs programs = {0};
	struct seal_ids ids = {
		.set = req->uid >= 0, .uid = (uid_t)req->uid, .gid = (gid_t)req->gid};
	struct ruleset_counts counts;
	const char *step, *note = "";
	int r;

	/*
	 * A compiler is made and thrown away for each file of rules; with its memory
	 * kept between them 3,000 files take 3.8 s instead of 6.1 s, at the same peak.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
	r = engine_global_init();
	if (r == 0 && req->tell_key)
		r = key_programs(&programs);
	if (r < 0)
		return fail("libraries", r);
	r = seal_self(&ids, &step);
	if (r < 0)
		return fail(step, r);

	r = reuse_open(&req->reuse, &req->inputs);
	if (r == 0)
		r = make_image(req, &programs, &counts, &note);
	diag_print(&req->diag, stderr);
	if (r == -EINVAL || req->diag.n_total > 0)
		return EXIT_FAILURE;
	if (r < 0)
		return fail("building the image", r);
	r = seal_output((int)req->out_fd);
	if (r < 0)
		return fail("sealing the image", r);
	return conclude(req, &counts, note);
}

int main(int argc, char **argv)
{
	struct request req = {.out_fd = -1, .uid = -1, .gid = -1, .kept_fd = -1,
	                      .canary = CANARY_NULL, .corpus = CORPUS_NULL, .reuse = REUSE_NULL};
	int r;

	r = parse_arguments(&req, argc, argv);
	/* Inputs that could not be opened do not hide the errors of the others. */
	if (r == EXIT_USAGE)
		r = usage();
	else
		r = r < 0 ? fail("reading the inputs", r) : compile(&req);
	if (fflush(stdout) != 0)
		r = EXIT_FAILURE;
	(void)fflush(stderr);
	/*
	 * Sealed: exit handlers of the libraries may want more than is left, and all
	 * memory goes.
	 */
	_exit(r);
}
