/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpack
 *
 * Owns: what members mean for the file that they are in.
 * Must not own: how they are found (archive), how bytes are judged (engine).
 */
#include "custos/unpack.h"

#include <string.h>

struct unpack {
	struct engine *e;
	const struct engine_input *in;
	const _Atomic bool *cancel;
	struct finding *f;
};

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
	if (found.verdict == VERDICT_MALICIOUS) {
		u->f->verdict = found.verdict;
		u->f->reason = found.reason;
		memcpy(u->f->rule, found.rule, sizeof(u->f->rule));
		return false;
	}
	if (found.verdict == VERDICT_ERROR)
		*ret_miss = found.reason == REASON_TIMEOUT && deadline < u->in->deadline
		                    ? REASON_ARC_TIME
		                    : found.reason;
	return true;
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
	if (f->verdict != VERDICT_MALICIOUS) {
		if (walk.reason == REASON_NONE)
			return;
		f->verdict = VERDICT_ERROR;
		f->reason = walk.reason;
		f->partial = true;
	}
	f->member = walk.at;
}

void unpack_judge(struct arc_walker *w, struct engine *e, const struct engine_input *in,
                  const _Atomic bool *cancel, struct finding *f)
{
	struct unpack u = {.e = e, .in = in, .cancel = cancel, .f = f};

	if (f->verdict == VERDICT_CLEAN && f->reason == REASON_NONE)
		walk(w, &u);
	engine_release(e);
}
