/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan-files IMAGE: judge files with the engine, as the scanner would
 *
 * Owns: reading paths, NUL-terminated, from standard input, and one line for each file that is not clean:
 * "deny|log|error TAB rule or reason TAB path", then "files N bytes N usec N".
 * Must not own: what a match means for a test.
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

#define MAX_BYTES ((uint64_t)100 << 20) /* MaxFileSize= */
#define PATIENCE  (60 * NSEC_PER_SEC)   /* a shared machine is no reason for an error */

struct totals {
	uint64_t files, bytes;
	nsec_t spent;
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
	if (f->verdict == VERDICT_MALICIOUS)
		(void)printf("%s\t%s\t%s\n", f->log_only ? "log" : "deny", f->match.rule, path);
	else if (f->verdict != VERDICT_CLEAN)
		(void)printf("error\t%s\t%s\n", reason_name(f->reason), path);
}

static void scan(struct engine *e, const char *path, struct totals *t)
{
	_cleanup_(fd_closep) int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct engine_input in = {.fd = fd, .path = path, .max_size_bytes = MAX_BYTES};
	struct finding f;
	nsec_t began = clock_now();

	if (fd < 0) {
		(void)printf("error\t%s\t%s\n", strerrorname_np(errno), path);
		return;
	}
	in.deadline = began + PATIENCE;
	engine_scan(e, &in, &f);
	t->spent += clock_now() - began;
	t->files++;
	t->bytes += f.size_bytes;
	say(&f, path);
}

int main(int argc, char **argv)
{
	_cleanup_(ruleset_freep) struct ruleset *rs = NULL;
	_cleanup_(engine_freep) struct engine *e = NULL;
	_cleanup_(freep) char *path = NULL;
	struct totals t = {0};
	size_t size = 0;
	int r = argc == 2 ? engine_global_init() : -EINVAL;

	if (r == 0)
		r = open_image(argv[1], &rs);
	if (r == 0)
		r = engine_new(rs, MAX_BYTES, &e);
	if (r < 0) {
		(void)fprintf(stderr, "scan-files: %s\n", strerrordesc_np(-r));
		return EXIT_FAILURE;
	}
	while (getdelim(&path, &size, '\0', stdin) > 0)
		scan(e, path, &t);
	(void)printf("files %" PRIu64 " bytes %" PRIu64 " usec %" PRIu64 "\n", t.files, t.bytes,
	             (uint64_t)(t.spent / NSEC_PER_USEC));
	return ferror(stdin) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
