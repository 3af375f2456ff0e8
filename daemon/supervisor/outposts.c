/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outposts: which file systems have one
 *
 * Owns: the list. Must not own: processes (outpost-life.c), what is to be watched (coverage-wish.c), or what is said of
 * each (outposts-told.c).
 */
#include "daemon/supervisor/outposts-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/fan-owner.h"

#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/spawn.h"

#define LOOK_USEC (200 * 1000)

bool outposts_is_remote(const struct coverage_row *row)
{
	return strcmp(row->state, OUTPOSTS_ASYNC) == 0 || strcmp(row->state, OUTPOSTS_BLOCKING) == 0;
}

/* In monitor mode nothing is refused; and who waits for a silent server can only be refused. */
static bool is_blocking(const struct outposts *o, const struct coverage_row *row)
{
	return strcmp(row->state, OUTPOSTS_BLOCKING) == 0 && o->m->mode == MODE_ENFORCE;
}

struct outpost *outposts_find(const struct outposts *o, dev_t dev)
{
	for (struct outpost *op = o->first; op; op = op->next)
		if (op->dev == dev && !op->retired)
			return op;
	return NULL;
}

/* --- are its marks there? ----------------------------------------------------------------- */

/* Numbers of devices are given again at once: only a mark tells whether the file system is still the same. */
static bool has_mark(const struct outpost *op)
{
	_cleanup_(freep) char *line = NULL;
	_cleanup_(file_closep) FILE *info = NULL;
	char path[64];
	size_t size = 0;

	if (!op->marked)
		return true; /* on its way */
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", op->note); /* fits */
	info = fopen(path, "re");
	while (info && getline(&line, &size, info) > 0) {
		struct fan_owner_mark mark;

		if (fan_owner_parse(line, &mark) && mark.on == FAN_ON_FILESYSTEM)
			return true;
	}
	return !info;
}

/* --- what there should be ----------------------------------------------------------------- */

static const struct coverage_row *wanted_row(const struct outposts *o, const struct outpost *op)
{
	const struct coverage *c = o->m->coverage;

	for (size_t i = 0; i < coverage_n(c); i++) {
		const struct coverage_row *row = coverage_row(c, i);

		if (row->dev == op->dev && outposts_is_remote(row) && is_blocking(o, row) == op->blocking &&
		    strcmp(row->fs_type, op->fs_type) == 0)
			return row;
	}
	return NULL;
}

static void end_unwanted(struct outposts *o)
{
	for (struct outpost *op = o->first; op; op = op->next)
		if (!op->retired && (!wanted_row(o, op) || !has_mark(op)))
			outpost_retire(op, false);
}

/* What hangs keeps its place, and counts against its owner. */
bool outposts_is_full(const struct outposts *o, uid_t owner, char *why, size_t size)
{
	unsigned n = 0, n_users = 0, n_user = 0;

	for (const struct outpost *op = o->first; op; op = op->next) {
		const bool counts = op->retired ? outpost_n_lost(op) > 0 : !op->closed;

		n += counts;
		n_users += counts && op->owner != 0;
		n_user += counts && op->owner == owner;
	}
	if (n >= OUTPOSTS_MAX)
		(void)snprintf(why, size, "%u network and FUSE file systems are watched, and no more",
		               OUTPOSTS_MAX);
	else if (owner != 0 && n_user >= OUTPOSTS_USER_MAX)
		(void)snprintf(why, size, "%u that uid %u has mounted are watched, and no more of one user",
		               OUTPOSTS_USER_MAX, owner);
	else if (owner != 0 && n_users >= OUTPOSTS_USERS_MAX)
		(void)snprintf(why, size, "%u that users have mounted are watched, and no more",
		               OUTPOSTS_USERS_MAX);
	else
		return false;
	return true;
}

static void begin(struct outposts *o, const struct coverage_row *row)
{
	struct outpost *op;
	int r = outpost_new(o, row, is_blocking(o, row), &op);

	if (r < 0) {
		journal_event(o->m->journal, JOURNAL_OUTPOST, LOG_ERR, "%s (%s) is not watched: %s",
		              row->mount_point, row->fs_type, strerror(-r));
		return;
	}
	op->next = o->first;
	o->first = op;
}

static void begin_wanted(struct outposts *o)
{
	const struct coverage *c = o->m->coverage;

	for (size_t i = 0; i < coverage_n(c); i++) {
		const struct coverage_row *row = coverage_row(c, i);

		if (outposts_is_remote(row) && !outposts_find(o, row->dev) &&
		    !outposts_is_full(o, row->owner, o->text, sizeof(o->text)))
			begin(o, row);
	}
}

