/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles in force
 *
 * Owns: which bundles a generation is made of, and what is wrong with them.
 * Must not own: orders (bundle-ask.c), the store (bundle-store.c), rule text.
 * Hands off to: the loader, as files with the digests they must have.
 */
#include "daemon/supervisor/bundles.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/digest.h"
#include "custos/text.h"

#include "daemon/supervisor/bundles-internal.h"
#include "daemon/supervisor/journal.h"

#define REVIEW_USEC (60 * USEC_PER_SEC)

void bundle_set_deinit(struct bundle_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		bundle_deinit(&s->uses[i].bundle);
		free(s->uses[i].error);
	}
	for (size_t i = 0; i < s->n_inputs; i++)
		free(s->inputs[i].expect);
	free(s->inputs);
	*s = (struct bundle_set){0};
}

static char *describe(const char *fmt, ...) _printf_(1, 2);
static char *describe(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	return r < 0 ? NULL : text;
}

static int add_input(const struct bundles *b, struct bundle_set *s,
                     const struct bundle_use *u, const struct bundle_file *f)
{
	static const char *const options[] = {
		[BUNDLE_YARA] = "--yara",
		[BUNDLE_BLOCK] = "--hashes",
		[BUNDLE_ALLOW] = "--allow-hashes",
	};
	char hex[2 * DIGEST_MAX_BYTES + 1];
	struct compile_input *p;

	if (f->kind == BUNDLE_TEXT || (f->kind == BUNDLE_ALLOW && !u->trusted))
		return 0;
	p = reallocarray(s->inputs, s->n_inputs + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	s->inputs = p;
	text_hex(f->sha256, DIGEST_MAX_BYTES, hex);
	p += s->n_inputs;
	p->option = options[f->kind];
	p->channel = u->channel;
	p->expect = describe("%s:%s/%s/%" PRId64 "/%s", hex, b->store.path, u->channel,
	                     u->serial, f->name);
	if (!p->expect)
		return -ENOMEM;
	s->n_inputs++;
	return 0;
}

static const char *given_up(const struct bundles *b, const struct bundle_use *u)
{
	for (size_t i = 0; i < b->n_given_up; i++)
		if (strcmp(b->given_up[i].channel, u->channel) == 0 &&
		    b->given_up[i].serial == u->serial)
			return b->given_up[i].error ?: "it did not load";
	return NULL;
}

/* A bundle of the store: it was verified when it came in, but keys may have gone since.
 */
static int read_kept(struct bundles *b, const struct bundle_keys *keys,
                     const struct bundle_demand *demand, struct bundle_use *u)
{
	_cleanup_(fd_closep) int fd =
		bundle_store_open_bundle(&b->store, u->channel, u->serial);
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	const char *error = given_up(b, u);
	int r = fd < 0 ? fd
	               : bundle_read(fd, u->channel, keys, demand, &u->bundle, NULL);

	u->trusted = r == 0;
	if (r == -EKEYREJECTED)
		r = bundle_read(fd, u->channel, NULL, NULL, &u->bundle, &d);
	if (r == 0)
		r = bundle_check_names(fd, u->channel, &u->bundle, &d);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && !error)
		u->error = diag_text(&d) ?: strdup("out of memory");
	if (r < 0 && d.n_total == 0)
		u->error = (free(u->error), strdup(strerrordesc_np(-r)));
	if (error)
		u->error = (free(u->error), strdup(error));
	return 0;
}

static int add_use(struct bundles *b, struct bundle_set *s,
                   const struct bundle_keys *keys, const char *channel, int64_t serial)
{
	struct bundle_use *u = &s->uses[s->n];
	int r = 0;

	if (serial == 0 || s->n == BUNDLE_CHANNELS_MAX)
		return 0;
	*u = (struct bundle_use){.serial = serial};
	memcpy(u->channel, channel, strlen(channel) + 1);
	s->n++;
	r = read_kept(b, keys, &s->demand, u);
	for (size_t i = 0; r == 0 && !u->error && i < u->bundle.manifest.n_files; i++)
		r = add_input(b, s, u, &u->bundle.manifest.files[i]);
	return r;
}

