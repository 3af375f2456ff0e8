/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: this host's own programs, libraries and scripts, which no rule may match */
#pragma once

#include <stddef.h>

#include "custos/rules-compile.h"
#include "custos/types.h"

#define CORPUS_FILES_MAX 256 /* each takes a descriptor */
#define CORPUS_LIKE_MAX  24  /* of one pattern */
/* Larger files say no more, and take long. */
#define CORPUS_MAX_BYTES ((uint64_t)32 << 20)

struct corpus {
	struct corpus_file {
		char *path; /* owned */
		int fd;     /* owned */
	} files[CORPUS_FILES_MAX];
	size_t n;
	uint8_t *bytes; /* of the file read last; owned */
	size_t n_alloc;
};

#define CORPUS_NULL                                                                    \
	{                                                                              \
		.n = 0                                                                 \
	}

enum corpus_which {
	CORPUS_NEEDED, /* C library, loader, init, shells, sshd, package manager, ourselves */
	CORPUS_ALL,    /* and more of the kind: programs, libraries, scripts */
};

/* Open those that are installed, the needed ones first. Before the seal. Return: 0 or
 * -ENOMEM. */
int corpus_open(struct corpus *c, enum corpus_which which);
/* File @i, whole; valid until the next call. Fits struct rules_trial. False: it cannot be
 * read, or is empty. Context: also sealed. */
bool corpus_read(void *corpus, size_t i, struct rules_sample *ret);
void corpus_deinit(struct corpus *c);
