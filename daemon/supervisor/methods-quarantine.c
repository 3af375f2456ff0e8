/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: Quarantine, QuarantineRelease, QuarantineExport
 *
 * Owns: the wait for the answer. Must not own: files (manager_quarantine()).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "methods.h"
#include "quarantine-store.h"

/* A reason goes into the journal. */
#define REASON_BYTES_MAX 1024

struct quarantine_wait {
	struct connection *c;
	enum quarantine_op op;
	bool answered;
};

static void wait_free(struct connection *c, void *state)
{
	struct quarantine_wait *w = state;

	if (!w->answered)
		manager_quarantine_cancel(c->server->m, w);
	free(w);
}

static const struct call_ops wait_ops = {.free = wait_free};

static void on_answer(void *userdata, int error, const char *text, json_t *reply)
{
	static const char note[] =
		"opening it is refused, and it is taken again, for as long as a rule matches it "
		"and the policy line says on-match=quarantine: allow it there first";
	struct quarantine_wait *w = userdata;

	w->answered = true;
	if (error < 0) {
		call_failed(w->c, error, text);
		return;
	}
	if (w->op == QUARANTINE_RELEASE)
		(void)json_object_set_new(reply, "note", json_string(note)); /* no memory */
	call_reply(w->c, json_incref(reply), false);
}

/* @ask's descriptor is consumed. */
static void start(struct connection *c, struct quarantine_ask *ask)
{
	struct quarantine_wait *w = calloc(1, sizeof(*w));
	int r;

	ask->by = c->peer.uid;
	if (!w) {
		(void)fd_close(ask->fd);
		call_failed(c, -ENOMEM, "out of memory");
		return;
	}
	w->c = c;
	w->op = ask->op;
	call_set_state(c, &wait_ops, w);
	r = manager_quarantine(c->server->m, ask, on_answer, w);
	if (r < 0) {
		w->answered = true; /* it will not be */
		(void)fd_close(ask->fd);
		call_failed(c, r, "the quarantine could not be asked");
	}
}

void method_quarantine(struct connection *c, json_t *parameters)
{
	const char *id = param_string(parameters, "id");
	const char *after = param_string(parameters, "after");
	struct quarantine_ask ask = {
		.op = id ? QUARANTINE_INFO : QUARANTINE_LIST, .id = id ?: after, .fd = -1};

	if (ask.id && !quarantine_id_valid(ask.id))
		call_invalid(c, id ? "id" : "after");
	else if (id && after)
		call_invalid(c, "after");
	else
		start(c, &ask);
}

void method_quarantine_release(struct connection *c, json_t *parameters)
{
	const char *reason = param_string(parameters, "reason");
	struct quarantine_ask ask = {
		.op = QUARANTINE_RELEASE,
		.id = param_string(parameters, "id"),
		.reason = reason,
		.fd = -1,
	};

	if (!quarantine_id_valid(ask.id))
		call_invalid(c, "id");
	else if (strlen(reason) > REASON_BYTES_MAX || strspn(reason, " \t") == strlen(reason))
		call_invalid(c, "reason");
	else
		start(c, &ask);
}

void method_quarantine_export(struct connection *c, json_t *parameters)
{
	struct quarantine_ask ask = {
		.op = QUARANTINE_EXPORT,
		.id = param_string(parameters, "id"),
	};
	int flags;

	if (!quarantine_id_valid(ask.id)) {
		call_invalid(c, "id");
		return;
	}
	if (param_int(parameters, "fd", -1) != 0 || c->n_fds != 1) {
		call_invalid(c, "fd");
		return;
	}
	flags = fcntl(c->fds[0], F_GETFL);
	if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == O_RDONLY) {
		call_invalid(c, "fd");
		return;
	}
	ask.fd = fd_take(&c->fds[0]);
	start(c, &ask);
}
