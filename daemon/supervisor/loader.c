/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loader
 *
 * Owns: a generation on its way: read -> compile -> offer to the pair -> commit.
 * Must not own: the generation in force; the manager's fields change in commit() alone.
 * Hands off to: pair_load(), and every caller that waits.
 *
 * Any error on the way drops the new generation; the old one was never touched.
 */
#include "daemon/supervisor/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/mountinfo.h"
#include "custos/shm.h"

#include "daemon/supervisor/bundles.h"
#include "daemon/supervisor/compile.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/pair.h"
#include "daemon/supervisor/rule-report.h"
#include "daemon/supervisor/rules-kept.h"
#include "daemon/supervisor/settings.h"
#include "daemon/supervisor/stall.h"

#define WAITERS_MAX 64 /* as many as the admin socket has connections, and ourselves */

/* A compiler that gets on no more: a list, rule or file it was started with is of a server that does not answer. */
#define STALL_NSEC     (15 * NSEC_PER_SEC)
#define STALL_LOOK_USEC USEC_PER_SEC

struct waiter {
	manager_reload_fn done;
	void *userdata;
};

struct loader {
	struct manager *m;
	uid_t uid;
	gid_t gid;
	loader_finished_fn finished;
	bool busy;
	struct conf conf;        /* on its way */
	struct policy *policy;
	struct ruleset_counts counts;
	uint64_t generation;     /* number of the one on its way */
	struct compile *compile;
	struct stall stall;      /* of that */
	sd_event_source *look;   /* at it */
	struct rules_kept *kept;
	int fresh_fd;            /* an image that is worth keeping once it is in force; -1 */
	uint8_t key[DIGEST_MAX_BYTES]; /* its key */
	/* Of the generation on its way, and of the one in force: what has not changed is not compiled
	 * again. The scanner has the same memory mapped. */
	struct loaded_image {
		int fd, bulk_fd;
		char source[2 * DIGEST_MAX_BYTES + 1], bulk_source[2 * DIGEST_MAX_BYTES + 1];
	} next_image, image;
	struct waiter now[WAITERS_MAX + 1], next[WAITERS_MAX + 1];
	size_t n_now, n_next;
};

static int begin(struct loader *l);

int loader_read(const char *config_root, struct conf *conf, struct policy **ret, struct diag *d)
{
	_cleanup_(fd_closep) int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	_cleanup_(mount_list_deinit) struct mount_list mounts = {0};
	int r, s;

	conf_init(conf);
	r = conf_load(config_root, conf, d);
	if (r == 0)
		r = fd < 0 ? -errno : mountinfo_read(fd, &mounts);
	if (r == 0)
		r = conf_check(conf, &mounts, d);
	s = policy_load(config_root, ret, d); /* also when r < 0: report every error */
	if (r < 0 || s < 0) {
		conf_deinit(conf);
		if (s >= 0)
			policy_freep(ret);
	}
	return r < 0 ? r : s;
}

static void answer_waiters(struct loader *l, const char *error)
{
	struct waiter waiters[WAITERS_MAX + 1];
	size_t n = l->n_now;

	memcpy(waiters, l->now, n * sizeof(*waiters));
	l->n_now = 0;
	for (size_t i = 0; i < n; i++)
		waiters[i].done(waiters[i].userdata, l->m->generation, error);
}

static void finish(struct loader *l, const char *error)
{
	free(l->m->last_reload_error);
	l->m->last_reload_error = error ? strdup(error) : NULL;
	policy_freep(&l->policy);
	conf_deinit(&l->conf);
	l->busy = false;
	l->finished(l->m, error);
	answer_waiters(l, error);
	if (l->n_next == 0)
		return;
	memcpy(l->now, l->next, l->n_next * sizeof(*l->now));
	l->n_now = l->n_next;
	l->n_next = 0;
	(void)begin(l); /* a failure has been told to the waiters */
}

static void fail(struct loader *l, const char *what, int r)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-r));
	finish(l, text);
}

