/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: its input files, opened and checked before the seal */
#pragma once

#include <stdbool.h>

#include "custos/diag.h"
#include "custos/rules-compile.h"

/* One file of rules is at most this large: the largest public one has 5 MB. */
#define INPUT_YARA_MAX_BYTES ((size_t)64 << 20)
/* All of them together; they are kept in memory. */
#define INPUT_YARA_SUM_MAX_BYTES ((size_t)1 << 30)
/* A list of hashes: 100 million lines with a name each. It is read twice, and not kept. */
#define INPUT_HASHES_MAX_BYTES ((uint64_t)16 << 30)
#define INPUT_FILES_MAX          16384 /* each is compared with each */
#define INPUT_DEPTH_MAX          16    /* folders below a Yara= path */

/* From this size on, lists are the bulk: 4 million hashes. What is smaller is not worth a second look
 * at each reload, and is kept for the next start (KEPT_BYTES_MAX). */
#define INPUT_BULK_FROM_BYTES ((uint64_t)256 << 20)

struct hash_input {
	char *file; /* as given, owned */
	int fd;     /* owned */
	uint64_t bytes; /* when it was opened */
};

struct inputs {
	struct rules_source *yara; /* file and text owned */
	size_t n_yara, yara_bytes;
	struct rules_set *sets[RULES_SETS_MAX]; /* owned; those of the files */
	size_t n_sets;
	const struct rules_set *set; /* that of files that are added; NULL: none */
	struct hash_input *block, *allow;
	size_t n_block, n_allow;
	/* What is asked of rules decides what comes out, as they do. */
	bool self_test;
	uint64_t rule_budget; /* nanoseconds for a MiB; 0: none */
	uint64_t bulk_from; /* bytes; 0: no list is bulk */
};

#define INPUTS_NULL {0}

/*
 * Open one path given on the command line. What is wrong with it goes to @d: a file
 * must be a regular one, owned by root or the user who runs this, and writable by
 * nobody else.
 * @path of inputs_add_yara() may be a folder: every *.yar and *.yara below it, by name.
 * Return: 0, -EINVAL (see @d), or -ENOMEM.
 */
int inputs_add_yara(struct inputs *in, const char *path, struct diag *d);
/* Rules that are added from now on belong to @set; one of that name is used again. Return: 0, -ENOMEM, or -EINVAL (see @d)
 * for one too many, or a second one of the same name. */
int inputs_use_set(struct inputs *in, const struct rules_set *set, struct diag *d);
int inputs_add_block(struct inputs *in, const char *path, struct diag *d);
int inputs_add_allow(struct inputs *in, const char *path, struct diag *d);
/* Does the list go into the bulk image (bulk.h)? */
bool inputs_is_bulk(const struct inputs *in, const struct hash_input *list);
void inputs_deinit(struct inputs *in);
