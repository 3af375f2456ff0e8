/* SPDX-License-Identifier: Apache-2.0 */
/* Hash lists as people write them: bare hashes, sha256sum output, CSV, ClamAV's */
#pragma once

#include <stdbool.h>

#include "custos/diag.h"
#include "custos/digest.h"

/* A path name of PATH_MAX bytes, each escaped by coreutils, and a hash before it. */
#define HASHLIST_LINE_MAX 8400
/* After this many bad lines the rest of a file is not looked at: it is no hash list. */
#define HASHLIST_BAD_LINES_MAX 1000

#define HASHLIST_ANY_SIZE UINT64_MAX

struct hashlist_entry {
	enum digest_alg alg;
	uint8_t digest[DIGEST_MAX_BYTES];
	uint64_t size_bytes; /* of the file meant, or HASHLIST_ANY_SIZE */
	/* ClamAV's name of the entry: printable ASCII; NULL for none */
	const char *name;
	/* it points into the line: not terminated, gone after the call */
	size_t name_len;
	unsigned line; /* 1-based; 0 from hashlist_parse_line() */
};

/**
 * hashlist_parse_line() - read one line
 * @line: without its line feed, any bytes
 * @ret:  set when 1 is returned
 * @why:  set to a constant text when -EINVAL is returned
 *
 * Known forms, hexadecimal digits in any case, 32, 40 or 64 of them (MD5, SHA-1,
 * SHA-256): HASH            HASH  PATH       HASH *PATH       \HASH  ESCAPED-PATH
 *   SHA256 (PATH) = HASH             (also SHA1, MD5)
 *   HASH:SIZE:NAME[:LEVEL[:LEVEL]]   HASH:*:NAME:73
 * Lines that are blank or begin with # hold nothing. A carriage return at the end is
 * dropped.
 *
 * Pure. Return: 1 an entry, 0 nothing, -EINVAL not understood.
 */
int hashlist_parse_line(const char *line, size_t len, struct hashlist_entry *ret,
                        const char **why);

/* 32, 40 or 64 hexadecimal digits and nothing else: sets algorithm and digest of @ret. */
bool hashlist_parse_hash(const char *hex, size_t n_digits, struct hashlist_entry *ret);

/*
 * The same for a line of names, NAME or NAME:CHECKSUM: only the name of @ret is set.
 */
int hashlist_parse_name(const char *line, size_t len, struct hashlist_entry *ret,
                        const char **why);

/*
 * By its suffix, is @file of a kind that cannot be taken (as a list of what is allowed,
 * if
 * @allow)? Return: a sentence that says why, or NULL.
 */
const char *hashlist_refused_name(const char *file, bool allow);

/* A .ign2 file: names of entries that are to be left out of all lists. */
bool hashlist_holds_names(const char *file);

/* Return: 0 to go on; a negative errno ends the reading and is handed up. */
typedef int (*hashlist_fn)(void *userdata, const struct hashlist_entry *entry);

/**
 * hashlist_read() - read a whole list, line by line
 * @fd:   read with read() from its offset on; borrowed
 * @file: how the list is called in @d
 * @fn:   called for each entry; entries before an error have been handed over by then,
 * so a caller that wants all or nothing throws them away on error
 * @d:    every line that was not understood
 *
 * If the first line that is no comment, or a comment in quotation marks, is a row with
 * a column of hashes, the file is a table (CSV): each row must hold a SHA-256, SHA-1 or
 * MD5, of which the first there is counts; size and name of the entry are taken where
 * there are columns for them. A file that holds something else (ClamAV's other
 * signatures, MISP's hashes of values, JSON) ends the reading with one sentence. Of a
 * .ign2 file, hashlist_parse_name() is used for each line.
 *
 * Context: allocates one buffer of fixed size, whatever the size of the list; blocks on
 * disk. Return: 0, -EINVAL when @d tells why, or what read() or @fn failed with.
 */
int hashlist_read(int fd, const char *file, hashlist_fn fn, void *userdata,
                  struct diag *d);
