/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel
 *
 * Owns: framing and descriptors in flight. Must not own: what messages mean.
 */
#include "custos/chan.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(CHAN_FDS_MAX * sizeof(int))];
};

int chan_pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

int chan_send(int fd, const void *msg, size_t len, const int *fds, size_t n_fds, int flags)
{
	struct iovec iov = {.iov_base = (void *)msg, .iov_len = len};
	union control control = {0};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (len == 0 || n_fds > CHAN_FDS_MAX) /* empty: the other end would read end of file */
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *c;

		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(fd, &mh, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *mh, int ret_fds[CHAN_FDS_MAX])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(ret_fds, CMSG_DATA(c), n * sizeof(int));
		return; /* the kernel sends one SCM_RIGHTS per message */
	}
}

ssize_t chan_recv(int fd, void *msg, size_t size, int ret_fds[CHAN_FDS_MAX], int flags)
{
	struct iovec iov = {.iov_base = msg, .iov_len = size};
	union control control;
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	for (size_t i = 0; i < CHAN_FDS_MAX; i++)
		ret_fds[i] = -1;
	do
		n = recvmsg(fd, &mh, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&mh, ret_fds);
	if (!(mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return n;
	for (size_t i = 0; i < CHAN_FDS_MAX; i++) {
		if (ret_fds[i] >= 0)
			(void)close(ret_fds[i]);
		ret_fds[i] = -1;
	}
	return -EMSGSIZE;
}
