/* SPDX-License-Identifier: Apache-2.0 */
/* A MANIFEST of any bytes: refused with a reason, or taken with names that are safe as
 * paths */
#include <stdlib.h>
#include <string.h>

#include "custos/bundle-manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle_manifest m = BUNDLE_MANIFEST_NULL;
	struct diag d = DIAG_NULL;
	int r = bundle_manifest_parse("MANIFEST", (const char *)data, size, &m, &d);

	if ((r < 0) != (d.n_total > 0))
		abort();
	for (size_t i = 0; i < m.n_files; i++)
		if (strchr(m.files[i].name, '/') || m.files[i].name[0] == '.' ||
		    m.files[i].kind > BUNDLE_TEXT)
			abort();
	if (r == 0 &&
	    (!bundle_channel_valid(m.channel) || m.serial < 1 || m.n_files == 0))
		abort();
	bundle_manifest_deinit(&m);
	diag_deinit(&d);
	return 0;
}