static int collect(struct bundles *b, struct bundle_set *s,
                   const struct bundle_keys *keys)
{
	struct bundle_channels channels;
	int r = bundle_store_channels(&b->store, &channels);

	for (size_t i = 0; i < channels.n && r == 0; i++) {
		const char *channel = channels.name[i];
		int64_t serial = bundle_store_current(&b->store, channel);

		if (b->order && b->order->serial &&
		    strcmp(b->order->channel, channel) == 0)
			serial = b->order->serial;
		r = add_use(b, s, keys, channel, serial);
	}
	return r;
}

void bundles_collect(struct bundles *b, const struct conf *conf,
                     struct compile_more *ret)
{
	_cleanup_(bundle_keys_deinit) struct bundle_keys keys = BUNDLE_KEYS_NULL;
	_cleanup_(bundle_state_deinit) struct bundle_state state = BUNDLE_STATE_NULL;
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	struct bundle_set *s = &b->loading;
	bool lost;
	int r;

	bundle_set_deinit(s);
	s->demand = (struct bundle_demand){conf->bundle_threshold, conf->bundle_both};
	s->max_age = conf->bundle_max_age;
	/* Without keys nothing is trusted; that degrades. */
	if (bundle_keys_load(b->m->config_root, &keys, &d) < 0)
		journal_event(b->m->journal, JOURNAL_BUNDLE_REFUSED, LOG_ERR,
		              "keys of bundles cannot be read: %s",
		              d.items ? d.items[0].reason : "");
	r = collect(b, s, &keys);
	if (r == 0)
		r = bundle_store_state(&b->store, &keys, &state, &lost);
	s->now_sec = bundle_now(&state, &keys, 0);
	if (r < 0)
		journal_event(b->m->journal, JOURNAL_BUNDLE_STALE, LOG_ERR,
		              "bundles cannot be read: %s", strerrordesc_np(-r));
	*ret = (struct compile_more){
		.inputs = s->inputs,
		.n = s->n_inputs,
		.canary = b->order && b->order->serial ? b->order->canary : NULL,
	};
}

/* "base=2026112301 site=7"; what does not fit is left out. */
static void name_set(const struct bundle_set *s, char ret[BUNDLE_TEXT_BYTES])
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < s->n; i++) {
		char one[BUNDLE_CHANNEL_MAX + 32];
		int n = snprintf(one, sizeof(one), "%s%s=%" PRId64, len ? " " : "",
		                 s->uses[i].channel, s->uses[i].serial);

		if (s->uses[i].error || len + (size_t)n >= BUNDLE_TEXT_BYTES)
			continue;
		memcpy(ret + len, one, (size_t)n + 1);
		len += (size_t)n;
	}
}

void bundles_committed(struct bundles *b)
{
	const uint64_t generation = b->m->generation;

	bundle_set_deinit(&b->in_force);
	b->in_force = b->loading;
	b->loading = (struct bundle_set){0};
	b->texts[generation % BUNDLE_TEXTS].generation = generation;
	name_set(&b->in_force, b->texts[generation % BUNDLE_TEXTS].text);
	bundles_review(b);
}

const char *bundles_text(const struct bundles *b, uint64_t generation)
{
	return b->texts[generation % BUNDLE_TEXTS].generation == generation
	               ? b->texts[generation % BUNDLE_TEXTS].text
	               : "";
}

bool bundles_give_up(struct bundles *b, const char *error)
{
	const struct bundle_set *s = &b->loading;
	bool some = false;

	for (unsigned round = 0; round < 2 && !some; round++) {
		for (size_t i = 0; i < s->n && b->n_given_up < BUNDLE_CHANNELS_MAX;
		     i++) {
			const struct bundle_use *u = &s->uses[i];
			_cleanup_(freep) char *path =
				describe("%s/%s/", b->store.path, u->channel);

			/* First those that the errors name; if there are none, all. */
			if (u->error || (round == 0 && !(path && strstr(error, path))))
				continue;
			memcpy(b->given_up[b->n_given_up].channel, u->channel,
			       sizeof(u->channel));
			b->given_up[b->n_given_up].serial = u->serial;
			b->given_up[b->n_given_up++].error = strdup(error);
			some = true;
		}
	}
	return some;
}

