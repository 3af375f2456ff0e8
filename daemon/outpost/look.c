/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look: one file from its line to its decision and record
 *
 * Owns: the sighting it was handed. Must not own: events and answers (lookout.c), what policy says (policy_match(),
 * decide()), how bytes are judged (engine).
 *
 * Who opened is not known here: the supervisor's broker serves the pair alone. So lines that ask for it do not match.
 */
#include "daemon/outpost/outpost.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "custos/chan.h"
#include "custos/clock.h"
#include "custos/unpack.h"

#include <sys/socket.h>

/* The kernel's own idea of the name. */
static void learn_path(struct lookout *l, struct sighting *s)
{
	static const char deleted[] = " (deleted)";
	const size_t tail = sizeof(deleted) - 1;
	char name[12];
	ssize_t n;

	(void)snprintf(name, sizeof(name), "%d", s->fd); /* fits: an int has at most 11 characters */
	n = readlinkat(OUTPOST_NAMES, name, l->path, sizeof(l->path) - 1);
	s->path_len = (size_t)MAX(n, 0);
	if (s->path_len > tail && memcmp(l->path + s->path_len - tail, deleted, tail) == 0)
		s->path_len -= tail;
	l->path[s->path_len] = '\0';
}

static struct policy_query query_of(const struct lookout *l, const struct sighting *s, const char *const *point)
{
	return (struct policy_query){
		.known = POLICY_FACT_PATH | POLICY_FACT_MOUNT | POLICY_FACT_SUBJECT,
		.watched = true,
		.event = s->mask & FAN_OPEN_EXEC_PERM ? POLICY_EXEC : POLICY_OPEN,
		.size_bytes = (uint64_t)s->st.st_size,
		.owner = s->st.st_uid,
		.path = l->path,
		.dev = l->op->shared->dev,
		.fs_type = l->op->shared->fs_type,
		.mount_points = point,
		.n_mount_points = 1,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.exe = "",
		.unit = "",
		.slice = "",
		.cgroup = "",
	};
}

static void find_line(struct lookout *l, struct sighting *s)
{
	const char *const point = l->op->shared->mount_point;
	const struct policy_query q = query_of(l, s, &point);

	/* Never asks: all is known, as far as it can be. */
	(void)policy_match(l->op->generation.policy, &q, (int64_t)(s->wall_usec / USEC_PER_SEC),
	                   &s->line);
}

void look_begin(struct lookout *l, struct sighting *s)
{
	s->error = fstat(s->fd, &s->st) < 0 ? -errno : 0;
	learn_path(l, s);
	find_line(l, s);
}

static bool is_known(void *userdata, const uint8_t *sha256, uint64_t size_bytes)
{
	const struct lookout *l = userdata;

	return l->known && known_has(l->known, sha256, size_bytes);
}

static bool opens_archives(const struct lookout *l, const struct sighting *s)
{
	return l->op->shared->blocking ? s->line->archives == ARCHIVES_YES :
	                                 s->line->archives != ARCHIVES_NO;
}

static void scan(struct lookout *l, struct sighting *s)
{
	const struct settings *settings = &l->op->generation.settings;
	struct engine_digests digests;
	const struct engine_input in = {
		.fd = s->fd,
		.st = &s->st,
		.max_size_bytes = s->line->max_size_bytes ?: settings->max_file_size_bytes,
		.deadline = s->deadline,
		.path = l->path,
		.keep_bytes = opens_archives(l, s),
		.ret_digests = &digests,
		.known_clean = is_known,
		.userdata = l,
	};
	struct finding *f = &s->finding;

	engine_scan(l->engine, &in, f);
	if (l->known && f->verdict == VERDICT_CLEAN && f->reason == REASON_NONE && !f->partial &&
	    !f->windows && f->has_sha256)
		known_add(l->known, f->sha256, f->size_bytes);
	if (in.keep_bytes)
		unpack_judge(l->archives, l->payloads, l->engine, &in, &l->op->stop, f);
}

void look_judge(struct lookout *l, struct sighting *s)
{
	const enum mode mode = (enum mode)atomic_load(&l->op->shared->mode);

	if (!s->line || s->line->action != POLICY_SCAN)
		s->finding = (struct finding){.verdict = VERDICT_UNKNOWN, .reason = REASON_POLICY};
	else if (s->error)
		s->finding = (struct finding){.verdict = VERDICT_ERROR, .reason = REASON_IO};
	else
		scan(l, s);
	s->decision = decide(s->line, &s->finding, mode, l->path);
	/* It stays where it is: whoever moves it would wait for the server. */
	if (s->decision.action == RECORD_QUARANTINE)
		s->decision.action = RECORD_DENY;
	outpost_count(l->op->shared, OUTPOST_JUDGED);
	if (s->finding.verdict == VERDICT_MALICIOUS)
		outpost_count(l->op->shared, OUTPOST_FOUND);
	else if (s->finding.reason == REASON_IO)
		outpost_count(l->op->shared, OUTPOST_UNREADABLE);
}

/* The mark is on the file, whatever it will be called: under another name another line may have it judged, and a rule may
 * match that asks for the name. */
bool look_is_settled(const struct lookout *l, const struct sighting *s)
{
	const struct generation *g = &l->op->generation;
	const char *const point = l->op->shared->mount_point;
	struct policy_query q = query_of(l, s, &point);

	q.known = POLICY_FACT_MOUNT;
	return s->finding.verdict == VERDICT_CLEAN && !s->finding.partial && l->known &&
	       (opens_archives(l, s) || !l->opens_archives) &&
	       policy_silent(g->policy, &q, g->settings.max_file_size_bytes);
}

static void make_record(struct lookout *l, const struct sighting *s)
{
	const struct finding *f = &s->finding;
	struct record *r = &l->record;

	memset(r, 0, offsetof(struct record, path));
	r->wall_usec = s->wall_usec;
	r->spent_nsec = clock_now() - s->read_at;
	r->dev = l->op->shared->dev;
	r->ino = s->st.st_ino;
	r->size_bytes = (uint64_t)s->st.st_size;
	r->mtime_nsec = timespec_nsec(&s->st.st_mtim);
	r->pid = (uint32_t)s->pid;
	r->event = s->mask & FAN_CLOSE_WRITE    ? POLICY_WRITE_CLOSE :
	           s->mask & FAN_OPEN_EXEC_PERM ? POLICY_EXEC :
	                                          POLICY_OPEN;
	r->action = s->decision.action;
	r->flags = s->decision.flags | (f->partial ? RECORD_PARTIAL : 0) |
	           (f->windows ? RECORD_WINDOWS : 0) | (f->has_sha256 ? RECORD_SHA256 : 0);
	r->verdict = f->verdict;
	r->reason = f->reason;
	r->policy_index = s->line ? s->line->index : RECORD_POLICY_NONE;
	r->generation = l->op->generation.number;
	r->weight = 1;
	r->member = f->member;
	memcpy(r->sha256, f->sha256, sizeof(r->sha256));
	r->match = f->match;
	r->path_len = (uint32_t)s->path_len;
	memcpy(r->path, l->path, s->path_len + 1);
}

void look_report(struct lookout *l, const struct sighting *s, bool late)
{
	if (!(s->decision.flags & RECORD_LOGGED))
		return;
	make_record(l, s);
	if (late)
		l->record.flags |= RECORD_LATE;
	if (chan_send(OUTPOST_CONTROL, &l->record, offsetof(struct record, path) + s->path_len + 1,
	              NULL, 0, MSG_DONTWAIT) < 0)
		outpost_count(l->op->shared, OUTPOST_UNTOLD);
}
