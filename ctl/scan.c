/* SPDX-License-Identifier: Apache-2.0 */
/*
 * custosctl scan
 *
 * The client opens the files, so it can show the daemon only what it may read itself.
 * Batches of open files go out on several connections; one loop walks the tree while
 * verdicts come in.
 *
 * Owns: the walk, what is skipped, the summary and the exit code.
 * Must not own: judging (the daemon's scanner).
 */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/text.h"
#include "output.h"

/* The daemon closes connections that are quiet for 5 s; renew well before. */
#define LANE_FRESH_NSEC (2 * NSEC_PER_SEC)
/* No verdict on any file for this long: the daemon's own limits are far below. */
#define VERDICT_TIMEOUT_MSEC (600 * 1000)
#define PROGRESS_NSEC (100 * NSEC_PER_MSEC)

struct scanner {
	const struct ctl *ctl;
	struct scan_lane lanes[SCAN_LANES_MAX];
	struct scan_totals totals;
	FTS *tree;
	bool walked;   /* the tree is at its end */
	bool progress; /* standard error is a terminal */
	nsec_t shown;
	nsec_t started;
};

void scan_report(const struct ctl *ctl, struct scan_totals *t, const char *path,
                 json_t *result)
{
	const char *verdict =
		json_string_value(json_object_get(result, "verdict")) ?: "error";
	bool malicious = strcmp(verdict, "malicious") == 0;
	bool clean = strcmp(verdict, "clean") == 0;
	bool log_only = json_is_true(json_object_get(result, "logOnly"));
	_cleanup_(freep) char *safe = text_escape(path, strlen(path));
	_cleanup_(freep) char *rule = out_text(result, "rule");
	_cleanup_(freep) char *reason = out_text(result, "reason");
	_cleanup_(freep) char *member = out_text(result, "member");

	t->files++;
	t->bytes += (uint64_t)out_int(result, "size");
	t->malicious += malicious;
	t->errors += !malicious && !clean;
	if (ctl->json != CTL_JSON_OFF) {
		(void)json_object_del(result, "index");
		/* No memory: shown without it. */
		(void)varlink_set_bytes(result, "path", path, strlen(path));
		out_json(ctl, result);
	} else if (!clean) {
		printf("%s: %s%s%s (%s%s%s%s%s%s%s)\n", safe,
		       out_style(ctl, malicious && !log_only ? OUT_BAD : OUT_WARN), verdict,
		       out_reset(ctl), reason, *rule ? ": " : "", rule,
		       *member ? ", member " : "", member, log_only ? ", only logged" : "",
		       malicious && json_is_true(json_object_get(result, "partial")) ? ", partial" : "");
	}
}

static void report_and_drop(struct scanner *s, const char *path, json_t *result)
{
	scan_report(s->ctl, &s->totals, path, result);
	json_decref(result);
}

static void show_progress(struct scanner *s, bool clear)
{
	nsec_t now = clock_now();

	if (!s->progress || (!clear && now - s->shown < PROGRESS_NSEC))
		return;
	s->shown = now;
	if (clear)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr,
		        "\r\033[K%" PRIu64 " files, %" PRIu64 " MiB, %" PRIu64
		        " malicious",
		        s->totals.files, s->totals.bytes >> 20, s->totals.malicious);
}

/* O_NOATIME is for owners; O_NONBLOCK: a FIFO in the file's place must not hold us. */
static int open_file(const char *path)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = open(path, flags);
	return fd < 0 ? -errno : fd;
}

static json_t *not_opened(const char *path, int error)
{
	if (error == -ENOENT) /* removed since we saw it: nothing to judge */
		return scan_result("error", "gone");
	(void)ctl_error("%s: %s", path, strerror(-error));
	return scan_result("error", error == -EPERM ? "refused-on-open" : "open-failed");
}

static json_t *refused_result(const struct scanner *s, const char *path)
{
	_cleanup_(freep) char *real = realpath(path, NULL);

	return scan_refused(s->ctl, real ?: path);
}

