/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin socket: listener
 *
 * Runs on the supervisor's event loop, which answers no fanotify event: a client can
 * make the daemon busy, but cannot make an opener wait (I6).
 *
 * Owns: the socket's file, who is let in and how many.
 * Must not own: bytes (connection.c), methods (methods.c).
 * Hands off to: connection_new(), which owns the descriptor from then on.
 */
#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "connection.h"
#include "custos/cleanup.h"
#include "history.h"

/* No descriptors: clients wait this long in the backlog, and the loop does not spin. */
#define LISTEN_PAUSE_USEC (100 * 1000)

void server_resolve_groups(struct varlink_server *s)
{
	s->observers = peer_group(SERVER_GROUP);
	s->operators = peer_group(s->m->conf.operator_group);
	s->m->operators_unknown = s->m->conf.operator_group && s->operators == PEER_GID_NONE;
}

static bool is_full(const struct varlink_server *s, uid_t uid)
{
	const struct connection *c;
	unsigned n = 0, n_uid = 0;

	LIST_FOREACH (c, &s->open, entry) {
		n++;
		n_uid += c->peer.uid == uid;
	}
	if (uid == 0)
		return n >= SERVER_CONNECTIONS_MAX;
	return n_uid >= SERVER_CONNECTIONS_UID ||
	       n >= SERVER_CONNECTIONS_MAX - SERVER_CONNECTIONS_ROOT;
}

int server_add(struct varlink_server *s, int fd)
{
	_cleanup_(fd_closep) int owned = fd;
	struct peer peer;
	int r;

	r = peer_get(owned, s->observers, s->operators, &peer);
	if (r < 0)
		return r;
	if (is_full(s, peer.uid))
		return -EUSERS;
	return connection_new(s, fd_take(&owned), &peer);
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct varlink_server *s = userdata;

	return sd_event_source_set_enabled(s->listen, SD_EVENT_ON);
}

static void pause_listening(struct varlink_server *s)
{
	if (sd_event_source_set_time_relative(s->resume, LISTEN_PAUSE_USEC) < 0 ||
	    sd_event_source_set_enabled(s->resume, SD_EVENT_ONESHOT) < 0)
		return; /* then better spin than never listen again */
	(void)sd_event_source_set_enabled(s->listen, SD_EVENT_OFF); /* likewise */
}

static int on_listen(sd_event_source *source, int listen_fd, uint32_t events,
                     void *userdata)
{
	struct varlink_server *s = userdata;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		(void)server_add(s, fd); /* a client too many: closed, which it sees */
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
	         errno == ENOBUFS)
		pause_listening(s);
	return 0; /* other errors belong to the client that went away */
}

static int on_news(sd_event_source *source, void *userdata)
{
	struct varlink_server *s = userdata;
	struct connection *c, *next;

	for (c = LIST_FIRST(&s->open); c; c = next) {
		next = LIST_NEXT(c,
		                 entry); /* pumping can close this one, and no other */
		if (c->ops && c->ops->pump)
			c->ops->pump(c, c->state);
	}
	return 0;
}

/* Called per event: only note it, so that a burst costs each subscriber one turn. */
static void on_history(void *userdata)
{
	struct varlink_server *s = userdata;

	(void)sd_event_source_set_enabled(
		s->news, SD_EVENT_ONESHOT); /* cannot fail: it exists */
}

static void free_closed(struct varlink_server *s)
{
	struct connection *c;

	while ((c = LIST_FIRST(&s->closed))) {
		LIST_REMOVE(c, entry);
		connection_free(c);
	}
}

static int on_reap(sd_event_source *source, void *userdata)
{
	free_closed(userdata);
	return 0;
}

/* A socket left behind by a crash refuses connections; one that is served does not. */
static int remove_stale(const struct sockaddr_un *sa)
{
	_cleanup_(fd_closep) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(sa->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 ||
	    errno == EAGAIN)
		return -EADDRINUSE;
	return unlink(sa->sun_path) < 0 ? -errno : 0;
}

static int open_socket(struct varlink_server *s)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int r;

	if (strlen(s->path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, s->path, strlen(s->path));
	r = remove_stale(&sa);
	if (r < 0)
		return r;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	/* The mode of the descriptor becomes the file's: at no moment is it open to
	 * others. */
	if (fchmod(s->fd, 0600) < 0 ||
	    bind(s->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	if (s->observers != PEER_GID_NONE && geteuid() == 0 &&
	    (chown(s->path, 0, s->observers) < 0 || chmod(s->path, 0660) < 0))
		return -errno;
	return listen(s->fd, SERVER_CONNECTIONS_MAX) < 0 ? -errno : 0;
}

static int add_sources(struct varlink_server *s)
{
	sd_event *e = s->m->event;
	int r;

	r = sd_event_add_io(e, &s->listen, s->fd, EPOLLIN, on_listen, s);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(e, &s->resume, CLOCK_MONOTONIC, 0, 0, on_resume,
	                               s);
	if (r < 0)
		return r;
	r = sd_event_add_defer(e, &s->news, on_news, s);
	if (r < 0)
		return r;
	r = sd_event_add_defer(e, &s->reap, on_reap, s);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(s->listen, SERVER_PRIORITY);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(s->news, SERVER_PRIORITY);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(s->resume, SD_EVENT_OFF);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(s->news, SD_EVENT_OFF);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(s->reap, SD_EVENT_OFF);
}

int server_new(struct manager *m, const char *path, struct varlink_server **ret)
{
	_cleanup_(server_freep) struct varlink_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->m = m;
	s->fd = -1;
	LIST_INIT(&s->open);
	LIST_INIT(&s->closed);
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	json_object_seed(0); /* opens /dev/urandom: now, not with marks armed */
	server_resolve_groups(s);
	r = open_socket(s);
	if (r < 0)
		return r;
	r = add_sources(s);
	if (r < 0)
		return r;
	history_set_notify(m->history, on_history, s);
	*ret = ptr_take(&s);
	return 0;
}

struct varlink_server *server_free(struct varlink_server *s)
{
	if (!s)
		return NULL;
	if (s->listen) { /* complete, and so ours: the notifier and the socket's name */
		history_set_notify(s->m->history, NULL, NULL);
		(void)unlink(
			s->path); /* may be gone: RUNTIME_DIR is systemd's to remove */
	}
	/* Before the connections: who sees one end finds nobody, or whoever comes next. */
	sd_event_source_disable_unref(s->listen);
	s->fd = fd_close(s->fd);
	while (!LIST_EMPTY(&s->open))
		connection_close(LIST_FIRST(&s->open));
	free_closed(s);
	sd_event_source_disable_unref(s->resume);
	sd_event_source_disable_unref(s->news);
	sd_event_source_disable_unref(s->reap);
	free(s->path);
	free(s);
	return NULL;
}

void server_freep(struct varlink_server **s)
{
	*s = server_free(*s);
}
