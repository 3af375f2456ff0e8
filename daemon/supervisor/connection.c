/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection
 *
 * A connection is idle (a timer runs), busy (a call is being answered; nothing is read,
 * so the client's socket buffer is the queue), or closed.
 *
 * Owns: the descriptor, replies on their way, the rhythm of call and reply.
 * Must not own: how messages arrive (connection-read.c), what calls mean or who may
 * make them. Hands off to: methods_dispatch().
 */
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "closer.h"
#include "custos/cleanup.h"
#include "methods.h"

static void close_fds(struct connection *c)
{
	for (unsigned i = 0; i < c->n_fds; i++) {
		closer_close(c->server->m->closer, c->fds[i]); /* those a method took are -1 */
		c->fds[i] = -1;
	}
	c->n_fds = 0;
}

static void drop_state(struct connection *c)
{
	const struct call_ops *ops = c->ops;

	c->ops = NULL;
	if (ops)
		ops->free(c, ptr_take(&c->state));
}

void connection_close(struct connection *c)
{
	if (c->closed)
		return;
	c->closed = true;
	drop_state(c);
	connection_drop_input(c);
	close_fds(c);
	c->io = sd_event_source_disable_unref(c->io);
	c->idle = sd_event_source_disable_unref(c->idle);
	c->fd = fd_close(c->fd);
	LIST_REMOVE(c, entry);
	LIST_INSERT_HEAD(&c->server->closed, c, entry);
	(void)sd_event_source_set_enabled(c->server->reap,
	                                  SD_EVENT_ONESHOT); /* it exists */
}

void connection_free(struct connection *c)
{
	free(c->out);
	free(c);
}

static bool output_is_empty(const struct connection *c)
{
	return c->out_pos == c->out_len;
}

/* Wait for what can happen next. Hang-up is always reported. */
static void set_interest(struct connection *c)
{
	uint32_t events = 0;

	if (c->closed)
		return;
	if (c->eof && !c->busy && output_is_empty(c)) {
		connection_close(c);
		return;
	}
	/* Who does not read answers may not ask more: the queue is for one call's
	 * replies. */
	if (!c->busy && !c->eof && call_has_room(c))
		events |= EPOLLIN;
	if (!output_is_empty(c))
		events |= EPOLLOUT;
	if (sd_event_source_set_io_events(c->io, events) < 0)
		connection_close(c);
}

static void set_idle(struct connection *c, bool idle)
{
	int r = 0;

	if (c->closed)
		return;
	if (idle)
		r = sd_event_source_set_time_relative(c->idle, CONNECTION_IDLE_USEC);
	if (r >= 0)
		r = sd_event_source_set_enabled(c->idle,
		                                idle ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (r < 0)
		connection_close(c);
}

/* --- output --- */

static void flush(struct connection *c)
{
	while (!c->closed && !output_is_empty(c)) {
		ssize_t n = send(c->fd, c->out + c->out_pos, c->out_len - c->out_pos,
		                 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			connection_close(c);
		else
			c->out_pos += (size_t)n;
	}
	free(c->out);
	c->out = NULL;
	c->out_pos = c->out_len = c->out_size = 0;
}

static int output_reserve(struct connection *c, size_t more)
{
	size_t size = c->out_size;
	char *out;

	if (c->out_pos > 0) {
		memmove(c->out, c->out + c->out_pos, c->out_len - c->out_pos);
		c->out_len -= c->out_pos;
		c->out_pos = 0;
	}
	if (c->out_len + more > CONNECTION_OUTPUT_MAX)
		return -ENOBUFS;
	while (size < c->out_len + more)
		size = size ? 2 * size : 4096;
	if (size == c->out_size)
		return 0;
	out = realloc(c->out, size);
	if (!out)
		return -ENOMEM;
	c->out = out;
	c->out_size = size;
	return 0;
}

static void send_reply(struct connection *c, const char *error, json_t *parameters,
                       unsigned flags)
{
	_cleanup_(freep) char *bytes = NULL;
	size_t len;

	if (c->closed || c->flags & VARLINK_ONEWAY)
		return;
	if (varlink_build_reply(error, parameters, flags, &bytes, &len) < 0 ||
	    output_reserve(c, len) < 0) {
		connection_close(
			c); /* without its reply the client would wait for ever */
		return;
	}
	memcpy(c->out + c->out_len, bytes, len);
	c->out_len += len;
	flush(c);
}

/* --- calls --- */

bool call_is_current(const struct connection *c, const void *state)
{
	return !c->closed && c->ops && c->state == state;
}

void call_set_state(struct connection *c, const struct call_ops *ops, void *state)
{
	c->ops = ops;
	c->state = state;
}

bool call_has_room(const struct connection *c)
{
	return !c->closed && c->out_len - c->out_pos < CONNECTION_OUTPUT_ENOUGH;
}

static void call_end(struct connection *c)
{
	if (c->closed)
		return;
	drop_state(c);
	close_fds(c);
	c->busy = false;
	c->flags = 0;
	set_idle(c, true);
}

void call_reply(struct connection *c, json_t *parameters, bool continues)
{
	if (!parameters) {
		connection_close(c); /* no memory */
		return;
	}
	send_reply(c, NULL, parameters, continues ? VARLINK_CONTINUES : 0);
	json_decref(parameters);
	if (!continues)
		call_end(c);
	set_interest(c);
}

void call_error(struct connection *c, const char *error, json_t *parameters)
{
	send_reply(c, error, parameters, 0);
	json_decref(parameters);
	call_end(c);
	set_interest(c);
}

void call_failed(struct connection *c, int error, const char *message)
{
	call_error(c, "io.custos.Manager.Failed",
	           json_pack("{s:s, s:i}", "message", message, "errno", -error));
}

void call_invalid(struct connection *c, const char *parameter)
{
	call_error(c, "org.varlink.service.InvalidParameter",
	           json_pack("{s:s}", "parameter", parameter));
}

/* --- input --- */

static void start_call(struct connection *c)
{
	struct varlink_message m = {0};
	int r = varlink_parse_call(c->in, c->in_len - 1, &m);

	connection_drop_input(c);
	if (r < 0) {
		connection_close(c); /* what follows cannot be trusted to be framed */
		return;
	}
	c->busy = true;
	c->flags = m.flags;
	set_idle(c, false);
	if (!c->closed)
		methods_dispatch(c, &m);
	varlink_message_deinit(&m);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct connection *c = userdata;

	if (events & EPOLLIN && !c->busy && !c->eof) {
		int r = connection_read(c);

		if (r < 0)
			connection_close(c);
		else if (r > 0)
			start_call(c);
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		connection_close(c); /* nobody is left to answer */
	}
	if (events & EPOLLOUT && !c->closed) {
		flush(c);
		if (c->ops && c->ops->pump)
			c->ops->pump(c, c->state);
	}
	set_interest(c);
	return 0;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
	connection_close(userdata);
	return 0;
}

int connection_new(struct varlink_server *s, int fd, const struct peer *peer)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		(void)fd_close(fd);
		return -ENOMEM;
	}
	c->server = s;
	c->fd = fd;
	c->peer = *peer;
	LIST_INSERT_HEAD(&s->open, c, entry);
	r = sd_event_add_io(s->m->event, &c->io, fd, EPOLLIN, on_io, c);
	if (r >= 0)
		r = sd_event_add_time_relative(s->m->event, &c->idle, CLOCK_MONOTONIC,
		                               CONNECTION_IDLE_USEC, 0, on_idle, c);
	if (r >= 0)
		r = sd_event_source_set_priority(c->io, SERVER_PRIORITY);
	if (r < 0)
		connection_close(c);
	return r < 0 ? r : 0;
}
