/* SPDX-License-Identifier: Apache-2.0 */
/* Signature: Ed25519 keys and signatures in the files of signify(1) and minisign(1) */
#pragma once

#include <stdbool.h>

#include "custos/types.h"

/* Both tools write less: comments are cut at 1024 bytes by signify, at 8192 by
 * minisign. */
#define SIGNATURE_FILE_MAX ((size_t)16 << 10)
#define SIGNATURE_ID_BYTES 8
/* A key's id as minisign shows it (last byte first), in hex, and a NUL. */
#define SIGNATURE_ID_TEXT (2 * SIGNATURE_ID_BYTES + 1)

struct signature_key {
	uint8_t id[SIGNATURE_ID_BYTES];
	uint8_t key[32];
};

struct signature {
	uint8_t id[SIGNATURE_ID_BYTES]; /* of the key that is said to have made it */
	bool prehashed;                 /* it signs BLAKE2b-512 of the message */
	uint8_t bytes[64];
	/* minisign: a second signature, over the first and a comment. signify: NULL, 0
	 */
	const char *comment; /* into the text that was parsed */
	size_t comment_len;
	uint8_t comment_bytes[64];
};

/**
 * signature_key_parse() - read a public key file
 * @text: any bytes; two lines, the first a comment
 * @why:  set to a constant text when -EBADMSG is returned
 *
 * Context: allocates. Return: 0, -EBADMSG, or -ENOMEM.
 */
int signature_key_parse(const char *text, size_t len, struct signature_key *ret,
                        const char **why);

/**
 * signature_parse() - read a detached signature file
 * @text: any bytes; two lines (signify) or four (minisign); must outlive @ret
 *
 * Nothing in it is proven yet, the comment included. As signature_key_parse().
 */
int signature_parse(const char *text, size_t len, struct signature *ret,
                    const char **why);

/**
 * signature_verify() - has @key signed @msg, and the trusted comment if there is one?
 *
 * Context: digest_global_init() was called; allocates.
 * Return: 0, -EKEYREJECTED when not (or by a key of another id), -ENOMEM, -ENOTSUP when
 * libcrypto lacks an algorithm.
 */
int signature_verify(const struct signature *s, const struct signature_key *key,
                     const void *msg, size_t len);

void signature_id_text(const uint8_t id[SIGNATURE_ID_BYTES],
                       char ret[SIGNATURE_ID_TEXT]);
