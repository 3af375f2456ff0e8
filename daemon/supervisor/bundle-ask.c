/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles: orders to import one, or to go back to one
 *
 * Owns: one order at a time, from the socket to the switch on disk.
 * Must not own: verification (bundle-job.c), loading (loader.c).
 *
 * A bundle gets its place first and becomes current last: after its rules compiled,
 * this host's own files were judged by them, and the scanner answers with them.
 * Whatever goes wrong before leaves the link `current`, and so the rules, as they were.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/thread.h"

#include "daemon/supervisor/bundles-internal.h"
#include "daemon/supervisor/journal.h"

/* A thread that reads from a file system that hangs is not waited for at the end. */
#define ABANDON_SEC 2

static void order_free(struct bundles *b)
{
	struct bundle_order *o = ptr_take(&b->order);

	free(o->reason);
	free(o);
}

static void refuse(struct bundles *b, const char *code, const char *text)
{
	struct bundle_order *o = b->order;
	manager_bundle_fn done = o->done;
	void *userdata = o->userdata;

	journal_event(b->m->journal, JOURNAL_BUNDLE_REFUSED, LOG_ERR,
	              "bundle %s%s refused (%s), what was in force stays in force, by "
	              "uid %u: %s",
	              o->channel, o->op == BUNDLE_ROLLBACK ? ": rollback" : "", code,
	              o->by, text);
	order_free(b);
	if (done)
		done(userdata, code, text, NULL);
}

static void accept_order(struct bundles *b, bool unchanged)
{
	struct bundle_order *o = b->order;
	manager_bundle_fn done = o->done;
	void *userdata = o->userdata;
	json_t *reply = json_pack(
		"{s:s, s:I, s:I, s:b, s:I}", "channel", o->channel, "serial",
		(json_int_t)o->serial, "generation", (json_int_t)b->m->generation,
		"unchanged", unchanged, "usecSpent",
		(json_int_t)((clock_now() - o->began) / NSEC_PER_USEC));

	if (!unchanged)
		journal_event(b->m->journal,
		              o->op == BUNDLE_IMPORT ? JOURNAL_BUNDLE_ACCEPTED
		                                     : JOURNAL_BUNDLE_ROLLED_BACK,
		              o->op == BUNDLE_IMPORT ? LOG_NOTICE : LOG_WARNING,
		              "bundle %s: serial %" PRId64 " is in force (was %" PRId64
		              "), generation %llu, by uid %u%s%s",
		              o->channel, o->serial, o->from_serial,
		              (unsigned long long)b->m->generation, o->by,
		              o->reason ? ": " : "", o->reason ?: "");
	order_free(b);
	if (done)
		done(userdata, NULL, NULL, reply);
	json_decref(reply);
}

/* What the ratchet has to know from now on. */
static int note_order(struct bundles *b, const struct bundle_keys *keys)
{
	_cleanup_(bundle_state_deinit) struct bundle_state state = BUNDLE_STATE_NULL;
	const struct bundle_order *o = b->order;
	bool lost;
	int r = bundle_store_state(&b->store, keys, &state, &lost);

	if (r == 0 && o->op == BUNDLE_ROLLBACK)
		r = bundle_state_withdraw(&state, o->channel,
		                          o->serial < o->from_serial ? o->from_serial
		                                                     : 0);
	for (size_t i = 0; i < b->in_force.n && r == 0; i++) {
		const struct bundle_use *u = &b->in_force.uses[i];

		if (u->error || strcmp(u->channel, o->channel) != 0)
			continue;
		for (unsigned k = 0; k < u->bundle.n_signers && r == 0; k++)
			r = bundle_state_note(&state, u->bundle.signers[k].id,
			                      &u->bundle.manifest, u->bundle.sha256);
	}
	if (r == 0 && lost)
		journal_event(b->m->journal, JOURNAL_BUNDLE_STALE, LOG_WARNING,
		              "the record of bundles seen before was lost or damaged: "
		              "it was made "
		              "anew of the bundles that are here");
	return r < 0 ? r : bundle_state_store(b->store.fd, &state);
}

