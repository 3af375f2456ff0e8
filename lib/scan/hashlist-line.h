/* SPDX-License-Identifier: Apache-2.0 */
/* Hash lists: what the forms of a line share, private to lib/scan/hashlist*.c */
#pragma once

#include <stdbool.h>

#include "custos/hashlist.h"

#define HASHLIST_WHY_TEXT "the line holds control characters: this is no text file"

struct cursor {
	const char *p, *end;
};

/* Decimal digits and nothing else, below HASHLIST_ANY_SIZE. */
bool hashlist_number(struct cursor f, uint64_t *ret);
bool hashlist_is_text(struct cursor c);

/*
 * Is the line from a file that holds something else than hashes of files? Return: a
 * sentence that says what, or NULL.
 */
const char *hashlist_foreign_line(const char *line, size_t len);

#define CSV_FIELDS_MAX 64
#define CSV_NAME_BYTES 128

enum csv_column {
	CSV_SHA256,
	CSV_SHA1,
	CSV_MD5,
	CSV_HASH, /* of any kind */
	CSV_SIZE,
	CSV_NAME,
	N_CSV_COLUMNS,
};

/* Which column of a table is what. Zero-initialised: there was no header yet. */
struct csv {
	unsigned at[N_CSV_COLUMNS]; /* 1-based, 0: none */
	bool found;
	char name[CSV_NAME_BYTES]; /* of the entry last read */
};

/* Return: 1 a header, @csv is set; 0 none; -EINVAL a header without a hash, see @why.
 */
int csv_header(struct csv *csv, const char *line, size_t len, const char **why);
/* As hashlist_parse_line(); the entry's name is in @csv. */
int csv_row(struct csv *csv, const char *line, size_t len, struct hashlist_entry *ret,
            const char **why);
