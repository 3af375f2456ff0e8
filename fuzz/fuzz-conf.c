/* SPDX-License-Identifier: Apache-2.0 */
/* custosd.conf: any text is taken or refused with an error, and never half taken */
#include <stdlib.h>

#include "custos/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag d = DIAG_NULL;
	struct conf c;
	int r;

	conf_init(&c);
	c.n_workers = CONF_WORKERS_MAX + 1;
	r = conf_parse("fuzz", (const char *)data, size, &c, &d);
	if ((r < 0) != (d.n_total > 0) || (r < 0) != (c.n_workers > CONF_WORKERS_MAX))
		abort();
	conf_deinit(&c);
	diag_deinit(&d);
	return 0;
}
