/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a fuzz target once for every file of a directory
 *
 * Owns: main() of the targets when there is no fuzzer. `fuzz-x DIR`: exit 1 when there
 * is no seed or one cannot be read; a seed that breaks the target aborts it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEED_BYTES_MAX (16U << 20) /* a seed is meant to be small */

static int replay(int dirfd, const char *name)
{
	_cleanup_(fd_closep) int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) uint8_t *data = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (st.st_size > SEED_BYTES_MAX)
		return -EFBIG;
	/* exactly as large as the seed, so that a sanitizer sees a step too far */
	data = malloc((size_t)st.st_size ? (size_t)st.st_size : 1);
	if (!data)
		return -ENOMEM;
	if (read(fd, data, (size_t)st.st_size) != st.st_size)
		return -EIO;
	(void)LLVMFuzzerTestOneInput(data, (size_t)st.st_size); /* always 0 */
	return 1;
}

int main(int argc, char **argv)
{
	_cleanup_(dir_closep) DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	unsigned n_seeds = 0;
	struct dirent *entry;

	if (!dir) {
		(void)fputs("usage: fuzz-TARGET CORPUS-DIR\n", stderr);
		return 2;
	}
	while ((entry = readdir(dir))) {
		int r = replay(dirfd(dir), entry->d_name);

		if (r < 0) {
			(void)fprintf(stderr, "%s/%s: error %d\n", argv[1],
			              entry->d_name, -r);
			return 1;
		}
		n_seeds += (unsigned)r;
	}
	(void)printf("%u seeds\n", n_seeds);
	return n_seeds == 0;
}
