/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: rule texts and hash lists to one rule image
 *
 * Owns: the order: open everything (options), seal, only then parse.
 * Must not own: any parser.
 * Hands off to: custosd, which gave the descriptor for the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "custos/division.h"
#include "custos/engine.h"
#include "custos/image.h"
#include "kept.h"
#include "key.h"
#include "options.h"
#include "seal.h"

static int fail(const char *what, int r)
{
	(void)fprintf(stderr, "custos-compile: %s: %s\n", what, strerrordesc_np(-r));
	return EXIT_FAILURE;
}

/* Read back once: whoever loads it finds hash tables that were whole when sealed. */
static int seal_output(int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	int r;

	/* No memfd but a plain file, as tests and people at a shell use it. On a tmpfs it has one seal, against others;
	 * whoever loads an image asks for all of them. */
	if (seals < 0)
		return errno == EINVAL ? 0 : -errno;
	if (seals == F_SEAL_SEAL)
		return 0;
	r = image_seal(fd);
	return r < 0 ? r : image_verify(fd);
}

/* The key is told before anything is parsed: what a rule could make of this process
 * cannot change it. */
static int tell_key(const struct key_programs *programs, const struct request *req,
                    uint8_t key[KEY_BYTES])
{
	const struct reuse *re = &req->reuse;
	int r = key_of(programs, &req->inputs, &req->bulk, key);

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

static struct rules_trial *trial_of(struct request *req)
{
	struct rules_trial *t = &req->trial;

	t->untried = !req->inputs.self_test;
	t->stock = corpus_read;
	t->userdata = &req->corpus;
	t->n_stock = req->corpus.n;
	t->budget = req->inputs.rule_budget;
	/* whose fault it is that a bundle is refused */
	t->about = req->canary.what == CANARY_RULES ? "canary" : NULL;
	return t;
}

/* Files of rules that are not in the image because they are broken or failed the self-test, now or when
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
 * written meanwhile and the key may not be that of the image; "unfit", rules were
 * left out, which might go well next time; "bulk", it is of no use alone; or "".
 */
static int make_image(struct request *req, const struct key_programs *programs,
                      struct ruleset_counts *ret, const char **ret_note)
{
	const struct inputs *in = &req->inputs;
	const bool has_bulk = *req->bulk.now;
	uint8_t key[KEY_BYTES];
	int r = -ENOENT;

	*ret_note = "";
	if (req->tell_key && req->diag.n_total == 0) {
		r = tell_key(programs, req, key);
		if (r == 0) /* an image that wants a bulk is of no use without it */
			r = has_bulk ? -ENOENT : kept_take((int)req->kept_fd, key, (int)req->out_fd, ret);
	}
	if (r == 0)
		*ret_note = " kept";
	if (r != -ENOENT)
		return r;
	r = build_image(in, &req->reuse, &req->bulk, trial_of(req), (int)req->out_fd, ret, &req->diag);
	if (r == 0 && has_unfit(req))
		*ret_note = " unfit";
	else if (r == 0 && has_bulk)
		*ret_note = " bulk";
	else if (r == 0 && req->tell_key && !key_holds(programs, in, &req->bulk, key))
		*ret_note = " changed";
	return r;
}

/* The image is whole: try it, and say what is in it. */
static int conclude(struct request *req, const struct ruleset_counts *counts,
                    const char *note)
{
	bool try = req->canary.what != CANARY_NONE;
	int r = try ? canary_run(&req->canary, (int)req->out_fd, req->bulk.used_fd, &req->diag) : 0;

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
	if (r == 0)
		r = division_init();
	if (r == 0 && req->tell_key)
		r = key_programs(&programs);
	if (r < 0)
		return fail("libraries", r);
	r = seal_self(&ids, &step);
	if (r < 0)
		return fail(step, r);

	r = reuse_open(&req->reuse, &req->inputs);
	if (r == 0)
		r = bulk_open(&req->bulk, &req->inputs);
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

	bulk_init(&req.bulk);
	r = options_parse(&req, argc, argv);
	/* Inputs that could not be opened do not hide the errors of the others. */
	if (r == OPTIONS_USAGE)
		r = options_usage();
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