/* What an open gets, and when, before its line is known; and how long the most patient line waits. */
static void follow_policy(struct outposts *o)
{
	const struct policy *p = o->m->policy;
	const size_t n = policy_n_lines(p);
	const struct policy_line *last = policy_line(p, n - 1);
	const nsec_t timeout = last->timeout ?: o->m->conf.timeout;

	o->longest_timeout = MAX(o->m->conf.timeout, timeout);
	for (size_t i = 0; i < n; i++)
		o->longest_timeout = MAX(o->longest_timeout, policy_line(p, i)->timeout);
	for (struct outpost *op = o->first; op; op = op->next) {
		atomic_store(&op->shared->timeout, timeout);
		atomic_store(&op->shared->late_deny, last->on_error == ON_ERROR_DENY);
	}
}

/* --- looking after them ------------------------------------------------------------------- */

static void tell_of_silence(struct outpost *op, nsec_t now)
{
	const bool silent = outpost_silence(op, now) > OUTPOST_SILENT_NSEC;

	if (silent == op->told_silent || op->retired)
		return;
	op->told_silent = silent;
	journal_event(op->all->m->journal, JOURNAL_OUTPOST, silent ? LOG_WARNING : LOG_NOTICE,
	              silent ? "%s (%s): its server does not answer" : "%s (%s): its server answers again",
	              op->mount_point, op->fs_type);
}

static void look(struct outposts *o)
{
	const nsec_t now = clock_now();
	struct outpost **at = &o->first;

	while (*at) {
		struct outpost *op = *at;

		tell_of_silence(op, now);
		if (outpost_look(op, now)) {
			at = &op->next;
			continue;
		}
		outpost_add_counts(op, &o->past);
		*at = op->next;
		(void)outpost_free(op);
	}
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct outposts *o = userdata;

	look(o);
	if (!o->first)
		return 0; /* outposts_update() has it run again */
	(void)sd_event_source_set_time(source, usec + LOOK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void outposts_update(struct outposts *o)
{
	uint64_t now;

	if (o->left || o->stopped || !o->m->policy)
		return;
	if (o->mode != o->m->mode)
		outposts_forget(o); /* what was to be refused is not any more, or is to be judged for it */
	o->mode = o->m->mode;
	end_unwanted(o);
	begin_wanted(o);
	follow_policy(o);
	look(o);
	if (!o->first)
		return;
	(void)sd_event_now(o->m->event, CLOCK_MONOTONIC, &now);
	(void)sd_event_source_set_time(o->timer, now + LOOK_USEC);
	(void)sd_event_source_set_enabled(o->timer, SD_EVENT_ONESHOT);
}

void outposts_forget(struct outposts *o)
{
	for (struct outpost *op = o->first; op; op = op->next)
		if (!op->retired)
			outpost_forget(op);
}

void outposts_stop(struct outposts *o)
{
	o->stopped = true;
	for (struct outpost *op = o->first; op; op = op->next)
		if (!op->gate_dismissed)
			outpost_retire(op, true);
}

void outposts_leave(struct outposts *o)
{
	o->left = true;
}

bool outposts_has(const struct outposts *o, pid_t pid)
{
	for (unsigned i = 0; o && i < o->n_old; i++)
		if (o->old[i] == pid)
			return true;
	for (const struct outpost *op = o ? o->first : NULL; op; op = op->next) {
		if (op->gate == pid)
			return true;
		for (unsigned i = 0; i < OUTPOST_PLACES; i++)
			if (op->station[i].pid == pid)
				return true;
	}
	return false;
}

/* --- memory ------------------------------------------------------------------------------- */

int outposts_new(struct manager *m, uid_t uid, gid_t gid, struct outposts **ret)
{
	struct outposts *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	*o = (struct outposts){.m = m, .uid = uid, .gid = gid, .program = helper_path("custos-scanner")};
	r = o->program ? sd_event_add_time(m->event, &o->timer, CLOCK_MONOTONIC, 0, 0, on_timer, o) :
	                 -ENOMEM;
	if (r >= 0)
		r = sd_event_source_set_enabled(o->timer, SD_EVENT_OFF);
	if (r < 0) {
		(void)outposts_free(o);
		return r;
	}
	outposts_adopt(o);
	*ret = o;
	return 0;
}

struct outposts *outposts_free(struct outposts *o)
{
	if (!o)
		return NULL;
	while (o->first) {
		struct outpost *op = o->first;

		o->first = op->next;
		(void)outpost_free(op);
	}
	(void)sd_event_source_disable_unref(o->timer);
	free(o->program);
	free(o);
	return NULL;
}
