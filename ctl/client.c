/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client
 *
 * Owns: the connection to the daemon, and the translation of its errors into exit codes
 * and advice. Must not own: what replies mean to a verb.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "custos/cleanup.h"

static int connect_failed(const char *path, int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		(void)ctl_error("custosd is not running (%s at %s): start it with"
		                " 'systemctl start custosd'",
		                error == ENOENT ? "no socket" : "nobody listens", path);
		return CTL_NOT_RUNNING;
	case EACCES:
	case EPERM:
		(void)ctl_error("no permission to connect to %s: run as root, or as a "
		                "member of the"
		                " group custos",
		                path);
		return CTL_DENIED;
	case EAGAIN:
		(void)ctl_error("custosd does not accept connections at %s: see "
		                "'systemctl status"
		                " custosd'",
		                path);
		return CTL_TIMEOUT;
	default:
		return ctl_error("cannot connect to %s: %s", path, strerror(error));
	}
}

int client_open(struct client *c, const struct ctl *ctl)
{
	static const struct timeval timeout = {.tv_sec = CLIENT_TIMEOUT_MSEC / 1000};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_cleanup_(fd_closep) int fd = -1;

	if (strlen(ctl->socket_path) >= sizeof(sa.sun_path))
		return ctl_error("the path of the socket is too long: %s",
		                 ctl->socket_path);
	memcpy(sa.sun_path, ctl->socket_path, strlen(ctl->socket_path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Also bounds connect(): a daemon that hangs does not take us with it. */
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return ctl_error("no socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return connect_failed(ctl->socket_path, errno);
	c->fd = fd_take(&fd);
	return CTL_OK;
}

bool client_is_served(const struct ctl *ctl)
{
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	if (fd < 0 || strlen(ctl->socket_path) >= sizeof(sa.sun_path))
		return false;
	memcpy(sa.sun_path, ctl->socket_path, strlen(ctl->socket_path));
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
}

void client_deinit(struct client *c)
{
	c->fd = fd_close(c->fd);
	free(c->buf);
	*c = (struct client)CLIENT_NULL;
}

/* The first part carries the descriptors. */
static int send_bytes(int fd, const char *bytes, size_t len, const int *fds,
                      unsigned n_fds)
{
	union {
		char buf[CMSG_SPACE(VARLINK_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = {0};

	while (len > 0) {
		struct iovec iov = {.iov_base = (char *)bytes, .iov_len = len};
		struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n;

		if (n_fds > 0) {
			struct cmsghdr *cm = &control.align;

			cm->cmsg_level = SOL_SOCKET;
			cm->cmsg_type = SCM_RIGHTS;
			cm->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
			memcpy(CMSG_DATA(cm), fds, n_fds * sizeof(int));
			mh.msg_control = control.buf;
			mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		}
		n = sendmsg(fd, &mh, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		n_fds = 0;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int client_send(struct client *c, const char *method, json_t *parameters,
                unsigned flags, const int *fds, unsigned n_fds)
{
	_cleanup_(freep) char *bytes = NULL;
	char name[128];
	size_t len;
	int r;

	snprintf(name, sizeof(name), "io.custos.Manager.%s", method);
	r = varlink_build_call(name, parameters, flags, &bytes, &len);
	json_decref(parameters);
	if (r == 0)
		r = send_bytes(c->fd, bytes, len, fds, n_fds);
	if (r == -EAGAIN) {
		(void)ctl_error(
			"custosd does not read: see 'systemctl status custosd'");
		return CTL_TIMEOUT;
	}
	/* A server that is full closes at once: reading tells. */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return ctl_error("cannot send to custosd: %s", strerror(-r));
	return CTL_OK;
}

static int error_exit(const struct varlink_message *m)
{
	json_t *p = m->parameters;
	const char *name =
		strrchr(m->error, '.') ? strrchr(m->error, '.') + 1 : m->error;

	if (strcmp(name, "PermissionDenied") == 0) {
		(void)ctl_error("permission denied: looking needs root or the group "
		                "custos, scan and"
		                " reload root or OperatorGroup=, mode and taking out of"
		                " quarantine root");
		return CTL_DENIED;
	}
	if (strcmp(name, "ReloadFailed") == 0)
		return ctl_error("not reloaded, what was in force stays in force:\n%s",
		                 json_string_value(json_object_get(p, "errors")) ?: "");
	if (strcmp(name, "BundleRefused") == 0)
		return ctl_error("refused (%s), what was in force stays in force:\n%s",
		                 json_string_value(json_object_get(p, "code")) ?: "?",
		                 json_string_value(json_object_get(p, "message")) ?: "");
	if (strcmp(name, "Failed") == 0)
		return ctl_error(
			"%s: %s",
			json_string_value(json_object_get(p, "message")) ?: "failed",
			strerror((int)json_integer_value(json_object_get(p, "errno"))));
	if (strcmp(name, "MethodNotFound") == 0)
		return ctl_error("this custosd does not know the request: is it older "
		                 "than custosctl?"
		                 " restart it after upgrades");
	if (strcmp(name, "InvalidParameter") == 0)
		return ctl_error("custosd refuses the value of '%s'",
		                 json_string_value(json_object_get(p, "parameter"))
		                         ?: "?");
	return ctl_error("custosd answers: %s", m->error);
}

/* More bytes into the buffer. */
static int fill(struct client *c, int timeout_msec)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	ssize_t n;

	if (c->size - c->len < 65536) {
		char *buf = realloc(c->buf, c->len + 2 * 65536);

		if (!buf)
			return ctl_error("out of memory");
		c->buf = buf;
		c->size = c->len + 2 * 65536;
	}
	n = poll(&p, 1, timeout_msec);
	if (n == 0) {
		(void)ctl_error("no answer from custosd within %d s",
		                timeout_msec / 1000);
		return CTL_TIMEOUT;
	}
	do
		n = recv(c->fd, c->buf + c->len, c->size - c->len, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return ctl_error(
			"custosd closed the connection: it is stopping, or has too many"
			" clients; try again");
	c->len += (size_t)n;
	return CTL_OK;
}

int client_receive(struct client *c, int timeout_msec, struct varlink_message *ret)
{
	struct varlink_message m;
	size_t len;
	int r;

	if (c->used > 0) {
		memmove(c->buf, c->buf + c->used, c->len - c->used);
		c->len -= c->used;
		c->used = 0;
	}
	while ((r = c->len ? varlink_find_end(c->buf, c->len, &len) : -EAGAIN) ==
	       -EAGAIN) {
		r = fill(c, timeout_msec);
		if (r != CTL_OK)
			return r;
	}
	if (r == 0)
		r = varlink_parse_reply(c->buf, len, &m);
	if (r < 0)
		return ctl_error("custosd sent something that is not Varlink: %s",
		                 strerror(-r));
	c->used = len + 1;
	if (m.error) {
		r = error_exit(&m);
		varlink_message_deinit(&m);
		return r;
	}
	*ret = m;
	return CTL_OK;
}

static int call_once(const struct ctl *ctl, const char *method, json_t *parameters,
                     int fd, int timeout_msec, json_t **ret)
{
	_cleanup_(client_deinit) struct client c = CLIENT_NULL;
	struct varlink_message m;
	int r = client_open(&c, ctl);

	if (r != CTL_OK) {
		json_decref(parameters);
		return r;
	}
	r = client_send(&c, method, parameters, 0, &fd, fd >= 0);
	if (r != CTL_OK)
		return r;
	r = client_receive(&c, timeout_msec, &m);
	if (r != CTL_OK)
		return r;
	*ret = json_incref(m.parameters);
	varlink_message_deinit(&m);
	return CTL_OK;
}

int client_call(const struct ctl *ctl, const char *method, json_t *parameters,
                int timeout_msec, json_t **ret)
{
	return call_once(ctl, method, parameters, -1, timeout_msec, ret);
}

int client_call_fd(const struct ctl *ctl, const char *method, json_t *parameters,
                   int fd, int timeout_msec, json_t **ret)
{
	return call_once(ctl, method, parameters, fd, timeout_msec, ret);
}
