/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outposts: what is said of them
 *
 * Owns: words and sums for status, metrics and the state. Must not own: which there are (outposts.c).
 */
#include "daemon/supervisor/outposts-internal.h"

#include <stdio.h>
#include <string.h>

#include "custos/clock.h"
#include "custos/mountinfo.h"

#include "daemon/supervisor/coverage.h"

void outpost_add_counts(const struct outpost *op, struct outposts_counts *to)
{
	const _Atomic uint64_t *n = op->shared->n;

	to->judged += atomic_load(&n[OUTPOST_JUDGED]);
	to->found += atomic_load(&n[OUTPOST_FOUND]);
	to->refused += atomic_load(&n[OUTPOST_REFUSED]);
	to->unreadable += atomic_load(&n[OUTPOST_UNREADABLE]);
	to->late += atomic_load(&n[OUTPOST_LATE]) + atomic_load(&n[OUTPOST_UNREAD]);
	to->lost += atomic_load(&n[OUTPOST_LOST_NEWS]) + atomic_load(&n[OUTPOST_UNTOLD]) + atomic_load(&n[OUTPOST_UNHELD]);
}

static const char *describe(struct outposts *o, const struct outpost *op, nsec_t now)
{
	const nsec_t silence = outpost_silence(op, now);
	struct outposts_counts n = {0};
	int len;

	outpost_add_counts(op, &n);
	len = snprintf(o->text, sizeof(o->text), "%llu judged, %llu malicious, %llu opens refused",
	               (unsigned long long)n.judged, (unsigned long long)n.found,
	               (unsigned long long)n.refused);
	if (n.unreadable)
		len += snprintf(o->text + len, sizeof(o->text) - (size_t)len, ", %llu unreadable",
		                (unsigned long long)n.unreadable);
	if (n.late)
		len += snprintf(o->text + len, sizeof(o->text) - (size_t)len, ", %llu late",
		                (unsigned long long)n.late);
	if (silence > OUTPOST_SILENT_NSEC)
		(void)snprintf(o->text + len, sizeof(o->text) - (size_t)len,
		               "; its server has not answered for %llu s",
		               (unsigned long long)(silence / NSEC_PER_SEC));
	return o->text;
}

/* Why it is not watched as it should be; NULL: it is. */
static const char *trouble(struct outposts *o, const struct outpost *op, nsec_t now)
{
	if (op->why[0] && !outpost_active(op))
		return op->why;
	if (outpost_n_lost(op) >= OUTPOST_LOST_MAX && (op->blocking || !outpost_active(op)))
		return op->blocking ? "too many processes wait in the kernel for its server: opens are refused" :
		                      "too many processes wait in the kernel for its server: nothing is judged";
	if (op->blocking && op->marked && outpost_silence(op, now) > OUTPOST_SILENT_NSEC + o->longest_timeout)
		return "its server does not answer: opens are answered at their deadlines";
	return NULL;
}

void outposts_row(struct outposts *o, struct coverage_row *row)
{
	const nsec_t now = clock_now();
	const struct outpost *op;
	const char *why;

	if (!outposts_is_remote(row))
		return;
	op = outposts_find(o, row->dev);
	if (!op) {
		row->state = "failed";
		row->reason = outposts_is_full(o, row->owner, o->text, sizeof(o->text)) ? o->text :
		                                                                           "starting";
		return;
	}
	if (op->closed) {
		row->state = "unsupported";
		row->reason = "it lets nobody in but who mounted it";
		return;
	}
	why = trouble(o, op, now);
	row->state = why ? "failed" : op->blocking ? OUTPOSTS_BLOCKING : OUTPOSTS_ASYNC;
	row->reason = why ?: outpost_active(op) ? describe(o, op, now) : "starting";
}

const char *outposts_reason(struct outposts *o)
{
	const struct coverage *c = o->m->coverage;

	for (size_t i = 0; i < coverage_n(c); i++) {
		struct coverage_row row = *coverage_row(c, i);
		if (!outposts_is_remote(&row))
			continue;
		outposts_row(o, &row);
		if (strcmp(row.state, "failed") != 0)
			continue;
		(void)snprintf(o->reason, sizeof(o->reason), "%.200s (%.30s) is not watched: %.240s",
		               row.mount_point, row.fs_type, row.reason);
		return o->reason;
	}
	return NULL;
}

/* --- Blocking= ---------------------------------------------------------------------------- */

/* NULL: it has an effect. */
static const char *why_idle(const struct outposts *o, const char *entry)
{
	const struct coverage *c = o->m->coverage;
	const char *why = *entry == '/' ? "no file system that is watched is mounted there" :
	                                  "no file system of this type is watched";

	for (size_t i = 0; i < coverage_n(c); i++) {
		const struct coverage_row *row = coverage_row(c, i);

		if (strcmp(entry, row->mount_point) != 0 && strcmp(entry, row->fs_type) != 0)
			continue;
		if (strcmp(row->state, OUTPOSTS_BLOCKING) == 0)
			return NULL;
		why = mount_class_of(row->fs_type) == MOUNT_REMOTE ?
		              "the policy leaves it out (nowatch)" :
		              "it is no network or FUSE file system: opens wait there anyway where it is "
		              "watched";
	}
	return why;
}

const char *outposts_idle(struct outposts *o)
{
	const struct strlist *all = &o->m->conf.blocking;
	size_t len = 0;

	for (size_t i = 0; i < all->n && len < sizeof(o->idle); i++) {
		const char *why = why_idle(o, all->items[i]);

		if (why)
			len += (size_t)snprintf(o->idle + len, sizeof(o->idle) - len,
			                        "%sBlocking=%.200s has no effect: %s", len ? "; " : "",
			                        all->items[i], why);
	}
	return len ? o->idle : NULL;
}

void outposts_counts(const struct outposts *o, struct outposts_counts *ret)
{
	*ret = o->past;
	for (const struct outpost *op = o->first; op; op = op->next)
		outpost_add_counts(op, ret);
}

void outposts_pids(const struct outposts *o, struct manager_pids *ret)
{
	for (const struct outpost *op = o->first; op; op = op->next) {
		const struct station *s = outpost_active(op);

		if (s && ret->n_outposts < MANAGER_OUTPOSTS_MAX)
			ret->outpost[ret->n_outposts++] = s->pid;
		if (op->gate && ret->n_gates < MANAGER_OUTPOSTS_MAX)
			ret->gate[ret->n_gates++] = op->gate;
	}
}
