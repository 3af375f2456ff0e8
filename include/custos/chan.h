/* SPDX-License-Identifier: Apache-2.0 */
/* Channel: messages with descriptors over a SOCK_SEQPACKET pair */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define CHAN_FDS_MAX 4 /* rules image, policy image, and room */

/* A connected pair, close-on-exec. Return: 0 or a negative errno. */
int chan_pair(int ret_fds[2]);

/* Send one message whole. @flags: e.g. MSG_DONTWAIT. Return: 0, -EINVAL for an empty message or too
 * many descriptors, or another negative errno. */
int chan_send(int fd, const void *msg, size_t len, const int *fds, size_t n_fds, int flags);

/**
 * chan_recv() - receive one message
 * @ret_fds:   CHAN_FDS_MAX entries; those received are owned by the caller, others are -1
 *
 * A message longer than @size or with more descriptors than fit is -EMSGSIZE (descriptors closed).
 * Return: length, 0 at end of file, or a negative errno.
 */
ssize_t chan_recv(int fd, void *msg, size_t size, int ret_fds[CHAN_FDS_MAX], int flags);
