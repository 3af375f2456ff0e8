/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: what bytes may be opened as */
#pragma once

#include <stdbool.h>

#include "custos/archive-kind.h"

struct arc_sign {
	enum arc_kind kind;
	size_t offset, len; /* of the archive: programs may lie before it, others behind it */
	bool is_sure; /* it is one, perhaps a damaged one; else it may be none at all */
	bool is_damaged; /* whatever its reader says */
	bool alone;   /* a zip: the one member that begins there */
	bool by_list; /* a zip: to be read by the list at its end, not from its begin */
};

#define ARC_SIGNS_MAX 10

/**
 * arc_signs() - every kind that @buf may be opened as
 * @kinds: mask of those of interest: guesses at others, which take a search, are left
 * out
 *
 * More than one, where a file was made to look different to different programs: each
 * reading counts. The caller must not take a reading that is not sure, and fails, for
 * an error.
 *
 * Pure. Return: number of @ret, each kind at most once.
 */
unsigned arc_signs(const uint8_t *buf, size_t len, unsigned kinds,
                   struct arc_sign ret[ARC_SIGNS_MAX]);

/* Where a cpio ends whose last header is at @at, and its padding: @len if that cannot
 * be told. An initrd is several, one behind the other, the last of them compressed.
 * Pure. */
size_t arc_cpio_end(const uint8_t *buf, size_t len, size_t at);

/* The same of a tar, whose end begins at @at: tar -i goes on behind it. Pure. */
size_t arc_tar_end(const uint8_t *buf, size_t len, size_t at);

/* A stream of which nothing comes out: may it be one of no bytes, or did its reader not
 * understand it? Pure. */
bool arc_may_be_empty(enum arc_kind filter, const uint8_t *buf, size_t len);
