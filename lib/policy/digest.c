/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digest of a policy
 *
 * Owns: nothing. Must not own: the form of the image (image.c).
 * Hands off to: status and metrics, so that drift between hosts is one comparison.
 */
#include "custos/policy.h"

#include <errno.h>
#include <openssl/evp.h>

#include "custos/cleanup.h"

int policy_digest(const struct policy *p, char ret_hex[65])
{
	static const char digits[] = "0123456789abcdef";
	_cleanup_(freep) char *image = NULL;
	unsigned char sha[EVP_MAX_MD_SIZE];
	size_t len;
	int r;

	r = policy_image(p, &image, &len);
	if (r < 0)
		return r;
	if (EVP_Digest(image, len, sha, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM; /* the algorithm is built in: nothing else can fail */
	for (size_t i = 0; i < 32; i++) {
		ret_hex[2 * i] = digits[sha[i] >> 4];
		ret_hex[2 * i + 1] = digits[sha[i] & 15];
	}
	ret_hex[64] = '\0';
	return 0;
}
