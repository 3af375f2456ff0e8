/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message digests
 *
 * Owns: the libcrypto objects behind struct digests.
 * Must not own: bytes of a message, or what a digest is looked up in.
 */
#include "custos/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static const struct {
	const char *name;
	size_t bytes;
} algs[N_DIGESTS] = {
	[DIGEST_SHA256] = {"SHA-256", 32},
	[DIGEST_SHA1] = {"SHA-1", 20},
	[DIGEST_MD5] = {"MD5", 16},
};

int digest_global_init(void)
{
	uint64_t opts = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
	                OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS;

	return OPENSSL_init_crypto(opts, NULL) == 1 ? 0 : -EIO;
}

size_t digest_bytes(enum digest_alg alg)
{
	return algs[alg].bytes;
}

const char *digest_name(enum digest_alg alg)
{
	return algs[alg].name;
}

static int digests_init_one(struct digests *d, unsigned alg)
{
	d->md[alg] = EVP_MD_fetch(NULL, algs[alg].name, NULL);
	if (!d->md[alg])
		return -ENOTSUP;
	d->ctx[alg] = EVP_MD_CTX_new();
	if (!d->ctx[alg])
		return -ENOMEM;
	/* The first init binds algorithm and state, later ones only reset the state. */
	return EVP_DigestInit_ex2(d->ctx[alg], d->md[alg], NULL) == 1 ? 0 : -ENOMEM;
}

int digests_init(struct digests *d, unsigned wanted)
{
	*d = (struct digests){.wanted = wanted};
	for (unsigned alg = 0; alg < N_DIGESTS; alg++) {
		int r = 0;

		if (wanted & (1U << alg))
			r = digests_init_one(d, alg);
		if (r < 0) {
			digests_deinit(d);
			return r;
		}
	}
	return 0;
}

void digests_deinit(struct digests *d)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++) {
		EVP_MD_CTX_free(d->ctx[alg]);
		EVP_MD_free(d->md[alg]);
	}
	*d = (struct digests)DIGESTS_NULL;
}

int digests_begin(struct digests *d)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		if (d->ctx[alg] && EVP_DigestInit_ex2(d->ctx[alg], NULL, NULL) != 1)
			return -EIO;
	return 0;
}

int digests_update(struct digests *d, const void *data, size_t len)
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		if (d->ctx[alg] && EVP_DigestUpdate(d->ctx[alg], data, len) != 1)
			return -EIO;
	return 0;
}

int digests_final(struct digests *d, uint8_t ret[N_DIGESTS][DIGEST_MAX_BYTES])
{
	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		if (d->ctx[alg] && EVP_DigestFinal_ex(d->ctx[alg], ret[alg], NULL) != 1)
			return -EIO;
	return 0;
}
