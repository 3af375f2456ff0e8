/* SPDX-License-Identifier: Apache-2.0 */
/* Policy text: what is accepted decides every open, and decides the same behind its
 * image */
#include <stdlib.h>

#include "custos/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct policy_line *decide(const struct policy *p)
{
	const char *const mounts[] = {"/", "/srv"};
	const struct policy_query q = {
		.known = POLICY_FACT_PATH | POLICY_FACT_MOUNT | POLICY_FACT_SUBJECT,
		.event = POLICY_EXEC,
		.path = "/srv/a/b.c",
		.fs_type = "ext4",
		.mount_points = mounts,
		.n_mount_points = 2,
		.exe = "/usr/bin/cat",
		.unit = "a.service",
		.slice = "a.slice",
		.cgroup = "/a.slice/a.service",
	};
	const struct policy_line *line = NULL;

	if (policy_match(p, &q, 0, &line) != 0 || !line)
		abort();
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *p = NULL, *copy = NULL;
	struct diag d = DIAG_NULL;
	char *image = NULL;
	size_t len;
	int r = policy_parse("fuzz", (const char *)data, size, &p, &d);

	if ((r < 0) != (d.n_total > 0))
		abort();
	if (r == 0) {
		if (policy_image(p, &image, &len) < 0 ||
		    policy_parse_image(image, len, &copy) < 0 ||
		    decide(p)->index != decide(copy)->index)
			abort();
		free(image);
	}
	policy_free(p);
	policy_free(copy);
	diag_deinit(&d);
	return 0;
}
