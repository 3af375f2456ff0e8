/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: YARA rules that have not changed are taken from the image in force,
 * compiled */
#pragma once

#include <stdbool.h>

#include "custos/image.h"
#include "inputs.h"

struct reuse {
	bool wanted; /* the source's digest is told at the end */
	int fd;      /* image in force, sealed, borrowed; -1: none */
	char source[2 * DIGEST_MAX_BYTES +
	            1]; /* what its rules were compiled of, hexadecimal */
	/* after reuse_open() */
	char now[2 * DIGEST_MAX_BYTES + 1]; /* of the inputs at hand */
	const void *yara; /* compiled rules, NULL: they have to be compiled */
	size_t yara_bytes;
	const void *report; /* on them, NULL: none */
	size_t report_bytes;
	uint32_t uses;
	uint64_t n_yara;
	void *map; /* owned */
	size_t map_bytes;
};

#define REUSE_NULL                                                                     \
	{                                                                              \
		.fd = -1                                                               \
	}

/* @text: "-", or "FD:SOURCE" with what an earlier run told. False: it has another form.
 */
bool reuse_parse(const char *text, struct reuse *ret);
/* Digest of the inputs; rules of the same digest are found in the image. What cannot be
 * used is compiled anew: that is no error. Return: 0, or -ENOMEM. */
int reuse_open(struct reuse *re, const struct inputs *in);
void reuse_deinit(struct reuse *re);