static void drop_image(struct loaded_image *im)
{
	im->fd = fd_close(im->fd);
	im->bulk_fd = fd_close(im->bulk_fd);
}

static void set_next_image(struct loaded_image *im, const struct compile_result *result)
{
	drop_image(im);
	/* -1: made anew next time */
	im->fd = fcntl(result->image_fd, F_DUPFD_CLOEXEC, 0);
	if (result->bulk_fd >= 0)
		im->bulk_fd = fcntl(result->bulk_fd, F_DUPFD_CLOEXEC, 0);
	memcpy(im->source, result->source, sizeof(result->source));
	memcpy(im->bulk_source, result->bulk_source, sizeof(result->bulk_source));
}

static void on_compiled(void *userdata, const struct compile_result *result, const char *error)
{
	struct loader *l = userdata;
	int image_fd = result->image_fd, bulk_fd = result->bulk_fd;
	char why[SETTINGS_WHY_BYTES];
	struct settings s;
	_cleanup_(freep) char *text = NULL;
	size_t len;
	int policy_fd, r;

	l->compile = NULL;
	if (error) {
		finish(l, error);
		return;
	}
	if (settings_make(&l->conf, l->policy, image_fd, bulk_fd, &s, why) < 0) {
		(void)fd_close(image_fd);
		(void)fd_close(bulk_fd);
		finish(l, why);
		return;
	}
	l->counts = result->counts;
	l->fresh_fd = fd_close(l->fresh_fd);
	if (result->keep) {
		l->fresh_fd = fcntl(image_fd, F_DUPFD_CLOEXEC, 0); /* -1: compiled again next time */
		memcpy(l->key, result->key, sizeof(l->key));
	}
	set_next_image(&l->next_image, result);
	r = policy_image(l->policy, &text, &len);
	policy_fd = r < 0 ? r : shm_from_bytes("custos-policy", text, len);
	if (policy_fd < 0) {
		(void)fd_close(image_fd);
		(void)fd_close(bulk_fd);
		fail(l, "policy image", policy_fd);
		return;
	}
	for (unsigned i = 0; i < LINE_HITS_MAX; i++)
		atomic_store(&l->m->shared->line_hits[l->generation % 2][i], 0);
	r = pair_load(l->m->pair, (uint32_t)l->generation, &s,
	              (struct load_fds){.rules = image_fd, .policy = policy_fd, .bulk = bulk_fd});
	if (r < 0)
		fail(l, "handing the rules to the scanner", r);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct loader *l = userdata;

	if (!l->compile)
		return 0;
	if (stall_look(&l->stall, compile_pid(l->compile), clock_now()) < STALL_NSEC) {
		(void)sd_event_source_set_time(source, usec + STALL_LOOK_USEC);
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	l->compile = compile_free(l->compile);
	finish(l, "custos-compile has not got on for 15 s: it waits for a file whose server or disk does not answer");
	return 0;
}

/* Others that wait for a reload must not wait for ever. */
static void watch_compile(struct loader *l)
{
	uint64_t now;

	l->stall = (struct stall){0};
	(void)sd_event_now(l->m->event, CLOCK_MONOTONIC, &now);
	if (!l->look)
		(void)sd_event_add_time(l->m->event, &l->look, CLOCK_MONOTONIC, now + STALL_LOOK_USEC, 0,
		                        on_look, l); /* without it as patient as its server */
	else if (sd_event_source_set_time(l->look, now + STALL_LOOK_USEC) >= 0)
		(void)sd_event_source_set_enabled(l->look, SD_EVENT_ONESHOT);
}

static int begin(struct loader *l)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct compile_more more;
	int kept_fd, r;

	l->busy = true;
	r = loader_read(l->m->config_root, &l->conf, &l->policy, &d);
	if (r < 0) {
		_cleanup_(freep) char *text = diag_text(&d);

		conf_init(&l->conf);
		l->policy = NULL;
		finish(l, text && *text ? text : strerror(-r));
		return r;
	}
	l->generation++;
	kept_fd = rules_kept_open(l->kept);
	bundles_collect(l->m->bundles, &l->conf, &more);
	more.kept_fd = kept_fd;
	more.reuse_fd = *l->image.source ? l->image.fd : -1;
	more.source = l->image.source;
	more.bulk_fd = *l->image.bulk_source ? l->image.bulk_fd : -1;
	more.bulk_source = l->image.bulk_source;
	more.leave_out = l->m->generation == 0;
	r = compile_start(l->m->event, &l->conf, &more, l->uid, l->gid,
	                  &l->m->shared->own_pids[OWN_COMPILE], on_compiled, l, &l->compile);
	(void)fd_close(kept_fd);
	if (r < 0)
		fail(l, "starting custos-compile", r);
	else
		watch_compile(l);
	return r;
}

