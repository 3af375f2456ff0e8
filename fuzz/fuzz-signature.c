/* SPDX-License-Identifier: Apache-2.0 */
/* A key file or a signature file of any bytes; nothing of it fits a made-up key */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/digest.h"
#include "custos/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *why = NULL;
	struct signature_key key = {.key = {1}};
	struct signature sig;
	int r;

	if (digest_global_init() < 0)
		abort();
	r = signature_parse(text, size, &sig, &why);
	if ((r == -EBADMSG) != (why != NULL))
		abort();
	if (r == 0) {
		memcpy(key.id, sig.id, sizeof(key.id));
		if (sig.comment &&
		    (sig.comment < text || sig.comment + sig.comment_len > text + size))
			abort();
		if (signature_verify(&sig, &key, data, size) == 0)
			abort();
	}
	why = NULL;
	r = signature_key_parse(text, size, &key, &why);
	if ((r == -EBADMSG) != (why != NULL))
		abort();
	return 0;
}
