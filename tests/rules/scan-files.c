/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan-files [--unpack] IMAGE: judge files with the engine, as the scanner would
 *
 * Owns: reading paths, NUL-terminated, from standard input, and one line for each file that is not clean:
 * "deny|log|error TAB rule or reason TAB path [in MEMBER]", then "files N bytes N usec N".
 * Must not own: what a match means for a test.
 *
 * --unpack: every kind of archive is opened, and payloads of scripts are looked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/engine.h"
#include "custos/image.h"
#include "custos/unpack.h"

#define MAX_BYTES ((uint64_t)100 << 20) /* MaxFileSize= */
#define PATIENCE  (60 * NSEC_PER_SEC)   /* a shared machine is no reason for an error */

struct totals {
	uint64_t files, bytes;
	nsec_t spent;
};

struct judge {
	struct engine *e;
	struct arc_walker *archives; /* NULL: only the files themselves */
	struct payload_walker *payloads;
	struct totals totals;
};

/* The image as custosd would hand it over: a sealed memfd. */
static int open_image(const char *path, struct ruleset **ret)
{
	_cleanup_(fd_closep) int from = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(fd_closep) int to = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char buf[65536];
	ssize_t n;
	int r;

	if (from < 0 || to < 0)
		return -errno;
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return -EIO;
	if (n < 0)
		return -errno;
	r = image_seal(to);
	return r < 0 ? r : ruleset_load(to, -1, ret);
}

static void say(const struct finding *f, const char *path)
{
	const bool found = f->verdict == VERDICT_MALICIOUS;
	char place[MEMBER_PLACE_BYTES];

	if (f->verdict == VERDICT_CLEAN)
		return;
	member_place_text(&f->member, place);
	(void)printf("%s\t%s\t%s%s%s\n", !found ? "error" : f->log_only ? "log" : "deny",
	             found ? f->match.rule : reason_name(f->reason), path, *place ? " in " : "", place);
}

static void scan(struct judge *j, const char *path)
{
	_cleanup_(fd_closep) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct engine_input in = {
		.fd = fd, .path = path, .max_size_bytes = MAX_BYTES, .keep_bytes = j->archives};
	struct finding f;
	nsec_t began = clock_now();

	if (fd < 0) {
		(void)printf("error\t%s\t%s\n", strerrorname_np(errno), path);
		return;
	}
	in.deadline = began + PATIENCE;
	engine_scan(j->e, &in, &f);
	say(&f, path);
	if (j->archives) {
		const bool said = f.verdict != VERDICT_CLEAN;

		/* a member that cannot be read takes the place of a match of level "log" */
		unpack_judge(j->archives, j->payloads, j->e, &in, NULL, &f);
		if (!said || f.member.n || f.member.payload)
			say(&f, path);
	}
	j->totals.spent += clock_now() - began;
	j->totals.files++;
	j->totals.bytes += f.size_bytes;
}

static int make_judge(const struct ruleset *rs, bool unpacks, struct judge *ret)
{
	struct arc_limits limits = arc_limits_default;
	int r = engine_new(rs, MAX_BYTES, &ret->e);

	limits.kinds = ARC_KINDS_ALL;
	limits.time = ARC_TIME_MAX;
	if (r == 0 && unpacks)
		r = arc_global_init();
	if (r == 0 && unpacks)
		r = arc_walker_new(&limits, &ret->archives);
	if (r == 0 && unpacks)
		r = payload_walker_new(&payload_limits_default, &ret->payloads);
	return r;
}

int main(int argc, char **argv)
{
	const bool unpacks = argc == 3 && strcmp(argv[1], "--unpack") == 0;
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(freep) char *path = NULL;
	struct judge j = {0};
	size_t size = 0;
	int r = argc == 2 || unpacks ? engine_global_init() : -EINVAL;

	if (r == 0)
		r = open_image(argv[argc - 1], &rs);
	if (r == 0)
		r = make_judge(rs, unpacks, &j);
	if (r < 0)
		(void)fprintf(stderr, "scan-files: %s\n", strerrordesc_np(-r));
	while (r == 0 && getdelim(&path, &size, '\0', stdin) > 0)
		scan(&j, path);
	if (r == 0)
		(void)printf("files %" PRIu64 " bytes %" PRIu64 " usec %" PRIu64 "\n", j.totals.files,
		             j.totals.bytes, (uint64_t)(j.totals.spent / NSEC_PER_USEC));
	payload_walker_free(j.payloads);
	arc_walker_free(j.archives);
	engine_free(j.e);
	return r < 0 || ferror(stdin) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
