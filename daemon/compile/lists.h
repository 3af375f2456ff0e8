/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: what the given hash lists say, entry by entry */
#pragma once

#include <stdbool.h>

#include "custos/diag.h"
#include "custos/digest.h"
#include "inputs.h"
#include "names.h"

struct lists {
	const struct inputs *in; /* borrowed */
	struct names ignored;    /* entries called so are left out */
};

struct lists_entry {
	enum digest_alg alg; /* of an allow list only SHA-256 */
	bool allow;
	const uint8_t *digest;
	uint64_t size_bytes; /* or HASHDB_ANY_SIZE */
	const char *name;    /* its own, or that of its list; not terminated */
	size_t name_len;
};

/* Return: 0, -EFBIG when no more entries fit, or another negative errno, which ends the list. */
typedef int (*lists_fn)(void *userdata, const struct lists_entry *e);

enum lists_which {
	LISTS_BULK, /* those of inputs_is_bulk() */
	LISTS_OTHER,
};

/**
 * lists_open() - read which names are ignored, whatever the order of the lists
 * @d: every wrong line
 *
 * Return: 0, -EINVAL (see @d; the others can be read all the same), or -ENOMEM. Then lists_deinit().
 */
int lists_open(struct lists *l, const struct inputs *in, struct diag *d);
void lists_deinit(struct lists *l);

/* Read the lists of one kind, from the beginning. Return: 0, -EINVAL (see @d), -ENOMEM, or -EOVERFLOW
 * when @on_entry gave it, at once. */
int lists_read(const struct lists *l, enum lists_which which, lists_fn on_entry, void *userdata,
               struct diag *d);
