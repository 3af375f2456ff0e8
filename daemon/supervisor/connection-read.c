/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection: reading
 *
 * Exactly one message is taken from the kernel at a time: its end is looked for with
 * MSG_PEEK. So descriptors cannot be taken for another message's, and nothing is kept
 * for later.
 *
 * Owns: unfinished messages, descriptors that came with them, and the limits on both.
 * Must not own: what a message says. Hands off to: connection.c, when one is complete.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "closer.h"
#include "connection.h"
#include "custos/cleanup.h"

/* One look into the kernel's buffer. Ordinary calls are shorter. */
#define PEEK_BYTES 16384

void connection_drop_input(struct connection *c)
{
	c->server->input_bytes -= c->in_size;
	free(c->in);
	c->in = NULL;
	c->in_len = c->in_size = 0;
}

/* Make room for @more bytes, in steps: who sends little costs little. */
static int input_reserve(struct connection *c, size_t more)
{
	size_t total = CONNECTION_INPUT_TOTAL_MAX -
	               (c->peer.uid ? CONNECTION_INPUT_TOTAL_ROOT : 0);
	size_t size = c->in_size;
	char *in;

	if (c->in_len + more > VARLINK_MESSAGE_MAX + 1)
		return -EMSGSIZE;
	while (size < c->in_len + more)
		size = size ? 2 * size : 1024;
	if (size == c->in_size)
		return 0;
	if (c->server->input_bytes - c->in_size + size > total)
		return -ENOBUFS;
	in = realloc(c->in, size);
	if (!in)
		return -ENOMEM;
	c->server->input_bytes += size - c->in_size;
	c->in = in;
	c->in_size = size;
	return 0;
}

/* Keep the descriptors of one recvmsg(); -EMFILE when there are too many. */
static int take_fds(struct connection *c, struct msghdr *mh)
{
	int r = mh->msg_flags & MSG_CTRUNC ? -EMFILE
	                                   : 0; /* the kernel has closed the rest */

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
			if (c->n_fds < VARLINK_FDS_MAX) {
				c->fds[c->n_fds++] = fd;
			} else {
				closer_close(c->server->m->closer, fd);
				r = -EMFILE;
			}
		}
	}
	return r;
}

/* Take up to @want bytes. Returns their number, 0 at the end, or a negative errno. */
static ssize_t receive(struct connection *c, size_t want)
{
	union {
		char buf[CMSG_SPACE(VARLINK_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = c->in + c->in_len, .iov_len = want};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		/* None: the kernel lets go of them, without a word to whoever serves them. */
		.msg_controllen = closer_is_full(c->server->m->closer) ? 0 : sizeof(control.buf),
	};
	ssize_t n = recvmsg(c->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int r;

	if (n < 0)
		return -errno;
	r = take_fds(c, &mh);
	if (r < 0)
		return r;
	c->in_len += (size_t)n;
	return n;
}

int connection_read(struct connection *c)
{
	char peeked[PEEK_BYTES];
	ssize_t n = recv(c->fd, peeked, sizeof(peeked), MSG_PEEK | MSG_DONTWAIT);
	size_t want;
	char *end;
	int r;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		c->eof = true;
		return c->in_len > 0 ? -EBADMSG : 0;
	}
	end = memchr(peeked, '\0', (size_t)n);
	want = end ? (size_t)(end - peeked) + 1 : (size_t)n;
	r = input_reserve(c, want);
	if (r < 0)
		return r;
	n = receive(c, want);
	if (n < 0)
		return n == -EAGAIN || n == -EINTR ? 0 : (int)n;
	return c->in_len > 0 && c->in[c->in_len - 1] == '\0';
}
