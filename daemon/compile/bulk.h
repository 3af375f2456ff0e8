/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: the bulk of the hash lists, in an image that later generations share */
#pragma once

#include <stdbool.h>

#include "custos/image.h"
#include "lists.h"
#include "tables.h"

#define BULK_SOURCE_BYTES (2 * DIGEST_MAX_BYTES + 1) /* hexadecimal */

struct bulk {
	/* as asked */
	int out_fd;     /* empty memfd, borrowed; -1: there is no bulk, all goes into the image */
	int earlier_fd; /* the bulk in force, sealed, borrowed; -1: none */
	char source[BULK_SOURCE_BYTES]; /* what that was made of; "-": nobody knows */
	/* after bulk_open() */
	char now[BULK_SOURCE_BYTES]; /* what this one would be made of; "": no list is large enough */
	struct image earlier;        /* mapped, or IMAGE_NULL */
	/* after bulk_make() */
	int used_fd;                 /* out_fd or earlier_fd; -1: there is none */
	struct image_header used;    /* its header */
	struct tables withdrawn;     /* what is in it and on no list */
	uint64_t n_withdrawn, n_withdrawn_allow; /* its entries that do not count for that */
};

void bulk_init(struct bulk *b);
void bulk_deinit(struct bulk *b);

/* @text: "FD:SOURCE" as an earlier run told, or "FD:-". False: it has another form. */
bool bulk_parse(const char *text, struct bulk *ret);

/**
 * bulk_open() - the digest of all that the bulk would be made of, and the one in force
 *
 * An earlier one that cannot be used is none: that is no error. Context: reads the large lists
 * whole. Return: 0 or a negative errno.
 */
int bulk_open(struct bulk *b, const struct inputs *in);

/**
 * bulk_make() - find the bulk for these lists: the earlier one as it is, or with what is new in
 * @more and what is gone in @b->withdrawn, or a new one, sealed
 * @d: every wrong line
 *
 * Tells custosd which on standard output: to be called before anything is parsed that others than
 * list parsers read. Return: 0, -EINVAL (see @d), or another negative errno.
 */
int bulk_make(struct bulk *b, const struct lists *l, struct tables *more, struct diag *d);

/* --- inside: bulk-compare.c --- */

/**
 * bulk_compare() - the lists against the earlier bulk
 *
 * Return: 0, -EINVAL (see @d), -EOVERFLOW when too little of it is left (@more and @b->withdrawn
 * are then of no use), or another negative errno.
 */
int bulk_compare(struct bulk *b, const struct lists *l, struct tables *more, struct diag *d);
