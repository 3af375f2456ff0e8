/* SPDX-License-Identifier: Apache-2.0 */
/* Peer: who is at the other end of a socket, as the kernel recorded it at connect() */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define PEER_GID_NONE ((gid_t)-1)

struct peer {
	uid_t uid;
	pid_t pid; /* for messages only: never decide on it */
	bool observe;
	bool operate;
};

/**
 * peer_get() - credentials and groups of a connected AF_UNIX socket
 * @observers, @operators: groups that may, or PEER_GID_NONE
 *
 * Uid 0 may everything. Uses no name service: SO_PEERCRED and SO_PEERGROUPS
 * (Linux 4.13).
 *
 * Return: 0 or a negative errno.
 */
int peer_get(int fd, gid_t observers, gid_t operators, struct peer *ret);

/* Gid of a group, or PEER_GID_NONE for NULL, "" and unknown ones. Uses NSS. */
gid_t peer_group(const char *name);
