/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open-routes: reach a file's content by the route named, and say what happened.
 *
 * Owns: the table of routes and how an outcome is printed.
 * Must not own: what the outcome should have been; tests/system/routes knows.
 * Hands off to: routes-open.c, routes-make.c, routes-exec.c, routes-uring.c.
 */
#include "routes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_SETUP       2
#define EXIT_UNSUPPORTED 77
#define FNV_OFFSET       UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME        UINT64_C(0x100000001b3)

static const struct route *const tables[] = {routes_open, routes_make, routes_exec,
                                             routes_uring};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

int report_errno(int err)
{
	const char *name = strerrorname_np(err);

	printf("%s\n", name ? name : "unknown errno");
	return 0;
}

int report_unsupported(const char *why)
{
	printf("unsupported %s\n", why);
	return EXIT_UNSUPPORTED;
}

int setup_failed(const char *what)
{
	fprintf(stderr, "open-routes: %s: %s\n", what, strerror(errno));
	return EXIT_SETUP;
}

int report_fd(int fd)
{
	uint8_t buf[65536];
	uint64_t fnv = FNV_OFFSET, total = 0;
	ssize_t n;

	if (fd < 0)
		return report_errno(errno);
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			fnv = (fnv ^ buf[i]) * FNV_PRIME;
		total += (uint64_t)n;
	}
	if (n < 0)
		return setup_failed("read");
	close(fd);
	printf("ok %" PRIu64 " %016" PRIx64 "\n", total, fnv);
	return 0;
}

int copy_fd(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return -EIO;
	return n < 0 ? -errno : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: open-routes ROUTE FILE [EXTRA] | --list\n");
	for (size_t t = 0; t < N_TABLES; t++)
		for (const struct route *r = tables[t]; r->name; r++)
			fprintf(stderr, "  %-16s %s\n", r->name, r->help);
	return EXIT_SETUP;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return usage();
	for (size_t t = 0; t < N_TABLES; t++)
		for (const struct route *r = tables[t]; r->name; r++)
			if (strcmp(r->name, argv[1]) == 0)
				return r->run(argv[2], argv[3]);
	return usage();
}