static void on_restored(void *userdata, uint64_t generation, const char *error)
{
	(void)userdata;
	(void)generation;
	(void)error; /* the manager's journal has it */
}

/* The scanner answers with the candidate: make it last. */
static void commit(struct bundles *b)
{
	_cleanup_(bundle_keys_deinit) struct bundle_keys keys = BUNDLE_KEYS_NULL;
	struct bundle_order *o = b->order;
	int r = bundle_keys_load(b->m->config_root, &keys, NULL);

	if (r == 0)
		r = note_order(b, &keys);
	if (r == 0)
		r = bundle_store_switch(&b->store, o->channel, o->serial);
	if (r == 0) {
		bundle_store_prune(&b->store, o->channel);
		accept_order(b, false);
		return;
	}
	/* What the disk says counts: back to it. */
	refuse(b, "io", strerrordesc_np(-r));
	(void)manager_reload(b->m, on_restored, b); /* -EBUSY: one is coming anyway */
}

/* Is the candidate part of what has been loaded? A bundle that is left out is not. */
static const char *candidate_error(const struct bundles *b)
{
	for (size_t i = 0; i < b->in_force.n; i++)
		if (strcmp(b->in_force.uses[i].channel, b->order->channel) == 0 &&
		    b->in_force.uses[i].serial == b->order->serial)
			return b->in_force.uses[i].error;
	return "it is not there any more";
}

static void on_loaded(void *userdata, uint64_t generation, const char *error)
{
	struct bundles *b = userdata;
	struct bundle_order *o = b->order;
	const char *code = "rules";

	(void)generation;
	if (!error) {
		error = candidate_error(b);
		code = "files";
	} else if (strncmp(error, "canary: ", 8) == 0) {
		code = "canary";
	}
	if (!error) {
		commit(b);
		return;
	}
	if (o->op == BUNDLE_IMPORT)
		bundle_store_remove(&b->store, o->channel, o->serial);
	refuse(b, code, error);
}

static bool has_rules(const struct bundle_manifest *m)
{
	for (size_t i = 0; i < m->n_files; i++)
		if (m->files[i].kind == BUNDLE_YARA)
			return true;
	return false;
}

static void load(struct bundles *b)
{
	int r = manager_reload(b->m, on_loaded, b);

	if (r < 0)
		refuse(b, "busy", strerrordesc_np(-r));
}

static void on_job_done(struct bundles *b, struct bundle_job *job)
{
	struct bundle_order *o = b->order;
	const struct bundle_manifest *m = &job->bundle.manifest;

	memcpy(o->channel, m->channel, sizeof(o->channel));
	if (job->state_lost)
		journal_event(b->m->journal, JOURNAL_BUNDLE_STALE, LOG_WARNING,
		              "the record of bundles seen before is lost or damaged: "
		              "only what is not "
		              "older than the bundles that are here is taken");
	if (job->code) {
		_cleanup_(freep) char *text = diag_text(&job->diag);

		refuse(b, job->code, text ?: "out of memory");
		return;
	}
	o->serial = m->serial;
	o->from_serial = bundle_store_current(&b->store, o->channel);
	o->canary = has_rules(m) ? "rules" : "lists";
	if (job->unchanged)
		accept_order(b, true);
	else
		load(b);
}

static void *job_main(void *arg)
{
	struct bundles *b = arg;
	const uint64_t one = 1;

	bundle_job_run(b->job);
	(void)!write(b->job_fd, &one, sizeof(one)); /* cannot be full: it is read */
	return NULL;
}

static int on_job_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct bundles *b = userdata;
	struct bundle_job *job;
	uint64_t n;

	(void)source;
	(void)revents;
	if (read(fd, &n, sizeof(n)) < 0 || !b->job)
		return 0;
	(void)pthread_join(b->thread, NULL);
	job = ptr_take(&b->job);
	on_job_done(b, job);
	bundle_job_deinit(job);
	free(job);
	return 0;
}