/* What is wrong with one of those in force; NULL: nothing. */
static char *judge(const struct bundle_set *s, const struct bundle_use *u, int64_t now)
{
	const struct bundle_manifest *m = &u->bundle.manifest;

	if (u->error)
		return describe("bundle %s %" PRId64 " is not used: %s", u->channel,
		                u->serial, u->error);
	if (!u->trusted)
		return describe("bundle %s %" PRId64
		                " is not signed by the keys that are needed now: its "
		                "allow lists are "
		                "not used; import a newer one",
		                u->channel, u->serial);
	if (m->expires_sec && m->expires_sec <= now)
		return describe("bundle %s %" PRId64
		                " has expired, its rules go on: import a newer one",
		                u->channel, u->serial);
	if (now - m->created_sec > (int64_t)(s->max_age / NSEC_PER_SEC))
		return describe(
			"bundle %s %" PRId64
			" is older than MaxAge=, its rules go on: import a newer one",
			u->channel, u->serial);
	return NULL;
}

static bool known(char *const *reasons, size_t n, const char *reason)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(reasons[i], reason) == 0)
			return true;
	return false;
}

void bundles_review(struct bundles *b)
{
	const int64_t now =
		MAX((int64_t)(clock_wall_usec() / USEC_PER_SEC), b->in_force.now_sec);
	char *reasons[MANAGER_REASONS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < b->in_force.n && n < ARRAY_SIZE(reasons); i++) {
		char *reason = judge(&b->in_force, &b->in_force.uses[i], now);

		if (!reason)
			continue;
		if (!known(b->reasons, b->n_reasons, reason))
			journal_event(b->m->journal, JOURNAL_BUNDLE_STALE, LOG_WARNING,
			              "%s", reason);
		reasons[n++] = reason;
	}
	for (size_t i = 0; i < b->n_reasons; i++)
		free(b->reasons[i]);
	memcpy(b->reasons, reasons, n * sizeof(*reasons));
	b->n_reasons = n;
}

size_t bundles_reasons(const struct bundles *b, const char **reasons, size_t max)
{
	size_t n = b ? MIN(b->n_reasons, max) : 0;

	for (size_t i = 0; i < n; i++)
		reasons[i] = b->reasons[i];
	return n;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	int r;

	(void)usec;
	bundles_review(userdata);
	r = sd_event_source_set_time_relative(source, REVIEW_USEC);
	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int bundles_new(struct manager *m, struct bundles **ret)
{
	struct bundles *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->m = m;
	b->store.fd = b->job_fd = -1;
	r = digest_global_init();
	if (r == 0)
		r = bundle_store_open(m->state_dir, &b->store);
	if (r >= 0)
		r = sd_event_add_time_relative(m->event, &b->timer, CLOCK_MONOTONIC,
		                               REVIEW_USEC, USEC_PER_SEC, on_timer, b);
	if (r >= 0)
		r = bundles_watch_job(b);
	if (r < 0) {
		(void)bundles_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

struct bundles *bundles_free(struct bundles *b)
{
	if (!b)
		return NULL;
	bundles_abandon(b);
	b->timer = sd_event_source_disable_unref(b->timer);
	b->job_io = sd_event_source_disable_unref(b->job_io);
	bundle_set_deinit(&b->loading);
	bundle_set_deinit(&b->in_force);
	for (size_t i = 0; i < b->n_reasons; i++)
		free(b->reasons[i]);
	for (size_t i = 0; i < b->n_given_up; i++)
		free(b->given_up[i].error);
	if (b->job)
		return NULL; /* its thread is stuck on a foreign file system, and uses
		                all this */
	bundle_store_deinit(&b->store);
	(void)fd_close(b->job_fd);
	free(b);
	return NULL;
}
