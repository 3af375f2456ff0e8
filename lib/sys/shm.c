/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory
 *
 * Owns: creation, sealing, mapping. Must not own: the layout.
 */
#include "custos/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "custos/cleanup.h"
#include "custos/types.h"

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static int map_fd(int fd, size_t bytes, void **ret_map)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*ret_map = map;
	return 0;
}

int shm_new(const char *name, size_t bytes, void **ret_map)
{
	_cleanup_(fd_closep) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) < 0 || fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) < 0)
		return -errno;
	r = map_fd(fd, bytes, ret_map);
	if (r < 0)
		return r;
	return fd_take(&fd);
}

int shm_map(int fd, size_t bytes, void **ret_map)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((seals & SIZE_SEALS) != SIZE_SEALS || (size_t)st.st_size != bytes)
		return -EBADMSG;
	return map_fd(fd, bytes, ret_map);
}

int shm_from_bytes(const char *name, const void *bytes, size_t len)
{
	_cleanup_(fd_closep) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < len) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return fd_take(&fd);
}
