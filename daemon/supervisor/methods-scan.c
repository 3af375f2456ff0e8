/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: Scan
 *
 * A call brings open files; each is handed to the scanner and answered when its verdict
 * comes. When the scanner takes no more, the rest waits here with its descriptors (32
 * at most) and is tried again when one comes back, or after a pause.
 *
 * Owns: the files of one call until the manager takes them.
 * Must not own: judging. Hands off to: manager_scan(), which consumes the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/text.h"
#include "closer.h"
#include "methods.h"

/* Pause before files are offered again when none of this call is being judged. */
#define SCAN_RETRY_USEC (20 * 1000)
/* Nothing accepted for this long (no scanner, or others keep it full): give up on the
 * file. */
#define SCAN_STUCK_NSEC (30 * NSEC_PER_SEC)

struct scan;

struct scan_item {
	struct scan *scan;
	unsigned index;
	int fd;     /* owned until the manager has it */
	char *path; /* owned */
	bool running;
};

struct scan {
	struct connection *c;
	sd_event_source *retry;
	struct scan_item items[VARLINK_FDS_MAX];
	unsigned n_items;
	unsigned n_offered; /* items[0 .. n_offered) were taken or failed */
	unsigned n_done;
	nsec_t progress; /* when the manager last took one */
};

static void scan_free(struct connection *c, void *state)
{
	struct scan *s = state;

	for (unsigned i = 0; i < s->n_items; i++) {
		if (s->items[i].running)
			manager_scan_cancel(c->server->m, &s->items[i]);
		closer_close(c->server->m->closer, s->items[i].fd);
		free(s->items[i].path);
	}
	sd_event_source_disable_unref(s->retry);
	free(s);
}

static const struct call_ops scan_ops = {.free = scan_free};

static json_t *finding_json(const struct scan_item *item, const struct finding *f,
                            const char *reason, usec_t spent)
{
	char hex[2 * SHA256_BYTES + 1] = "", member[MEMBER_PLACE_BYTES];
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:o, s:o}", "index",
	                      (int)item->index, "path", item->path, "verdict",
	                      verdict_name(f->verdict), "reason", reason, "size",
	                      reply_int(f->size_bytes), "usecSpent", reply_int(spent));

	if (f->has_sha256)
		text_hex(f->sha256, sizeof(f->sha256), hex);
	member_place_text(&f->member, member);
	if (!o || reply_set_text(o, "rule", f->match.rule) < 0 || reply_set_text(o, "ruleSet", f->match.set) < 0 ||
	    (f->log_only && json_object_set_new(o, "logOnly", json_true()) < 0) ||
	    (f->partial && json_object_set_new(o, "partial", json_true()) < 0) ||
	    (f->windows && json_object_set_new(o, "windows", json_true()) < 0) ||
	    reply_set_text(o, "member", member) < 0 ||
	    reply_set_text(o, "sha256", hex) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Answer for one file; the last answer ends the call and frees @item with its scan. */
static void report(struct scan_item *item, const struct finding *f, const char *reason,
                   usec_t spent)
{
	struct scan *s = item->scan;
	bool last = ++s->n_done == s->n_items;

	call_reply(s->c, finding_json(item, f, reason, spent), !last);
}

static void report_failure(struct scan_item *item, int error)
{
	static const struct finding failed = {.verdict = VERDICT_ERROR};
	const char *reason = error == -EINVAL     ? "not-a-regular-file"
	                     : error == -ENOTCONN ? "no-scanner"
	                     : error == -EBUSY    ? reason_name(REASON_OVERLOAD)
	                                          : reason_name(REASON_IO);

	report(item, &failed, reason, 0);
}

static void offer(struct scan *s);

static void on_finding(void *userdata, const struct finding *f, usec_t spent)
{
	struct scan_item *item = userdata;
	struct scan *s = item->scan;
	struct connection *c = s->c;

	item->running = false;
	report(item, f, reason_name(f->reason), spent);
	if (call_is_current(c, s))
		offer(s);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	offer(userdata);
	return 0;
}

static int retry_later(struct scan *s)
{
	sd_event *event = s->c->server->m->event;
	int r;

	if (!s->retry)
		return sd_event_add_time_relative(event, &s->retry, CLOCK_MONOTONIC,
		                                  SCAN_RETRY_USEC, 0, on_retry, s);
	r = sd_event_source_set_time_relative(s->retry, SCAN_RETRY_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(s->retry, SD_EVENT_ONESHOT);
}

/* The manager consumes the descriptor even when it is busy, so it gets a copy while
 * there is reason to try again. */
static int offer_one(struct scan *s, struct scan_item *item)
{
	int fd = fcntl(item->fd, F_DUPFD_CLOEXEC, 3);
	int r;

	if (fd < 0)
		return -errno;
	r = manager_scan(s->c->server->m, fd, item->path, on_finding, item);
	if (r < 0)
		return r;
	closer_close(s->c->server->m->closer, item->fd);
	item->fd = -1;
	item->running = true;
	s->progress = clock_now();
	return 0;
}

static void offer(struct scan *s)
{
	struct connection *c = s->c;

	while (call_is_current(c, s) && s->n_offered < s->n_items) {
		struct scan_item *item = &s->items[s->n_offered];
		int r = offer_one(s, item);

		if ((r == -EBUSY || r == -ENOTCONN) &&
		    clock_now() - s->progress < SCAN_STUCK_NSEC) {
			if (retry_later(s) < 0)
				connection_close(c);
			return;
		}
		s->n_offered++;
		if (r < 0)
			report_failure(item, r);
	}
}

/* Take the descriptors over, one for each path. */
static int scan_fill(struct scan *s, struct connection *c, json_t *paths)
{
	for (unsigned i = 0; i < c->n_fds; i++) {
		struct scan_item *item = &s->items[i];

		item->scan = s;
		item->index = i;
		item->fd = fd_take(&c->fds[i]);
		s->n_items++;
		item->path = strdup(json_string_value(json_array_get(paths, i)));
		if (!item->path)
			return -ENOMEM;
	}
	return 0;
}

void method_scan(struct connection *c, json_t *parameters)
{
	json_t *paths = json_object_get(parameters, "paths");
	struct scan *s;

	if (json_array_size(paths) != c->n_fds || c->n_fds == 0) {
		call_invalid(c, "paths");
		return;
	}
	if (c->n_fds > 1 && !(c->flags & VARLINK_MORE)) {
		call_error(c, "org.varlink.service.ExpectedMore", NULL);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		call_failed(c, -ENOMEM, "out of memory");
		return;
	}
	s->c = c;
	s->progress = clock_now();
	call_set_state(c, &scan_ops, s);
	if (scan_fill(s, c, paths) < 0)
		call_failed(c, -ENOMEM, "out of memory");
	else
		offer(s);
}
