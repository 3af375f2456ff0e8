/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: Bundles, ImportBundle, RollbackBundle
 *
 * Owns: the wait for the answer. Must not own: what a bundle must be
 * (manager_bundle()).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "methods.h"

/* A reason goes into the journal. */
#define REASON_BYTES_MAX 1024
/* Of a refusal with many errors; the journal has more. */
#define MESSAGE_BYTES_MAX (16U * 1024)

struct bundle_wait {
	struct connection *c;
	bool answered;
};

static void wait_free(struct connection *c, void *state)
{
	struct bundle_wait *w = state;

	if (!w->answered)
		manager_bundle_cancel(c->server->m, w);
	free(w);
}

static const struct call_ops wait_ops = {.free = wait_free};

static void on_answer(void *userdata, const char *code, const char *text, json_t *reply)
{
	struct bundle_wait *w = userdata;
	json_t *error;

	w->answered = true;
	if (!code) {
		call_reply(w->c, json_incref(reply), false);
		return;
	}
	error = json_pack("{s:s}", "code", code);
	(void)varlink_set_bytes(error, "message", text,
	                        strnlen(text, MESSAGE_BYTES_MAX));
	call_error(w->c, "io.custos.Manager.BundleRefused", error);
}

static void failed(struct connection *c, int r)
{
	call_failed(c, r,
	            r == -EBUSY          ? "another bundle is under way"
	            : r == -EDESTADDRREQ ? "which channel? there is not exactly one"
	            : r == -ENOENT       ? "there is no such bundle to go back to"
	                                 : "the bundle could not be taken");
}

/* @ask's descriptor is consumed. */
static void start(struct connection *c, struct bundle_ask *ask)
{
	struct bundle_wait *w = calloc(1, sizeof(*w));
	int r;

	ask->by = c->peer.uid;
	if (!w) {
		(void)fd_close(ask->fd);
		failed(c, -ENOMEM);
		return;
	}
	w->c = c;
	call_set_state(c, &wait_ops, w);
	r = manager_bundle(c->server->m, ask, on_answer, w);
	if (r < 0) {
		w->answered = true; /* it will not be */
		(void)fd_close(ask->fd);
		failed(c, r);
	}
}

void method_bundles(struct connection *c, json_t *parameters)
{
	call_reply(c, json_pack("{s:o}", "bundles", manager_bundles(c->server->m)),
	           false);
}

void method_import_bundle(struct connection *c, json_t *parameters)
{
	int64_t index = param_int(parameters, "bundle", -1);
	struct bundle_ask ask = {.op = BUNDLE_IMPORT, .fd = -1};

	if (index < 0 || index >= c->n_fds) {
		call_invalid(c, "bundle");
		return;
	}
	ask.fd = fd_take(&c->fds[index]);
	start(c, &ask);
}

void method_rollback_bundle(struct connection *c, json_t *parameters)
{
	struct bundle_ask ask = {
		.op = BUNDLE_ROLLBACK,
		.fd = -1,
		.channel = param_string(parameters, "channel"),
		.serial = param_int(parameters, "serial", 0),
		.reason = param_string(parameters, "reason"),
	};

	if (ask.serial < 0) {
		call_invalid(c, "serial");
		return;
	}
	if (strspn(ask.reason, " \t") == strlen(ask.reason) ||
	    strlen(ask.reason) > REASON_BYTES_MAX) {
		call_invalid(c, "reason");
		return;
	}
	start(c, &ask);
}
