/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpack
 *
 * Owns: what members mean for the file that they are in.
 * Must not own: how they are found (archive), how bytes are judged (engine).
 */
#include "custos/unpack.h"

#include <string.h>

#include "archive-sign.h"

struct unpack {
	struct engine *e;
	const struct engine_input *in;
	const _Atomic bool *cancel;
	struct finding *f;
	bool denied; /* a member did */
	bool logged; /* a member matched by rules of level "log" alone: the first, here */
	enum reason log_reason;
	char log_rule[RULE_NAME_BYTES];
};

/* One that denies may come after it. */
static void note_logged(struct unpack *u, const struct finding *found)
{
	if (u->logged)
		return;
	u->logged = true;
	u->log_reason = found->reason;
	memcpy(u->log_rule, found->rule, sizeof(u->log_rule));
}

static bool on_member(void *userdata, const struct arc_member *m, nsec_t deadline,
                      enum reason *ret_miss)
{
	struct unpack *u = userdata;
	const struct engine_bytes b = {
		.buf = m->buf,
		.len = m->len,
		.path = m->name,
		.owner = u->in->st ? u->in->st->st_uid : 0,
		.deadline = deadline,
	};
	struct finding found;

	engine_judge(u->e, &b, &found);
	if (found.verdict == VERDICT_MALICIOUS && found.log_only) {
		note_logged(u, &found);
		return true;
	}
	if (found.verdict == VERDICT_MALICIOUS) {
		u->f->verdict = found.verdict;
		u->f->reason = found.reason;
		u->f->log_only = false;
		memcpy(u->f->rule, found.rule, sizeof(u->f->rule));
		u->denied = true;
		return false;
	}
	if (found.verdict == VERDICT_ERROR)
		*ret_miss = found.reason == REASON_TIMEOUT && deadline < u->in->deadline
		                    ? REASON_ARC_TIME
		                    : found.reason;
	return true;
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
	memcpy(f->rule, u->log_rule, sizeof(f->rule));
}

static void walk(struct arc_walker *w, struct unpack *u)
{
	struct finding *f = u->f;
	struct arc_walk walk = {
		.name = u->in->path,
		.deadline = u->in->deadline,
		.cancel = u->cancel,
		.member = on_member,
		.userdata = u,
	};

	walk.buf = engine_bytes(u->e, &walk.len);
	arc_walk(w, &walk);
	if (!u->denied && walk.reason == REASON_NONE) {
		conclude_logged(u);
		return;
	}
	if (!u->denied) {
		/* What was not read may have denied: no match of level "log" stands for that (docs/adr/0037). */
		f->verdict = VERDICT_ERROR;
		f->reason = walk.reason;
		f->partial = true;
		f->log_only = false;
		f->rule[0] = '\0';
	}
	f->member = walk.at;
}

/* Of a file in windows the middle is not there: no archive can be read. */
static void refuse_windows(struct unpack *u)
{
	struct arc_sign signs[ARC_SIGNS_MAX];
	struct finding *f = u->f;
	size_t len;
	const uint8_t *buf = engine_bytes(u->e, &len);

	if (arc_signs(buf, len, ARC_KINDS_DEFAULT, signs) == 0)
		return;
	f->verdict = VERDICT_ERROR;
	f->reason = REASON_ARC_BYTES;
	f->partial = true;
	f->log_only = false;
	f->rule[0] = '\0';
}

void unpack_judge(struct arc_walker *w, struct engine *e, const struct engine_input *in,
                  const _Atomic bool *cancel, struct finding *f)
{
	struct unpack u = {.e = e, .in = in, .cancel = cancel, .f = f};

	if ((f->verdict == VERDICT_CLEAN && f->reason == REASON_NONE) ||
	    (f->verdict == VERDICT_MALICIOUS && f->log_only)) {
		if (f->windows)
			refuse_windows(&u);
		else
			walk(w, &u);
	}
	engine_release(e);
}
