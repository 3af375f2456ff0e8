/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: the canary corpus
 *
 * Owns: the judgement over files that a host cannot do without, before a bundle is used.
 * Must not own: which files (corpus.c), how they are judged (engine), what follows
 * (custosd).
 */
#include "canary.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/engine.h"

/* In two parts, so that no file of ours matches it. */
static const char eicar_head[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$";
static const char eicar_tail[] = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

static int make_eicar(void)
{
	_cleanup_(fd_closep) int fd = memfd_create("custos-canary", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, eicar_head, strlen(eicar_head)) < 0 ||
	    write(fd, eicar_tail, strlen(eicar_tail)) < 0)
		return -errno;
	return fd_take(&fd);
}

int canary_open(struct canary *c, enum canary_what what)
{
	c->what = what;
	c->eicar_fd = make_eicar();
	return c->eicar_fd < 0 ? c->eicar_fd : corpus_open(&c->corpus, CORPUS_NEEDED);
}

static bool no_rules(void *userdata, const uint8_t *sha256, uint64_t size_bytes)
{
	return true;
}

static void judge(struct engine *e, const struct canary *c, int fd, const char *path,
                  nsec_t end, struct finding *f)
{
	const struct engine_input in = {
		.fd = fd,
		.path = path,
		.max_size_bytes = CANARY_MAX_BYTES,
		.deadline = MIN(clock_now() + CANARY_FILE_NSEC, end),
		.known_clean = c->what == CANARY_LISTS ? no_rules : NULL,
	};

	engine_scan(e, &in, f);
}

static void judge_all(struct engine *e, const struct canary *c, struct diag *d)
{
	const nsec_t end = clock_now() + CANARY_ALL_NSEC;
	struct finding f;

	for (size_t i = 0; i < c->corpus.n; i++) {
		const char *path = c->corpus.files[i].path;

		judge(e, c, c->corpus.files[i].fd, path, end, &f);
		if (f.verdict == VERDICT_MALICIOUS)
			(void)diag_add(
				d, "canary", 0,
				"%s, which this host needs, is matched by rule %s",
				path, f.match.rule);
		else if (f.verdict == VERDICT_ERROR && f.reason != REASON_TOO_LARGE)
			(void)diag_add(d, "canary", 0,
			               "%s, which this host needs, %s: %s", path,
			               f.reason == REASON_TIMEOUT
			                       ? "took too long"
			                       : "could not be judged",
			               reason_name(f.reason));
	}
	judge(e, c, c->eicar_fd, "", end, &f);
	if (f.verdict != VERDICT_MALICIOUS)
		(void)diag_add(d, "canary", 0, "the EICAR test file is not found");
}

int canary_run(struct canary *c, int image_fd, int bulk_fd, struct diag *d)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(engine_freep) struct engine *e = NULL;
	int r = ruleset_load(image_fd, bulk_fd, &rs);

	if (r == 0)
		r = engine_new(rs, CANARY_MAX_BYTES, &e);
	if (r == 0)
		judge_all(e, c, d);
	return r;
}

void canary_deinit(struct canary *c)
{
	corpus_deinit(&c->corpus);
	c->eicar_fd = fd_close(c->eicar_fd);
}
