/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: Reload, FlushCache, SetMode
 *
 * Owns: the wait for a reload. Must not own: reloading, modes (manager.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "methods.h"

#define TTL_SEC_MAX ((int64_t)(CONF_MONITOR_MAX / NSEC_PER_SEC))
/* A reason goes into the journal and every status. */
#define REASON_BYTES_MAX 1024

/* Shared by the call and the manager: a reload cannot be taken back when its client
 * goes away. */
struct reload_wait {
	struct connection *c; /* NULL: the client has gone */
	bool done;            /* the manager has called */
};

static void reload_free(struct connection *c, void *state)
{
	struct reload_wait *w = state;

	w->c = NULL;
	if (w->done)
		free(w);
}

static const struct call_ops reload_ops = {.free = reload_free};

static void reply_reload_failed(struct connection *c, const char *errors)
{
	json_t *o = json_object();

	(void)reply_set_errors(o, "errors", errors); /* else an error without text */
	call_error(c, "io.custos.Manager.ReloadFailed", o);
}

static void on_reloaded(void *userdata, uint64_t generation, const char *error)
{
	struct reload_wait *w = userdata;

	w->done = true;
	if (!w->c)
		free(w);
	else if (error)
		reply_reload_failed(w->c, error);
	else
		call_reply(w->c,
		           json_pack("{s:o}", "generation", reply_int(generation)),
		           false);
}

void method_reload(struct connection *c, json_t *parameters)
{
	struct reload_wait *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		call_failed(c, -ENOMEM, "out of memory");
		return;
	}
	w->c = c;
	call_set_state(c, &reload_ops, w);
	r = manager_reload(c->server->m, on_reloaded, w);
	if (r < 0) {
		w->done = true; /* it will not call */
		call_failed(c, r, "the reload could not be started");
	}
}

void method_flush_cache(struct connection *c, json_t *parameters)
{
	manager_flush_cache(c->server->m, c->peer.uid);
	call_reply(c, json_object(), false);
}

void method_set_mode(struct connection *c, json_t *parameters)
{
	const char *mode = param_string(parameters, "mode");
	const char *reason = param_string(parameters, "reason");
	int64_t ttl_sec = param_int(parameters, "ttlSec", 0);
	enum mode wanted = strcmp(mode, "monitor") == 0 ? MODE_MONITOR : MODE_ENFORCE;
	int r;

	if (strcmp(mode, mode_name(wanted)) != 0) {
		call_invalid(c, "mode");
		return;
	}
	/* Weakening always ends. */
	if (ttl_sec < (wanted == MODE_MONITOR) || ttl_sec > TTL_SEC_MAX) {
		call_invalid(c, "ttlSec");
		return;
	}
	/* Protection is not lowered without a name on it: the uid, and why. */
	if (reason ? strlen(reason) > REASON_BYTES_MAX : wanted == MODE_MONITOR) {
		call_invalid(c, "reason");
		return;
	}
	if (wanted == MODE_MONITOR && strspn(reason, " \t") == strlen(reason)) {
		call_invalid(c, "reason");
		return;
	}
	r = manager_set_mode(c->server->m, wanted, (nsec_t)ttl_sec * NSEC_PER_SEC,
	                     reason, c->peer.uid);
	if (r < 0)
		call_failed(c, r, "the mode could not be changed");
	else
		call_reply(c, json_object(), false);
}
