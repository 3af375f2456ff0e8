/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: every way a process can reach a file's content, one function each */
#pragma once

/*
 * A route prints exactly one line saying what happened:
 *   ok LENGTH FNV1A64   the content was reached, and this is what it was
 *   exit STATUS         the file ran (the marker program exits with MARKER_STATUS)
 *   signal NUMBER       the file ran and died
 *   ENAME               the kernel refused (EPERM is what custos must give)
 *   unsupported WHY     this kernel or file system has no such route
 * and returns the program's exit status: 0 when the line says what happened, 77 for
 * unsupported, 2 when the route could not be tried (message on stderr).
 */
struct route {
	const char *name;
	int (*run)(const char *file, const char *extra);
	const char *help;
};

#define MARKER_STATUS 42

extern const struct route routes_open[], routes_make[], routes_exec[], routes_uring[];

int report_fd(int fd); /* read to the end and print; @fd is consumed; negative: errno */
int report_errno(int err);
int report_unsupported(const char *why);
int setup_failed(const char *what);
/* Copy the whole of @from to @to. Return 0 or a negative errno. */
int copy_fd(int from, int to);