/* Open a regular file for the lane's next batch, or report why that is impossible. */
static void take_file(struct scanner *s, struct scan_lane *lane, const char *path)
{
	struct scan_file *file = &lane->files[lane->n_files];
	json_t *result = NULL;
	int fd = open_file(path);

	if (fd == -EPERM && !(result = refused_result(s, path))) {
		fd = open_file(path); /* a lease that the first open has broken may be given up by now */
		if (fd == -EPERM)
			result = refused_result(s, path);
	}
	if (fd < 0) {
		report_and_drop(s, path, result ?: not_opened(path, fd));
		return;
	}
	file->fd = fd;
	file->path = strdup(path);
	if (file->path)
		lane->n_files++;
	else
		(void)fd_close(fd);
}

/* Next step of the walk. */
static void walk_one(struct scanner *s, struct scan_lane *lane)
{
	FTSENT *e = fts_read(s->tree);

	if (!e) {
		s->walked = true;
		return;
	}
	switch (e->fts_info) {
	case FTS_F:
		take_file(s, lane, e->fts_path);
		break;
	case FTS_D:
	case FTS_DP:
		break;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		(void)ctl_error("%s: %s", e->fts_path, strerror(e->fts_errno));
		report_and_drop(s, e->fts_path, scan_result("error", "open-failed"));
		break;
	default: /* links, devices, sockets, FIFOs, cycles */
		s->totals.skipped++;
		if (e->fts_level == FTS_ROOTLEVEL)
			(void)ctl_error(
				"%s: skipped: neither a regular file nor a directory",
				e->fts_path);
	}
}

static void drop_files(struct scan_lane *lane)
{
	for (unsigned i = 0; i < lane->n_files; i++) {
		lane->files[i].fd = fd_close(lane->files[i].fd);
		free(lane->files[i].path);
	}
	lane->n_files = 0;
}

static int send_batch(struct scanner *s, struct scan_lane *lane)
{
	int fds[SCAN_BATCH_MAX];
	json_t *paths = json_array();
	int r;

	if (lane->client.fd >= 0 && clock_now() - lane->last_used > LANE_FRESH_NSEC)
		client_deinit(&lane->client);
	if (lane->client.fd < 0 && (r = client_open(&lane->client, s->ctl)) != CTL_OK) {
		json_decref(paths);
		return r;
	}
	for (unsigned i = 0; i < lane->n_files; i++) {
		const char *path = lane->files[i].path;
		_cleanup_(freep) char *safe = text_escape(path, strlen(path));
		bool valid = text_utf8_valid(path, strlen(path));

		fds[i] = lane->files[i].fd;
		/* For show: the daemon goes by the descriptor. */
		(void)json_array_append_new(paths,
		                            json_string(valid ? path : safe ?: ""));
	}
	r = client_send(&lane->client, "Scan", json_pack("{s:o}", "paths", paths),
	                VARLINK_MORE, fds, lane->n_files);
	for (unsigned i = 0; i < lane->n_files; i++)
		lane->files[i].fd = fd_close(lane->files[i].fd);
	lane->busy = r == CTL_OK;
	return r;
}

/* Fill a free lane from the tree and send it off. */
static int feed(struct scanner *s, struct scan_lane *lane)
{
	while (!s->walked && lane->n_files < SCAN_BATCH_MAX)
		walk_one(s, lane);
	return lane->n_files > 0 ? send_batch(s, lane) : CTL_OK;
}

/* One reply on a busy lane. */
static int collect(struct scanner *s, struct scan_lane *lane)
{
	struct varlink_message m;
	int r = client_receive(&lane->client, VERDICT_TIMEOUT_MSEC, &m);
	int64_t i;

	if (r != CTL_OK)
		return r;
	i = out_int(m.parameters, "index");
	if (i >= 0 && i < (int64_t)lane->n_files) {
		show_progress(s, true);
		scan_report(s->ctl, &s->totals, lane->files[i].path, m.parameters);
	}
	if (!(m.flags & VARLINK_CONTINUES)) {
		drop_files(lane);
		lane->busy = false;
		lane->last_used = clock_now();
	}
	varlink_message_deinit(&m);
	return CTL_OK;
}

/* Bytes that have come but were not looked at would not wake poll(). */
static bool has_reply(const struct client *c)
{
	size_t len;

	return c->len > c->used &&
	       varlink_find_end(c->buf + c->used, c->len - c->used, &len) == 0;
}

