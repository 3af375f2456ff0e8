/* SPDX-License-Identifier: Apache-2.0 */
/* A STIX bundle of any bytes */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void conversion_write(struct conversion *c, const struct hashlist_entry *e)
{
	/* Every byte of the name is looked at by the real one. */
	for (size_t i = 0; i < e->name_len; i++)
		if (e->name[i] == '\0')
			abort();
	if (e->alg >= N_DIGESTS)
		abort();
	c->n_written++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conversion c = {.file = "bundle", .files = true};
	struct diag d = DIAG_NULL;
	int fd = memfd_create("bundle", MFD_CLOEXEC), r;

	if (write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	r = stix_read(fd, &c, &d);
	if ((r < 0) != (d.n_total > 0))
		abort();
	diag_deinit(&d);
	(void)close(fd);
	return 0;
}