int bundles_watch_job(struct bundles *b)
{
	int r;

	b->job_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (b->job_fd < 0)
		return -errno;
	r = sd_event_add_io(b->m->event, &b->job_io, b->job_fd, EPOLLIN, on_job_io, b);
	return r < 0 ? r : 0;
}

static int start_job(struct bundles *b, int fd)
{
	struct bundle_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	*job = (struct bundle_job){
		.store = &b->store,
		.config_root = b->m->config_root,
		.demand = {b->m->conf.bundle_threshold, b->m->conf.bundle_both},
		.clock_sec = (int64_t)(clock_wall_usec() / USEC_PER_SEC),
		.from = fd,
	};
	b->job = job;
	r = thread_start("bundle", job_main, b, &b->thread);
	if (r < 0) {
		b->job = NULL;
		free(job); /* the descriptor stays the caller's */
	}
	return r;
}

/* The newest kept one before the current one; 0: none. */
static int64_t one_before(const struct bundles *b, const char *channel, int64_t current)
{
	_cleanup_(freep) int64_t *serials = NULL;
	int64_t found = 0;
	size_t n = 0;

	if (bundle_store_serials(&b->store, channel, &serials, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (serials[i] < current)
			found = serials[i];
	return found;
}

/* The channel meant when none is named: the only one. */
static const char *only_channel(const struct bundles *b,
                                struct bundle_channels *channels)
{
	return bundle_store_channels(&b->store, channels) == 0 && channels->n == 1
	               ? channels->name[0]
	               : NULL;
}

static int start_rollback(struct bundles *b, const struct bundle_ask *ask)
{
	struct bundle_order *o = b->order;
	_cleanup_(fd_closep) int fd = -1;
	struct bundle_channels channels;
	const char *channel = ask->channel ?: only_channel(b, &channels);

	if (!channel || !bundle_channel_valid(channel))
		return -EDESTADDRREQ;
	memcpy(o->channel, channel, strlen(channel) + 1);
	o->from_serial = bundle_store_current(&b->store, channel);
	o->serial = ask->serial ?: one_before(b, channel, o->from_serial);
	fd = o->serial ? bundle_store_open_bundle(&b->store, channel, o->serial)
	               : -ENOENT;
	if (fd < 0 || o->serial == o->from_serial)
		return -ENOENT;
	return manager_reload(b->m, on_loaded, b);
}

int manager_bundle(struct manager *m, const struct bundle_ask *ask,
                   manager_bundle_fn done, void *userdata)
{
	struct bundles *b = m->bundles;
	struct bundle_order *o;
	int r;

	if (b->order)
		return -EBUSY;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	*o = (struct bundle_order){.op = ask->op,
	                           .by = ask->by,
	                           .began = clock_now(),
	                           .done = done,
	                           .userdata = userdata};
	b->order = o;
	if (ask->reason && !(o->reason = strdup(ask->reason)))
		r = -ENOMEM;
	else
		r = ask->op == BUNDLE_IMPORT ? start_job(b, ask->fd)
		                             : start_rollback(b, ask);
	if (r < 0)
		order_free(b);
	return r;
}

void manager_bundle_cancel(struct manager *m, void *userdata)
{
	if (m->bundles->order && m->bundles->order->userdata == userdata)
		m->bundles->order->done = NULL;
}

void bundles_abandon(struct bundles *b)
{
	struct timespec until;

	/* Not by the clock that can be set: one set back would keep custosd from ending. */
	if (b->job && clock_gettime(CLOCK_MONOTONIC, &until) == 0) {
		until.tv_sec += ABANDON_SEC;
		if (pthread_clockjoin_np(b->thread, NULL, CLOCK_MONOTONIC, &until) == 0) {
			bundle_job_deinit(b->job);
			free(ptr_take(&b->job));
		}
	}
	if (b->order)
		order_free(b);
}