static int wait_and_collect(struct scanner *s)
{
	struct pollfd polled[SCAN_LANES_MAX];
	bool ready = false;
	int r = CTL_OK;

	for (unsigned i = 0; i < SCAN_LANES_MAX; i++) {
		polled[i] = (struct pollfd){
			.fd = s->lanes[i].busy ? s->lanes[i].client.fd : -1,
			.events = POLLIN};
		ready |= s->lanes[i].busy && has_reply(&s->lanes[i].client);
	}
	if (poll(polled, SCAN_LANES_MAX, ready ? 0 : VERDICT_TIMEOUT_MSEC) == 0 &&
	    !ready) {
		(void)ctl_error("no verdict for %d s", VERDICT_TIMEOUT_MSEC / 1000);
		return CTL_TIMEOUT;
	}
	for (unsigned i = 0; i < SCAN_LANES_MAX && r == CTL_OK; i++) {
		if (s->lanes[i].busy &&
		    (polled[i].revents || has_reply(&s->lanes[i].client)))
			r = collect(s, &s->lanes[i]);
	}
	return r;
}

static int scan_all(struct scanner *s)
{
	int r = CTL_OK;

	for (;;) {
		bool busy = false;

		for (unsigned i = 0; i < SCAN_LANES_MAX && r == CTL_OK; i++) {
			if (!s->lanes[i].busy)
				r = feed(s, &s->lanes[i]);
			busy |= s->lanes[i].busy;
		}
		if (r != CTL_OK || !busy)
			return r;
		show_progress(s, false);
		r = wait_and_collect(s);
	}
}

static void print_summary(const struct scanner *s)
{
	const struct scan_totals *t = &s->totals;
	usec_t usec = (clock_now() - s->started) / NSEC_PER_USEC;
	char time[OUT_USEC_BYTES];
	json_t *o;

	if (s->ctl->json == CTL_JSON_OFF) {
		printf("%" PRIu64 " files, %" PRIu64 " bytes in %s: %" PRIu64
		       " malicious, %" PRIu64 " errors, %" PRIu64 " skipped\n",
		       t->files, t->bytes, out_usec((int64_t)usec, time), t->malicious,
		       t->errors, t->skipped);
		return;
	}
	o = json_pack("{s:{s:I, s:I, s:I, s:I, s:I, s:I}}", "summary", "files",
	              (json_int_t)t->files, "bytes", (json_int_t)t->bytes, "malicious",
	              (json_int_t)t->malicious, "errors", (json_int_t)t->errors,
	              "skipped", (json_int_t)t->skipped, "usec", (json_int_t)usec);
	out_json(s->ctl, o);
	json_decref(o);
}

int verb_scan(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{0}};
	struct scanner s = {
		.ctl = ctl, .progress = isatty(STDERR_FILENO), .started = clock_now()};
	int r;

	for (unsigned i = 0; i < SCAN_LANES_MAX; i++)
		s.lanes[i].client = (struct client)CLIENT_NULL;
	if (getopt_long(argc, argv, "", options, NULL) >= 0 ||
	    !ctl_args_ok(argv[0], argc, 1, INT32_MAX))
		return CTL_ERROR;
	/* Now, so that exit codes 3 and 4 do not depend on the files. */
	r = client_open(&s.lanes[0].client, ctl);
	if (r != CTL_OK)
		return r;
	s.lanes[0].last_used = clock_now();
	s.tree = fts_open(argv + optind, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!s.tree)
		return ctl_error("cannot walk: %s", strerror(errno));
	r = scan_all(&s);
	show_progress(&s, true);
	if (r == CTL_OK)
		print_summary(&s);
	(void)fts_close(s.tree); /* read-only */
	for (unsigned i = 0; i < SCAN_LANES_MAX; i++) {
		drop_files(&s.lanes[i]);
		client_deinit(&s.lanes[i].client);
	}
	if (r != CTL_OK)
		return r;
	return s.totals.malicious ? CTL_FOUND : s.totals.errors ? CTL_ERROR : CTL_OK;
}
