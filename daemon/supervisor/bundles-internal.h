/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: state shared by bundles.c (what is in force) and bundle-ask.c (orders) */
#pragma once

#include <pthread.h>

#include "daemon/supervisor/bundle-job.h"
#include "daemon/supervisor/bundles.h"

#define BUNDLE_TEXT_BYTES 256
#define BUNDLE_TEXTS      16

/* One channel in a generation. */
struct bundle_use {
	char channel[BUNDLE_CHANNEL_MAX + 1];
	int64_t serial;
	struct bundle bundle; /* empty when @error is set */
	bool trusted;         /* by as many keys as are needed now */
	char *error;          /* why it is left out; NULL: it is used */
};

struct bundle_set {
	struct bundle_use uses[BUNDLE_CHANNELS_MAX];
	size_t n;
	struct compile_input *inputs; /* of all that are used */
	size_t n_inputs;
	int64_t now_sec; /* at least */
	struct bundle_demand demand;
	nsec_t max_age;
};

struct bundle_order {
	enum bundle_op op;
	uid_t by;
	char *reason; /* rollback */
	char channel[BUNDLE_CHANNEL_MAX + 1];
	int64_t serial;      /* candidate; 0: none yet */
	int64_t from_serial; /* in force until now */
	const char *canary;
	nsec_t began;
	manager_bundle_fn done; /* NULL: the caller has gone */
	void *userdata;
};

struct bundles {
	struct manager *m;
	struct bundle_store store;
	struct bundle_set loading, in_force;
	/* What the last generations were made of, for events that are told of later. */
	struct {
		uint64_t generation;
		char text[BUNDLE_TEXT_BYTES];
	} texts[BUNDLE_TEXTS];
	char *reasons[MANAGER_REASONS_MAX];
	size_t n_reasons;
	sd_event_source *timer;
	/* Channels whose current bundle kept the first generation from loading. */
	struct {
		char channel[BUNDLE_CHANNEL_MAX + 1];
		int64_t serial;
		char *error;
	} given_up[BUNDLE_CHANNELS_MAX];
	size_t n_given_up;
	/* One order at a time. */
	struct bundle_order *order; /* NULL: none */
	struct bundle_job *job;     /* while its thread runs */
	pthread_t thread;
	int job_fd; /* eventfd: the thread has ended */
	sd_event_source *job_io;
};

void bundle_set_deinit(struct bundle_set *s);
/* Look again at what is in force: has something expired? Journals what is new. */
void bundles_review(struct bundles *b);
/* An order that is under way ends without an answer; its thread is waited for, for a
 * moment. */
void bundles_abandon(struct bundles *b);
int bundles_watch_job(struct bundles *b);
