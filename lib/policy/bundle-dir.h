/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's folder: listed, opened and read within limits, whoever else can write to
 * it */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "custos/diag.h"
#include "custos/digest.h"

struct bundle_dir {
	int fd; /* borrowed */
	const char *label;
};

struct bundle_names {
	char **items; /* owned, sorted */
	size_t n;
};

void bundle_names_deinit(struct bundle_names *n);
bool bundle_is_signature(const char *name);

/* All results: 0, -EINVAL with the reason in @d, or -ENOMEM. */
int bundle_dir_list(const struct bundle_dir *dir, struct bundle_names *ret,
                    struct diag *d);
/* Open a regular file without following any link; *ret_size is its size now. fd >= 0.
 */
int bundle_dir_open(const struct bundle_dir *dir, const char *name, off_t *ret_size,
                    struct diag *d);
/* All of a small file; the caller frees *ret. */
int bundle_dir_read(const struct bundle_dir *dir, const char *name, size_t max,
                    char **ret, size_t *ret_len, struct diag *d);
int bundle_dir_digest(const struct bundle_dir *dir, const char *name,
                      uint8_t ret[DIGEST_MAX_BYTES], struct diag *d);
int bundle_dir_digest_text(const char *text, size_t len, uint8_t ret[DIGEST_MAX_BYTES]);
