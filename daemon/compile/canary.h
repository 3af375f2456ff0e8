/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: what would the new rules say about the files this host lives on? */
#pragma once

#include "corpus.h"
#include "custos/diag.h"

/* A host's own files are judged in milliseconds; rules that take this long for one of
 * them would hold up every start of a program. */
#define CANARY_FILE_NSEC (10 * NSEC_PER_SEC)
#define CANARY_ALL_NSEC  (30 * NSEC_PER_SEC)
#define CANARY_MAX_BYTES CORPUS_MAX_BYTES

enum canary_what {
	CANARY_NONE,
	CANARY_LISTS, /* digests against the lists alone: no rule of the bundle looks at
	                 bytes */
	CANARY_RULES, /* all */
};

struct canary {
	enum canary_what what;
	struct corpus corpus;
	int eicar_fd; /* memory with the EICAR test file; must match */
};

#define CANARY_NULL                                                                    \
	{                                                                              \
		.corpus = CORPUS_NULL, .eicar_fd = -1                                  \
	}

/* Open the files that are needed. Before the seal. Return: 0 or a negative
 * errno. */
int canary_open(struct canary *c, enum canary_what what);
/* Judge it with the image on @image_fd, sealed, and its bulk (-1: none). Each match and each file that could not
 * be judged in time goes to @d. Return: 0 or a negative errno. */
int canary_run(struct canary *c, int image_fd, int bulk_fd, struct diag *d);
void canary_deinit(struct canary *c);
