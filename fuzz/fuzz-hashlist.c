/* SPDX-License-Identifier: Apache-2.0 */
/* A hash list of any bytes */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "custos/hashlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_entry(void *userdata, const struct hashlist_entry *e)
{
	const char *input = userdata;

	/* A name must be bytes of one line that are printable, or nothing can show it. */
	for (size_t i = 0; e->name && i < e->name_len; i++)
		if (e->name[i] <= ' ' || e->name[i] > '~')
			abort();
	if (e->alg >= N_DIGESTS || e->line == 0 || !input)
		abort();
	return 0;
}

/* @file: its suffix can say that it holds names */
static void read_as(const char *file, const uint8_t *data, size_t size)
{
	struct diag d = DIAG_NULL;
	int fd = memfd_create("list", MFD_CLOEXEC), r;

	if (write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	r = hashlist_read(fd, file, on_entry, "", &d);
	if ((r < 0) != (d.n_total > 0)) /* an error without a reason, or the other way round */
		abort();
	diag_deinit(&d);
	(void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as("list", data, size);
	read_as("list.ign2", data, size);
	return 0;
}
