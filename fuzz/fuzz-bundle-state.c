/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a state file, given the digest they need to be looked at */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "custos/bundle-state.h"
#include "custos/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "custos-bundle-state 1\n";
	struct bundle_state s = BUNDLE_STATE_NULL, again = BUNDLE_STATE_NULL;
	size_t len = sizeof(head) - 1 + size, out_len;
	char *text = malloc(len + 70), *out = NULL;
	uint8_t sha256[EVP_MAX_MD_SIZE];

	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + sizeof(head) - 1, data, size);
	if (EVP_Digest(text, len, sha256, NULL, EVP_sha256(), NULL) != 1)
		abort();
	memcpy(text + len, "end ", 4);
	text_hex(sha256, 32, text + len + 4);
	text[len + 68] = '\n';
	if (bundle_state_parse(text, len + 69, &s) == 0) {
		if (bundle_state_format(&s, &out, &out_len) < 0 ||
		    bundle_state_parse(out, out_len, &again) < 0 ||
		    again.n_records != s.n_records ||
		    again.n_withdrawn != s.n_withdrawn)
			abort();
		bundle_state_deinit(&again);
		bundle_state_deinit(&s);
	}
	(void)bundle_state_parse((const char *)data, size, &s);
	bundle_state_deinit(&s);
	free(out);
	free(text);
	return 0;
}
