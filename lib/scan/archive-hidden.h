/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: what a zip says twice, in its list of members and in the members' own headers */
#pragma once

#include <stdbool.h>

#include "custos/types.h"

/* The members that libarchive has read by the list. */
struct arc_listed {
	struct arc_range { /* header and data */
		size_t begin, end;
	} *items; /* owned; in the order of the file */
	size_t n;
	bool differs; /* a member's header says otherwise than the list what its data is */
};

#define ARC_LISTED_NULL                                                                                  \
	{                                                                                                  \
		0                                                                                          \
	}

/**
 * arc_listed_read() - the members in the list at the end of @buf, and their own headers
 * @len: up to the end of the zip, without a comment, as arc_zip_find() tells it for one that is read by its list
 *
 * Context: allocates. Return: 0 or -ENOMEM.
 */
int arc_listed_read(const uint8_t *buf, size_t len, struct arc_listed *ret);
void arc_listed_deinit(struct arc_listed *l);

/**
 * arc_hidden() - the next header of a member that is not in the list
 * @at: where to begin; set to where the member begins
 * @next: set to where the next may
 *
 * Return: false when there is none.
 */
bool arc_hidden(const struct arc_listed *l, const uint8_t *buf, size_t len, size_t *at, size_t *next);
