/* SPDX-License-Identifier: Apache-2.0 */
/* Message digests: several over the same bytes in one pass */
#pragma once

#include "custos/types.h"

enum digest_alg { DIGEST_SHA256, DIGEST_SHA1, DIGEST_MD5, N_DIGESTS };

#define DIGEST_MAX_BYTES 32 /* SHA-256, the longest one here */

/* One per thread. Zero-initialised is empty and valid. */
struct digests {
	unsigned wanted;      /* mask of 1 << enum digest_alg */
	void *md[N_DIGESTS];  /* fetched algorithms, owned */
	void *ctx[N_DIGESTS]; /* contexts, owned, reused for every message */
};

#define DIGESTS_NULL {0}

/**
 * digest_global_init() - make libcrypto load all it would otherwise load at first use
 *
 * No configuration file of libcrypto is read, neither here nor later: a digest must not
 * depend on a file that could name a foreign provider.
 *
 * Context: once per process, before any other use of libcrypto and before the seal.
 * Return: 0, or -EIO when libcrypto refuses.
 */
int digest_global_init(void);

size_t digest_bytes(enum digest_alg alg);     /* 32, 20, 16 */
const char *digest_name(enum digest_alg alg); /* "SHA-256", "SHA-1", "MD5" */

/**
 * digests_init() - fetch the algorithms and make a context for each
 * @wanted: mask of 1 << enum digest_alg; the others are never computed
 *
 * Context: allocates. Return: 0, -ENOMEM, or -ENOTSUP when libcrypto has no such
 * algorithm. On error @d is empty and valid.
 */
int digests_init(struct digests *d, unsigned wanted);
void digests_deinit(struct digests *d);

/*
 * One message: begin, update any number of times, final. They allocate nothing and make
 * no system call. final() fills ret[alg] for each wanted algorithm. Return: 0, or -EIO
 * when libcrypto refuses (the result is then unusable).
 */
int digests_begin(struct digests *d);
int digests_update(struct digests *d, const void *data, size_t len);
int digests_final(struct digests *d, uint8_t ret[N_DIGESTS][DIGEST_MAX_BYTES]);
