/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: what would the new rules say about the files this host lives on? */
#pragma once

#include <stddef.h>

#include "custos/diag.h"
#include "custos/types.h"

/* A host's own files are judged in milliseconds; rules that take this long for one of
 * them would hold up every start of a program. */
#define CANARY_FILE_NSEC (10 * NSEC_PER_SEC)
#define CANARY_ALL_NSEC  (30 * NSEC_PER_SEC)
#define CANARY_FILES_MAX 128
/* Larger files say no more, and take long. */
#define CANARY_MAX_BYTES ((uint64_t)32 << 20)

enum canary_what {
	CANARY_NONE,
	CANARY_LISTS, /* digests against the lists alone: no rule of the bundle looks at
	                 bytes */
	CANARY_RULES, /* all */
};

struct canary {
	enum canary_what what;
	struct canary_file {
		char *path; /* owned */
		int fd;     /* owned */
	} files[CANARY_FILES_MAX];
	size_t n_files;
	int eicar_fd; /* memory with the EICAR test file; must match */
};

#define CANARY_NULL                                                                    \
	{                                                                              \
		.eicar_fd = -1                                                         \
	}

/* Open the corpus: C library, loader, init, shells, sshd, package manager, ourselves.
 * Those that are not installed are left out. Before the seal. Return: 0 or a negative
 * errno. */
int canary_open(struct canary *c, enum canary_what what);
/* Judge it with the image on @image_fd, sealed. Each match and each file that could not
 * be judged in time goes to @d. Return: 0 or a negative errno. */
int canary_run(struct canary *c, int image_fd, struct diag *d);
void canary_deinit(struct canary *c);
