/* SPDX-License-Identifier: Apache-2.0 */
/* Compile: the command line of custos-compile; private to compile.c */
#pragma once

#include "daemon/supervisor/compile.h"

/* Descriptors in the child. */
#define COMPILE_IMAGE_FD    3
#define COMPILE_KEPT_FD     4
#define COMPILE_REUSE_FD    5
#define COMPILE_BULK_OUT_FD 6
#define COMPILE_BULK_FD     7

struct compile_args {
	char **argv; /* NULL-terminated, all owned */
	size_t n, n_alloc;
	bool failed; /* no memory */
};

#define COMPILE_ARGS_NULL                                                              \
	{                                                                              \
		NULL                                                                   \
	}

/* What stands on the command line besides configuration and bundles. */
struct compile_ids {
	const char *program;
	uid_t uid;
	gid_t gid;
	bool has_bulk; /* COMPILE_BULK_FD is there */
};

/* @more: NULL: nothing. Return: 0, or -ENOMEM. Deinit @ret in any case. */
int compile_args_make(const struct compile_ids *ids, const struct conf *conf,
                      const struct compile_more *more, struct compile_args *ret);
void compile_args_deinit(struct compile_args *a);
