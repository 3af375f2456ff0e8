/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: Events
 *
 * A subscriber is a place in the history. Replies are made only as fast as the client
 * reads them; what the history overwrites in the meantime is counted as dropped. So the
 * slowest subscriber costs a few kilobytes and delays nobody.
 *
 * Owns: the subscription and the JSON of an event. Must not own: events (history.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/text.h"
#include "history.h"
#include "methods.h"

struct subscription {
	struct history_cursor cursor;
	unsigned verdicts; /* bits 1 << enum verdict */
	bool follow;
	uint64_t end; /* the past: numbers below this */
	bool past_sent;
};

static int set_flags(json_t *o, unsigned flags)
{
	static const struct {
		unsigned flag;
		const char *key;
	} keys[] = {
		{RECORD_CACHED, "cached"},   {RECORD_PARTIAL, "partial"},
		{RECORD_LATE, "late"},       {RECORD_MONITOR, "monitor"},
		{RECORD_REQUEST, "request"}, {RECORD_LOG_ONLY, "logOnly"},
		{RECORD_WINDOWS, "windows"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (flags & keys[i].flag &&
		    json_object_set_new(o, keys[i].key, json_true()) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int set_subject(json_t *o, const struct history_event *e)
{
	if (!(e->flags & RECORD_SUBJECT))
		return 0;
	if (json_object_set_new(o, "uid", reply_int(e->uid)) < 0 ||
	    reply_set_text(o, "exe", e->exe) < 0)
		return -ENOMEM;
	if (reply_set_text(o, "unit", e->unit) < 0 ||
	    reply_set_text(o, "container", e->container) < 0)
		return -ENOMEM;
	return reply_set_text(o, "containerRuntime", e->runtime);
}

static int set_sha256(json_t *o, const struct history_event *e)
{
	char hex[2 * SHA256_BYTES + 1];

	if (!(e->flags & RECORD_SHA256))
		return 0;
	text_hex(e->sha256, sizeof(e->sha256), hex);
	return json_object_set_new(o, "sha256", json_string(hex));
}

/* NULL: no memory. */
static json_t *event_json(const struct manager *m, const struct history_event *e)
{
	json_t *o = json_pack(
		"{s:o, s:o, s:s, s:s, s:s, s:o, s:i, s:o}", "seq", reply_int(e->seq),
		"time", reply_int(e->wall_usec), "action",
		record_action_name(e->action), "verdict", verdict_name(e->verdict),
		"reason", reason_name(e->reason), "size", reply_int(e->size_bytes),
		"pid", (int)e->pid, "usecSpent", reply_int(e->spent_usec));

	if (o && varlink_set_bytes(o, "path", e->path, strlen(e->path)) == 0 &&
	    set_sha256(o, e) == 0 && set_subject(o, e) == 0 &&
	    reply_set_text(o, "rule", e->rule) == 0 &&
	    reply_set_text(o, "ruleSet", e->rule_set) == 0 &&
	    reply_set_text(o, "member", e->member) == 0 &&
	    reply_set_text(o, "policyLine", e->policy_line) == 0 &&
	    reply_set_text(o, "bundles", manager_bundles_text(m, e->generation)) == 0 &&
	    set_flags(o, e->flags) == 0)
		return o;
	json_decref(o);
	return NULL;
}

static void send_event(struct connection *c, struct subscription *s,
                       const struct history_event *e, bool continues)
{
	uint64_t dropped = s->cursor.dropped;
	json_t *o;

	s->cursor.dropped = 0;
	o = json_pack("{s:o, s:o}", "dropped", reply_int(dropped), "nextSeq",
	              reply_int(s->cursor.next));
	if (o && e && json_object_set_new(o, "event", event_json(c->server->m, e)) < 0) {
		json_decref(o);
		o = NULL;
	}
	call_reply(c, o, continues);
}

/* The next event the client wants; NULL when there is none now. */
static const struct history_event *next_event(struct connection *c,
                                              struct subscription *s)
{
	const struct history_event *e;

	while (s->follow || s->cursor.next < s->end) {
		e = history_read(c->server->m->history, &s->cursor);
		if (!e || s->verdicts & 1U << e->verdict)
			return e;
	}
	return NULL;
}

static void subscription_pump(struct connection *c, void *state)
{
	struct subscription *s = state;
	const struct history_event *e;

	while (call_is_current(c, s) && call_has_room(c)) {
		e = next_event(c, s);
		if (!s->past_sent && (!e || e->seq >= s->end)) {
			s->past_sent = true;
			send_event(c, s, NULL, s->follow);
			if (!call_is_current(c, s))
				return;
		}
		if (!e)
			return;
		send_event(c, s, e, true);
	}
}

static void subscription_free(struct connection *c, void *state)
{
	free(state);
}

static const struct call_ops subscription_ops = {
	.pump = subscription_pump,
	.free = subscription_free,
};

/* Bits of the wanted verdicts; 0 when one of the names is none. All if there is no
 * list. */
static unsigned wanted_verdicts(json_t *names)
{
	unsigned bits = 0;
	enum verdict v;
	json_t *name;
	size_t i;

	if (json_array_size(names) == 0)
		return ~0U;
	json_array_foreach (names, i, name) {
		if (!verdict_from_name(json_string_value(name), &v))
			return 0;
		bits |= 1U << v;
	}
	return bits;
}

void method_events(struct connection *c, json_t *parameters)
{
	const struct history *h = c->server->m->history;
	int64_t since = param_int(parameters, "sinceSeq", -1);
	int64_t last = param_int(parameters, "last", -1);
	struct subscription *s = calloc(1, sizeof(*s));

	if (!s) {
		call_failed(c, -ENOMEM, "out of memory");
		return;
	}
	call_set_state(c, &subscription_ops, s);
	s->verdicts = wanted_verdicts(json_object_get(parameters, "verdict"));
	if (s->verdicts == 0) {
		call_invalid(c, "verdict");
		return;
	}
	s->follow = param_bool(parameters, "follow", true);
	s->end = history_next_seq(h);
	history_seek_oldest(h, &s->cursor);
	if (since >= 0)
		history_seek_after(h, (uint64_t)since, &s->cursor);
	if (last >= 0) {
		struct history_cursor at;

		history_seek_last(h, (uint64_t)last, s->verdicts, &at);
		if (at.next > s->cursor.next)
			s->cursor = at;
	}
	subscription_pump(c, s);
}
