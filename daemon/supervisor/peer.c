/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peer
 *
 * Owns: what the kernel says about a client. Must not own: what a method requires
 * (methods.c).
 */
#include "peer.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/types.h"

/* Most entries of the group database fit; larger ones double this up to the limit. */
#define GROUP_BUFFER_MIN 4096
#define GROUP_BUFFER_MAX (1024 * 1024)

gid_t peer_group(const char *name)
{
	struct group group, *found = NULL;
	int r = ERANGE;

	if (!name || !*name)
		return PEER_GID_NONE;
	for (size_t size = GROUP_BUFFER_MIN; r == ERANGE && size <= GROUP_BUFFER_MAX;
	     size *= 2) {
		_cleanup_(freep) char *buffer = malloc(size);

		if (!buffer)
			return PEER_GID_NONE;
		r = getgrnam_r(name, &group, buffer, size, &found);
		if (r == 0)
			return found ? found->gr_gid : PEER_GID_NONE;
	}
	return PEER_GID_NONE;
}

/* Supplementary groups. Caller frees *ret. */
static int peer_groups(int fd, gid_t **ret, size_t *ret_n)
{
	socklen_t len = 64 * sizeof(gid_t);

	for (;;) {
		_cleanup_(freep) gid_t *gids = malloc(len);

		if (!gids)
			return -ENOMEM;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len) == 0) {
			*ret_n = len / sizeof(gid_t);
			*ret = ptr_take(&gids);
			return 0;
		}
		if (errno != ERANGE) /* else len is now what is needed; it cannot change
		                        any more */
			return -errno;
	}
}

static bool is_member(gid_t wanted, gid_t primary, const gid_t *gids, size_t n)
{
	if (wanted == PEER_GID_NONE)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (gids[i] == wanted)
			return true;
	}
	return primary == wanted;
}

int peer_get(int fd, gid_t observers, gid_t operators, struct peer *ret)
{
	_cleanup_(freep) gid_t *gids = NULL;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	size_t n = 0;
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	r = peer_groups(fd, &gids, &n);
	if (r < 0)
		return r;
	*ret = (struct peer){
		.uid = cred.uid,
		.pid = cred.pid,
		.operate = cred.uid == 0 || is_member(operators, cred.gid, gids, n),
	};
	/* Who may operate may also look. */
	ret->observe = ret->operate || is_member(observers, cred.gid, gids, n);
	return 0;
}
