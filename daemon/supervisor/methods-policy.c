/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: Policy, Explain
 *
 * Owns: their JSON. Must not own: matching (policy.h) and coverage (manager.h).
 */
#include <errno.h>
#include <string.h>

#include "custos/clock.h"
#include "methods.h"

/* Text of lines in one reply; the caller asks again for the rest. A line escaped and in
 * base64 is at worst seven times as long. */
#define POLICY_BYTES_ENOUGH (64U * 1024)

static const char *action_name(enum policy_action action)
{
	switch (action) {
	case POLICY_NOWATCH:
		return "nowatch";
	case POLICY_ALLOW:
		return "allow";
	case POLICY_SCAN:
		break;
	}
	return "scan";
}

static json_t *line_json(const struct manager *m, const struct policy_line *line,
                         int64_t now_sec)
{
	bool expired = line->expires != 0 && line->expires <= now_sec;
	json_t *o = json_pack("{s:i, s:s, s:i, s:b, s:I}", "index", (int)line->index,
	                      "action", action_name(line->action), "line",
	                      (int)line->line, "expired", (int)expired,
	                      "hits", (json_int_t)manager_line_hits(m, line->index));

	if (o && varlink_set_bytes(o, "file", line->file, strlen(line->file)) == 0 &&
	    varlink_set_bytes(o, "text", line->text, strlen(line->text)) == 0 &&
	    reply_set_text(o, "reason", line->reason) == 0 &&
	    (line->expires == 0 ||
	     json_object_set_new(o, "expires", json_integer(line->expires * 1000000)) ==
	             0))
		return o;
	json_decref(o);
	return NULL;
}

void method_policy(struct connection *c, json_t *parameters)
{
	const struct policy *p = c->server->m->policy;
	int64_t now_sec = (int64_t)(clock_wall_usec() / USEC_PER_SEC);
	int64_t from = param_int(parameters, "from", 0);
	size_t n, bytes = 0, i;
	char digest[65];
	json_t *lines, *o;

	if (!p) {
		call_failed(c, -EAGAIN, "no policy is in force yet");
		return;
	}
	n = policy_n_lines(p);
	if (from < 0 || (size_t)from > n) {
		call_invalid(c, "from");
		return;
	}
	if (policy_digest(p, digest) < 0) {
		call_failed(c, -ENOMEM, "the policy's digest could not be computed");
		return;
	}
	lines = json_array();
	for (i = (size_t)from; i < n && bytes < POLICY_BYTES_ENOUGH; i++) {
		const struct policy_line *line = policy_line(p, i);

		bytes += strlen(line->text) + strlen(line->file) +
		         strlen(line->reason) + 128;
		(void)json_array_append_new(
			lines, line_json(c->server->m, line, now_sec)); /* checked below */
	}
	if (json_array_size(lines) != i - (size_t)from) {
		json_decref(lines);
		call_failed(c, -ENOMEM, "out of memory");
		return;
	}
	o = json_pack("{s:s, s:o}", "digest", digest, "lines", lines);
	if (i < n)
		(void)json_object_set_new(o, "next", reply_int(i));
	call_reply(c, o, false);
}

static json_t *explanation_json(const struct manager_explanation *e)
{
	json_t *o = json_pack("{s:b, s:s, s:s, s:b}", "covered", (int)e->covered,
	                      "mark", e->mark ? e->mark : "none", "action",
	                      e->line ? action_name(e->line->action) : "none", "cached",
	                      (int)e->cached);

	if (!o || reply_set_line(o, "policyLine", e->line) < 0 ||
	    reply_set_text(o, "mountPoint", e->row.mount_point) < 0)
		goto fail;
	if (e->cached &&
	    (json_object_set_new(o, "verdict", json_string(verdict_name(e->verdict))) <
	             0 ||
	     json_object_set_new(o, "ageUsec", reply_int(e->age_usec)) < 0))
		goto fail;
	return o;
fail:
	json_decref(o);
	return NULL;
}

void method_explain(struct connection *c, json_t *parameters)
{
	struct manager_explanation e = {0};
	const char *exe = param_string(parameters, "exe");
	int64_t uid = param_int(parameters, "uid", 0);
	int r;

	if (param_int(parameters, "fd", -1) != 0 || c->n_fds != 1) {
		call_invalid(c, "fd");
		return;
	}
	if (uid < 0 || uid >= UINT32_MAX) {
		call_invalid(c, "uid");
		return;
	}
	r = manager_explain(c->server->m, c->fds[0], param_string(parameters, "path"),
	                    exe ? exe : "", (uid_t)uid, &e);
	if (r < 0)
		call_failed(c, r, "this file cannot be explained");
	else
		call_reply(c, explanation_json(&e), false);
}
