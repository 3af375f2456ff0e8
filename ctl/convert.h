/* SPDX-License-Identifier: Apache-2.0 */
/* custosctl convert: what its parts share */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "custos/hashlist.h"

/* One object of a bundle is at most this large; the bundle may have any size. */
#define STIX_OBJECT_MAX ((size_t)16 << 20)

struct conversion {
	FILE *out;
	const char *file; /* for messages */
	bool files;       /* STIX: File objects, too */
	size_t n_written, n_left_out;
};

/* Write one entry as a line that Hashes= and AllowHashes= read. */
void conversion_write(struct conversion *c, const struct hashlist_entry *e);

/*
 * stix_read() - convert each object of a bundle, one after the other
 *
 * Return: 0, -EINVAL with @d saying why, or another negative errno.
 */
int stix_read(int fd, struct conversion *c, struct diag *d);
/* One object: an indicator, or a File. */
void stix_object(struct conversion *c, const json_t *object);
