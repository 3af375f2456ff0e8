/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: the key of an image, a digest of all it is made of */
#pragma once

#include <stdbool.h>

#include "bulk.h"
#include "custos/digest.h"
#include "inputs.h"

#define KEY_BYTES DIGEST_MAX_BYTES

/* What compiles: this program and libyara. Another file of either is another compiler.
 */
struct key_programs {
	struct key_file {
		uint64_t dev, ino, size_bytes, mtime, ctime;
	} self, libyara;
};

/* Before the seal: looks at files. Return: 0 or a negative errno. */
int key_programs(struct key_programs *ret);

/**
 * key_of() - the digest of programs, formats, and every path and byte of the inputs
 * @in:   hash lists are read to their end and rewound
 * @bulk: NULL, or after bulk_open(): its digest stands for the large ones
 *
 * Inputs in another order have another key. Context: sealed, before anything is parsed.
 * Return: 0 or a negative errno.
 */
int key_of(const struct key_programs *programs, const struct inputs *in,
           const struct bulk *bulk, uint8_t ret[KEY_BYTES]);

/* To a digest: @kind, path and all bytes of a list, which is rewound. Return: 0 or a negative errno. */
int key_add_list(struct digests *d, const char *kind, const struct hash_input *in);

/* Afterwards: were the lists, which are read once for the key and once for the image,
 * the same both times? */
bool key_holds(const struct key_programs *programs, const struct inputs *in,
               const struct bulk *bulk, const uint8_t key[KEY_BYTES]);
