/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundle job
 *
 * Owns: the order in which a bundle comes in: copy the manifest, verify it, only then
 * parse it, ask the ratchet, copy the files, verify the copies, give them their place.
 * Must not own: whether its rules compile, and what they match (custos-compile).
 * Hands off to: bundle-ask.c, which loads it.
 */
#include "bundle-job.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "custos/bundle-floor.h"
#include "custos/cleanup.h"

#define LABEL "bundle" /* the source has no name that means anything here */

static void refuse(struct bundle_job *job, const char *code)
{
	job->code = code;
	if (job->diag.n_total == 0)
		(void)diag_add(&job->diag, LABEL, 0, "out of memory");
}

static void fail(struct bundle_job *job, const char *what, int r)
{
	(void)diag_add(&job->diag, NULL, 0, "%s: %s", what, strerrordesc_np(-r));
	job->code = "io";
}

static const char *code_of(enum bundle_admission a)
{
	return a == BUNDLE_OLD ? "serial" : a == BUNDLE_EXPIRED ? "expired" : "engine";
}

/* Verified and parsed: may it come in? True, or job->code is set. */
static bool admit(struct bundle_job *job, const struct bundle_keys *keys)
{
	_cleanup_(bundle_state_deinit) struct bundle_state state = BUNDLE_STATE_NULL;
	enum bundle_admission a;
	int64_t floor = 0;
	int r = bundle_store_state(job->store, keys, &state, &job->state_lost);

	if (r == 0)
		r = bundle_floor_load(job->config_root, job->bundle.manifest.channel,
		                      &floor, &job->diag);
	if (r < 0) {
		fail(job, "what was seen before", r);
		return false;
	}
	a = bundle_admit(&job->bundle, &state, keys, floor,
	                 bundle_now(&state, keys, job->clock_sec), &job->diag);
	if (a == BUNDLE_ADMITTED)
		return true;
	refuse(job, code_of(a));
	return false;
}

/* In force already, byte for byte? Nothing is to be done then. */
static bool is_current(const struct bundle_job *job)
{
	const struct bundle_manifest *m = &job->bundle.manifest;
	_cleanup_(bundle_deinit) struct bundle now = BUNDLE_NULL;
	_cleanup_(fd_closep) int fd = -1;

	if (bundle_store_current(job->store, m->channel) != m->serial)
		return false;
	fd = bundle_store_open_bundle(job->store, m->channel, m->serial);
	return fd >= 0 && bundle_read(fd, LABEL, NULL, NULL, &now, NULL) == 0 &&
	       memcmp(now.sha256, job->bundle.sha256, sizeof(now.sha256)) == 0;
}

static void take_files(struct bundle_job *job, int stage)
{
	const struct bundle_manifest *m = &job->bundle.manifest;
	int r = bundle_copy_files(job->from, stage, LABEL, &job->bundle, &job->diag);

	if (r == 0)
		r = bundle_check_files(stage, LABEL, &job->bundle, &job->diag);
	if (r < 0) {
		refuse(job, "files");
		return;
	}
	if (is_current(job)) {
		job->unchanged = true;
		return;
	}
	r = bundle_store_place(job->store, m->channel, m->serial);
	if (r == -EMLINK)
		(void)diag_add(&job->diag, NULL, 0, "more than %d channels",
		               BUNDLE_CHANNELS_MAX);
	if (r < 0)
		fail(job, "keeping it", r);
}

static void take(struct bundle_job *job, const struct bundle_keys *keys, int stage)
{
	int r = bundle_copy_head(job->from, stage, LABEL, &job->diag);

	if (r < 0) {
		refuse(job, "files");
		return;
	}
	r = bundle_read(stage, LABEL, keys, &job->demand, &job->bundle, &job->diag);
	if (r < 0) {
		refuse(job, r == -EKEYREJECTED ? "signature" : "manifest");
		return;
	}
	if (admit(job, keys))
		take_files(job, stage);
}

void bundle_job_run(struct bundle_job *job)
{
	_cleanup_(bundle_keys_deinit) struct bundle_keys keys = BUNDLE_KEYS_NULL;
	_cleanup_(fd_closep) int stage = -1;
	struct stat st;

	if (fstat(job->from, &st) < 0 || !S_ISDIR(st.st_mode)) {
		(void)diag_add(&job->diag, LABEL, 0, "not a folder");
		refuse(job, "files");
		return;
	}
	if (bundle_keys_load(job->config_root, &keys, &job->diag) < 0) {
		refuse(job, "keys");
		return;
	}
	stage = bundle_store_stage(job->store);
	if (stage < 0)
		fail(job, "a folder to copy it to", stage);
	else
		take(job, &keys, stage);
	bundle_store_unstage(job->store); /* gone already when it has its place */
}

void bundle_job_deinit(struct bundle_job *job)
{
	job->from = fd_close(job->from);
	diag_deinit(&job->diag);
	bundle_deinit(&job->bundle);
}