int loader_request(struct loader *l, manager_reload_fn done, void *userdata)
{
	struct waiter *list = l->busy ? l->next : l->now;
	size_t *n = l->busy ? &l->n_next : &l->n_now;

	if (*n > WAITERS_MAX)
		return -EBUSY;
	list[(*n)++] = (struct waiter){done, userdata};
	if (!l->busy)
		(void)begin(l); /* the callback has been told of a failure */
	return 0;
}

static bool expects(const struct loader *l, uint32_t generation)
{
	return l->busy && generation == (uint32_t)l->generation;
}

/* What the report on the rules in force says is missing. */
static void take_report(struct manager *m, int image_fd)
{
	const char *reason;

	struct rule_report *before = m->rule_report;

	m->rule_report = rule_report_read(image_fd, before, m->generation);
	(void)rule_report_free(before);
	reason = rule_report_reason(m->rule_report);
	if (reason)
		journal_event(m->journal, JOURNAL_RULES_LEFT_OUT, LOG_WARNING, "%s", reason);
}

static void commit(struct loader *l)
{
	struct manager *m = l->m;

	conf_deinit(&m->conf);
	m->conf = l->conf;
	conf_init(&l->conf);
	policy_freep(&m->previous_policy);
	m->previous_policy = m->policy;
	m->previous_generation = m->generation;
	m->policy = ptr_take(&l->policy);
	m->rules = l->counts;
	m->generation = l->generation;
	drop_image(&l->image);
	l->image = l->next_image;
	l->next_image.fd = l->next_image.bulk_fd = -1;
	take_report(m, l->image.fd);
	bundles_committed(m->bundles);
}

void loader_answered(struct loader *l, uint32_t generation, const char *error)
{
	int fresh_fd;

	if (!expects(l, generation))
		return;
	fresh_fd = fd_take(&l->fresh_fd); /* finish() may begin the next load */
	if (!error) {
		commit(l);
		rules_kept_store(l->kept, fd_take(&fresh_fd), l->key);
	}
	(void)fd_close(fresh_fd);
	finish(l, error);
}

int loader_new(struct manager *m, uid_t uid, gid_t gid, loader_finished_fn finished,
               struct loader **ret)
{
	struct loader *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->m = m;
	l->uid = uid;
	l->gid = gid;
	l->finished = finished;
	l->fresh_fd = -1;
	l->image.fd = l->image.bulk_fd = l->next_image.fd = l->next_image.bulk_fd = -1;
	conf_init(&l->conf);
	if (rules_kept_new(m->state_dir, &l->kept) < 0) {
		free(l);
		return -ENOMEM;
	}
	*ret = l;
	return 0;
}

struct loader *loader_free(struct loader *l)
{
	if (!l)
		return NULL;
	l->look = sd_event_source_disable_unref(l->look);
	l->compile = compile_free(l->compile);
	l->kept = rules_kept_free(l->kept);
	(void)fd_close(l->fresh_fd);
	drop_image(&l->image);
	drop_image(&l->next_image);
	l->m->rule_report = rule_report_free(l->m->rule_report);
	policy_freep(&l->policy);
	conf_deinit(&l->conf);
	free(l);
	return NULL;
}
