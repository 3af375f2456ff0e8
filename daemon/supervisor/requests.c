/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests
 *
 * Owns: descriptors of files to be judged until their result is back, so that a lost pair costs a
 * delay and not a result; the closer. Must not own: who asked.
 * Hands off to: the scanner, REQUESTS_SENT_MAX at a time.
 */
#include "daemon/supervisor/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "custos/chan.h"
#include "custos/cleanup.h"
#include "custos/unasked.h"

#include "daemon/shared.h"
#include "daemon/supervisor/closer.h"
#include "daemon/supervisor/pair.h"

struct request {
	TAILQ_ENTRY(request) entry;
	uint32_t number;
	int fd;
	manager_scan_fn done; /* NULL: cancelled */
	void *userdata;
};

TAILQ_HEAD(request_list, request);

struct requests {
	struct manager *m;
	struct request_list waiting, sent;
	unsigned n, n_sent;
	uint32_t last_number;
	sd_event_source *io;
};

static void request_free(struct requests *q, struct request *r)
{
	closer_close(q->m->closer, r->fd);
	free(r);
	q->n--;
}

static void pump(struct requests *q)
{
	int to = pair_requests_fd(q->m->pair);
	struct request *r;

	while (to >= 0 && q->n_sent < REQUESTS_SENT_MAX && (r = TAILQ_FIRST(&q->waiting))) {
		if (chan_send(to, &r->number, sizeof(r->number), &r->fd, 1, MSG_DONTWAIT) < 0)
			return; /* full: a result makes room; gone: sent to the next pair */
		TAILQ_REMOVE(&q->waiting, r, entry);
		TAILQ_INSERT_TAIL(&q->sent, r, entry);
		q->n_sent++;
	}
}

static void deliver(struct requests *q, struct scan_result *result)
{
	struct finding *f = &result->finding;
	struct request *r;

	TAILQ_FOREACH(r, &q->sent, entry)
		if (r->number == result->request)
			break;
	if (!r)
		return; /* answered twice after a crash */
	TAILQ_REMOVE(&q->sent, r, entry);
	q->n_sent--;
	/* From the process that reads hostile files: check before use. */
	f->verdict = f->verdict > VERDICT_ERROR ? VERDICT_ERROR : f->verdict;
	f->reason = f->reason >= N_REASONS ? REASON_ENGINE : f->reason;
	f->match.rule[sizeof(f->match.rule) - 1] = '\0';
	f->match.set[sizeof(f->match.set) - 1] = '\0';
	if (r->done)
		r->done(r->userdata, f, result->spent / NSEC_PER_USEC);
	request_free(q, r);
}

static int on_result(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct requests *q = userdata;
	struct scan_result result;
	int fds[CHAN_FDS_MAX];
	ssize_t n;

	(void)source;
	(void)revents;
	while ((n = chan_recv(fd, &result, sizeof(result), fds, MSG_DONTWAIT)) > 0) {
		for (unsigned i = 0; i < CHAN_FDS_MAX; i++)
			(void)fd_close(fds[i]); /* it has none to give */
		if (n == sizeof(result))
			deliver(q, &result);
	}
	if (n == 0)
		(void)sd_event_source_set_enabled(q->io, SD_EVENT_OFF);
	pump(q);
	return 0;
}

void requests_disconnect(struct requests *q)
{
	q->io = sd_event_source_disable_unref(q->io);
	TAILQ_CONCAT(&q->sent, &q->waiting, entry);
	TAILQ_CONCAT(&q->waiting, &q->sent, entry);
	q->n_sent = 0;
}

void requests_connect(struct requests *q)
{
	int fd = pair_requests_fd(q->m->pair);

	if (!q->io && fd >= 0)
		(void)sd_event_add_io(q->m->event, &q->io, fd, EPOLLIN, on_result, q);
	pump(q);
}

int requests_add(struct requests *q, int fd, manager_scan_fn done, void *userdata)
{
	struct request *r = NULL;
	struct stat st;
	int err = 0;

	/* Its server may not answer. */
	if (unasked_stat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		err = -EINVAL;
	else if (q->n >= REQUESTS_MAX)
		err = -EBUSY;
	else if (!pair_ready(q->m->pair))
		err = -ENOTCONN;
	else if (!(r = calloc(1, sizeof(*r))))
		err = -ENOMEM;
	if (err < 0) {
		closer_close(q->m->closer, fd);
		return err;
	}
	*r = (struct request){.number = ++q->last_number, .fd = fd, .done = done,
	                      .userdata = userdata};
	TAILQ_INSERT_TAIL(&q->waiting, r, entry);
	q->n++;
	pump(q);
	return 0;
}

void requests_cancel(struct requests *q, void *userdata)
{
	struct request *r, *next;

	TAILQ_FOREACH(r, &q->sent, entry)
		if (r->userdata == userdata)
			r->done = NULL; /* its result is on the way and will be dropped */
	for (r = TAILQ_FIRST(&q->waiting); r; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->userdata != userdata)
			continue;
		TAILQ_REMOVE(&q->waiting, r, entry);
		request_free(q, r);
	}
}

int requests_new(struct manager *m, struct requests **ret)
{
	struct requests *q = calloc(1, sizeof(*q));
	int r = q ? closer_new(&m->closer) : -ENOMEM;

	if (r < 0) {
		free(q);
		return r;
	}
	q->m = m;
	TAILQ_INIT(&q->waiting);
	TAILQ_INIT(&q->sent);
	*ret = q;
	return 0;
}

struct requests *requests_free(struct requests *q)
{
	struct request *r;

	if (!q)
		return NULL;
	q->io = sd_event_source_disable_unref(q->io);
	TAILQ_CONCAT(&q->waiting, &q->sent, entry);
	while ((r = TAILQ_FIRST(&q->waiting))) {
		TAILQ_REMOVE(&q->waiting, r, entry);
		request_free(q, r);
	}
	q->m->closer = closer_free(q->m->closer);
	free(q);
	return NULL;
}
