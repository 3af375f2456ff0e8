/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpack
 *
 * Owns: what members and payloads mean for the file that they are in.
 * Must not own: how they are found (archive, payload), how bytes are judged (engine).
 */
#include "custos/unpack.h"

#include <string.h>

#include "archive-sign.h"
#include "archive-walk.h"

struct unpack {
	struct engine *e;
	struct payload_walker *payloads; /* NULL: none are looked for */
	const struct engine_input *in;
	const _Atomic bool *cancel;
	struct finding *f;
	const char *path; /* of what is being looked at: the file, or a member */
	bool denied; /* a member or payload did */
	bool logged; /* one matched by rules of level "log" alone: the first, here */
	enum reason log_reason;
	struct rule_match log_match;
	bool missed_payload; /* the first thing that was not judged is one */
	enum reason missed_reason;
	uint64_t missed_at;
};

/* One that denies may come after it. */
static void note_logged(struct unpack *u, const struct finding *found)
{
	if (u->logged)
		return;
	u->logged = true;
	u->log_reason = found->reason;
	u->log_match = found->match;
}

/* Judge what was found in the file. Return: false: it denies. @ret_miss: set when it was not judged in full. */
static bool look_at(struct unpack *u, const void *buf, size_t len, nsec_t deadline, enum reason *ret_miss)
{
	const struct engine_bytes b = {
		.buf = buf,
		.len = len,
		.path = u->path,
		.owner = u->in->st ? u->in->st->st_uid : 0,
		.deadline = deadline,
	};
	struct finding found;

	engine_judge(u->e, &b, &found);
	if (found.verdict == VERDICT_MALICIOUS && found.log_only) {
		note_logged(u, &found);
	} else if (found.verdict == VERDICT_MALICIOUS) {
		u->f->verdict = found.verdict;
		u->f->reason = found.reason;
		u->f->log_only = false;
		u->f->match = found.match;
		u->denied = true;
	} else if (found.verdict == VERDICT_ERROR) {
		*ret_miss = found.reason;
	}
	return !u->denied;
}

static bool on_payload(void *userdata, const struct payload *p, nsec_t deadline, enum reason *ret_miss)
{
	return look_at(userdata, p->buf, p->len, deadline, ret_miss);
}

/* Return: why not all payloads in @buf were judged. */
static enum reason walk_payloads(struct unpack *u, const void *buf, size_t len, nsec_t deadline)
{
	struct payload_walk walk = {
		.buf = buf,
		.len = len,
		.deadline = deadline,
		.cancel = u->cancel,
		.payload = on_payload,
		.userdata = u,
	};

	if (!u->payloads)
		return REASON_NONE;
	payload_walk(u->payloads, &walk);
	if (u->denied) {
		u->f->member.payload = walk.offset + 1;
	} else if (walk.reason != REASON_NONE && !u->missed_payload) {
		u->missed_payload = true;
		u->missed_reason = walk.reason;
		u->missed_at = walk.offset;
	}
	return walk.reason;
}

static bool on_member(void *userdata, const struct arc_member *m, nsec_t deadline,
                      enum reason *ret_miss)
{
	struct unpack *u = userdata;

	u->path = m->name;
	if (!look_at(u, m->buf, m->len, deadline, ret_miss))
		return false;
	if (*ret_miss == REASON_TIMEOUT && deadline < u->in->deadline)
		*ret_miss = REASON_ARC_TIME;
	if (*ret_miss == REASON_NONE)
		*ret_miss = walk_payloads(u, m->buf, m->len, deadline);
	return !u->denied;
}

/* All was read, and nothing denies. A match in the file as a whole comes first. */
static void conclude_logged(struct unpack *u)
{
	struct finding *f = u->f;

	if (!u->logged || f->verdict != VERDICT_CLEAN)
		return;
	f->verdict = VERDICT_MALICIOUS;
	f->reason = u->log_reason;
	f->log_only = true;
	f->match = u->log_match;
}

/* What was not read may have denied: no match of level "log" stands for that (docs/adr/0037). */
static void conclude_missed(struct finding *f, enum reason reason)
{
	f->verdict = VERDICT_ERROR;
	f->reason = reason;
	f->partial = true;
	f->log_only = false;
	f->match = (struct rule_match){0};
}

static void walk(struct arc_walker *w, struct unpack *u)
{
	struct arc_walk walk = {
		.name = u->in->path,
		.deadline = u->in->deadline,
		.cancel = u->cancel,
		.member = on_member,
		.userdata = u,
	};
	enum reason missed;

	walk.buf = engine_bytes(u->e, &walk.len);
	missed = walk_payloads(u, walk.buf, walk.len, walk.deadline);
	if (u->denied)
		return;
	arc_walk(w, &walk);
	if (u->denied || missed == REASON_NONE) {
		const uint64_t payload = u->f->member.payload;

		u->f->member = walk.at;
		u->f->member.payload = payload;
	}
	if (u->denied)
		return;
	if (missed == REASON_NONE)
		missed = walk.reason;
	if (missed == REASON_NONE) {
		conclude_logged(u);
		return;
	}
	conclude_missed(u->f, missed);
	if (u->missed_payload && missed == u->missed_reason)
		u->f->member.payload = u->missed_at + 1;
}

/* Of a file in windows the middle is not there: no archive can be read, no payload be decoded. */
static void refuse_windows(struct unpack *u, unsigned kinds)
{
	struct arc_sign signs[ARC_SIGNS_MAX];
	struct finding *f = u->f;
	size_t len;
	const uint8_t *buf = engine_bytes(u->e, &len);

	if (arc_signs(buf, len, kinds, signs) > 0)
		conclude_missed(f, REASON_ARC_BYTES);
	else if (u->payloads && payload_may_be(buf, len, engine_decodes(u->e)))
		conclude_missed(f, REASON_PAY_BYTES);
}

void unpack_judge(struct arc_walker *w, struct payload_walker *p, struct engine *e,
                  const struct engine_input *in, const _Atomic bool *cancel, struct finding *f)
{
	struct unpack u = {
		.e = e, .payloads = p, .in = in, .cancel = cancel, .f = f, .path = in->path};

	if ((f->verdict == VERDICT_CLEAN && f->reason == REASON_NONE) ||
	    (f->verdict == VERDICT_MALICIOUS && f->log_only)) {
		if (p)
			payload_begin(p);
		if (f->windows)
			refuse_windows(&u, w->limits.kinds);
		else
			walk(w, &u);
	}
	engine_release(e);
}
