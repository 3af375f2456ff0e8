/* SPDX-License-Identifier: Apache-2.0 */
/* Policy image: bytes from another process become a sound policy or an error */
#include <stdlib.h>

#include "custos/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct policy_query q = {.known = 7, .event = POLICY_OPEN, .path = "/a"};
	const struct policy_line *line = NULL;
	struct policy *p = NULL;
	char *image;
	size_t len;

	if (policy_parse_image((const char *)data, size, &p) < 0)
		return 0;
	if (policy_match(p, &q, 0, &line) != 0 || !line)
		abort();
	/* The predicates may stand in another order, but nothing is lost. */
	if (policy_image(p, &image, &len) < 0 || len != size)
		abort();
	free(image);
	policy_free(p);
	return 0;
}
