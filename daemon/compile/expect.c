/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custos-compile: digests of its input files
 *
 * Owns: the comparison. Must not own: what is in the files, or whose the digest is
 * (custosd verified the manifest).
 */
#include "expect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/digest.h"
#include "custos/text.h"

#define CHUNK_BYTES ((size_t)256 << 10)
#define HEX_BYTES   ((size_t)2 * DIGEST_MAX_BYTES)

static int digest_fd(int fd, char ret_hex[HEX_BYTES + 1])
{
	_cleanup_(digests_deinit) struct digests digests = DIGESTS_NULL;
	_cleanup_(freep) char *buf = malloc(CHUNK_BYTES);
	uint8_t all[N_DIGESTS][DIGEST_MAX_BYTES];
	ssize_t n;
	int r = buf ? digest_global_init() : -ENOMEM;

	if (r == 0)
		r = digests_init(&digests, 1U << DIGEST_SHA256);
	if (r == 0)
		r = digests_begin(&digests);
	while (r == 0 && (n = read(fd, buf, CHUNK_BYTES)) != 0)
		r = n > 0            ? digests_update(&digests, buf, (size_t)n)
		    : errno == EINTR ? 0
		                     : -errno;
	if (r == 0)
		r = digests_final(&digests, all);
	if (r == 0)
		text_hex(all[DIGEST_SHA256], DIGEST_MAX_BYTES, ret_hex);
	return r;
}

int expect_file(const char *hex_path, struct diag *d)
{
	_cleanup_(fd_closep) int fd = -1;
	char hex[HEX_BYTES + 1];
	const char *path;
	int r;

	if (strlen(hex_path) <= HEX_BYTES + 1 || hex_path[HEX_BYTES] != ':')
		return -EBADMSG;
	path = hex_path + HEX_BYTES + 1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	r = fd < 0 ? -errno : digest_fd(fd, hex);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return diag_add(d, path, 0, "%s", strerrordesc_np(-r));
	if (strncmp(hex, hex_path, HEX_BYTES) != 0)
		return diag_add(d, path, 0,
		                "was changed: it is not what its signed MANIFEST says");
	return 0;
}
