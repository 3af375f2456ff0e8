/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign: file systems that are mounted in other mount namespaces alone
 *
 * Owns: their marks and rows, and when it is looked. Must not own: descriptors of them beyond a call.
 * Hands off to: foreign-find.c for which namespaces there are; coverage-wish.c for what policy says.
 *
 * A round visits every namespace once, in turns of TURN_NSEC so that the event loop stays alive. The
 * kernel tells of new mounts (Linux 6.15) but not of new namespaces: a cheap number is looked at
 * every TICK_NSEC, and a round follows when it has changed.
 */
#include "daemon/supervisor/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"
#include "custos/mountinfo.h"

#include "daemon/supervisor/coverage.h"
#include "daemon/supervisor/foreign-cover.h"
#include "daemon/supervisor/foreign-find.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/pair.h"

#define TICK_NSEC    (20 * NSEC_PER_MSEC)
#define TURN_NSEC    (20 * NSEC_PER_MSEC)
#define ROUND_NSEC   (5 * NSEC_PER_SEC) /* a round at least so often: what is gone drops out */
#define REST_FACTOR  20                 /* rounds take at most a twentieth of one CPU; */
#define NEWS_FACTOR  4                  /* a fifth, while mounts are being made */
#define OURS_MAX     4                  /* namespaces that are not foreign */
#define TEXT_MAX     (256U * 1024)      /* of one namespace's mountinfo: about 2,000 mounts */

static size_t limit_of(const struct foreign *f)
{
	const struct conf *c = &f->m->conf;

	if (c->n_namespaces != CONF_NAMESPACES_AUTO)
		return c->n_namespaces;
	return c->mounts.n ? 0 : CONF_NAMESPACES_DEFAULT;
}

/* Everything through one descriptor of /proc/PID: a pid may be another process's by the next call. */
static int visit(struct foreign *f, const struct namespace_found *ns)
{
	_cleanup_(fd_closep) int proc = -1, root = -1, info = -1;
	_cleanup_(mount_list_deinit) struct mount_list mounts = {0};
	char path[64];
	struct stat st;
	bool cut = false;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", ns->pid); /* fits */
	/* News first, then the list: what is mounted in between is in one of them. Each time: the next
	 * namespace may have the inode number of one that has gone. */
	if (f->group >= 0)
		(void)mount_group_add(f->group, path); /* fails: rounds find what it would tell */
	(void)snprintf(path, sizeof(path), "/proc/%d", ns->pid); /* fits */
	proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return 0; /* it has ended */
	root = openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	info = openat(proc, "mountinfo", O_RDONLY | O_CLOEXEC);
	if (root < 0 || info < 0 || fstatat(proc, "ns/mnt", &st, 0) < 0 || st.st_ino != ns->ino)
		return 0; /* ended or moved: the next round */
	r = mountinfo_read_max(info, TEXT_MAX, &mounts, &cut);
	f->n_cut += cut;
	return r < 0 ? r : foreign_cover(f, &mounts, root, ns);
}

static void say(struct foreign *f)
{
	char before[REASON_BYTES];

	memcpy(before, f->reason, sizeof(before));
	f->reason[0] = '\0';
	if (f->more)
		(void)snprintf(f->reason, sizeof(f->reason), "more than %zu other mount namespaces: "
		               "Namespaces= sets how many are watched", limit_of(f));
	else if (f->n_cut)
		(void)snprintf(f->reason, sizeof(f->reason), "%zu mount namespaces have more mounts than "
		               "are looked at", f->n_cut);
	else if (f->n_failed)
		(void)snprintf(f->reason, sizeof(f->reason), "%zu file systems of other mount namespaces "
		               "cannot be watched", f->n_failed);
	else if (f->n_unlisted)
		(void)snprintf(f->reason, sizeof(f->reason), "%zu file systems of other mount namespaces "
		               "are watched, but not listed", f->n_unlisted);
	if (strcmp(before, f->reason) == 0)
		return;
	if (f->reason[0])
		journal_event(f->m->journal, JOURNAL_MARK_FAILED, LOG_ERR, "%s", f->reason);
	else
		journal_event(f->m->journal, JOURNAL_RESTORED, LOG_NOTICE,
		              "all file systems of other mount namespaces are watched");
}

static void end_round(struct foreign *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_rows; i++) {
		if (f->rows[i].round == f->round)
			f->rows[n++] = f->rows[i];
		else
			foreign_entry_deinit(&f->rows[i]); /* its mark went with the file system */
	}
	f->n_rows = n;
	free(ptr_take(&f->found));
	f->in_round = false;
	f->round_ended = clock_now();
	say(f);
}

/* The pair sits in a namespace of its own. */
static bool is_in(pid_t pid, uint64_t ino)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid); /* fits */
	return pid > 0 && stat(path, &st) == 0 && st.st_ino == ino;
}

static bool is_ours(const struct foreign *f, uint64_t ino)
{
	return ino == f->own_ino || ino == f->host_ino || is_in(pair_keeper(f->m->pair), ino) ||
	       is_in(pair_scanner(f->m->pair), ino);
}

static int begin_round(struct foreign *f)
{
	const size_t max = limit_of(f);
	ssize_t n;
	size_t kept = 0;

	f->found = calloc(max + OURS_MAX, sizeof(*f->found));
	if (!f->found)
		return -ENOMEM;
	n = max ? namespaces_find(f->found, max + OURS_MAX, &f->more) : 0;
	if (n < 0) {
		free(ptr_take(&f->found));
		return (int)n;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (is_ours(f, f->found[i].ino))
			continue;
		if (kept < max)
			f->found[kept++] = f->found[i];
		else
			f->more = true;
	}
	if (!max)
		f->more = false;
	f->n_found = kept;
	f->next = 0;
	f->round++;
	f->n_unlisted = f->n_cut = f->n_failed = 0;
	f->dirty = f->news = false;
	f->in_round = true;
	f->round_cost = 0;
	f->round_began = clock_now();
	return 0;
}

/* Ours alone: time that others have the CPU is not a cost. */
static nsec_t cpu_time(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (nsec_t)timespec_nsec(&ts);
}

static void take_turn(struct foreign *f)
{
	const nsec_t began = clock_now(), cpu = cpu_time();
	int r = f->in_round ? 0 : begin_round(f);

	while (r == 0 && f->next < f->n_found && clock_now() - began < TURN_NSEC)
		r = visit(f, &f->found[f->next++]);
	if (f->in_round)
		f->round_cost += cpu_time() - cpu;
	if (r < 0)
		f->dirty = true; /* no memory: once more */
	if (f->in_round && (r < 0 || f->next >= f->n_found))
		end_round(f);
}

static void look_for_namespaces(struct foreign *f)
{
	uint64_t stamp;
	nsec_t now = clock_now();

	f->has_stamp = limit_of(f) && namespaces_stamp(f->own, &stamp) == 0;
	if (f->has_stamp && stamp != f->stamp) {
		f->stamp = stamp;
		f->dirty = true;
	}
	/* Without a stamp, or without news of mounts, rounds are how we learn. */
	if (!f->has_stamp || f->group < 0 || now - f->round_began > ROUND_NSEC)
		f->dirty = true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct foreign *f = userdata;
	nsec_t rest;

	(void)usec;
	if (!f->in_round)
		look_for_namespaces(f);
	rest = f->round_cost * (f->news ? NEWS_FACTOR : REST_FACTOR);
	if (f->in_round || (f->dirty && clock_now() >= f->round_ended + rest))
		take_turn(f);
	(void)sd_event_source_set_time(source, (clock_now() + TICK_NSEC) / NSEC_PER_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* At once: the mount is in use already. Which namespace it is in does not matter, all are visited. */
static int on_mounts(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct foreign *f = userdata;
	char buf[4096];

	(void)source;
	(void)revents;
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	f->dirty = f->news = true;
	if (!f->in_round && clock_now() >= f->round_ended + f->round_cost * NEWS_FACTOR)
		take_turn(f);
	return 0;
}

int foreign_new(struct manager *m, struct foreign **ret)
{
	struct foreign *f = calloc(1, sizeof(*f));
	struct stat own, host;
	int r = 0;

	if (!f)
		return -ENOMEM;
	f->m = m;
	f->group = mount_group_new();
	f->own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (f->own < 0 || fstat(f->own, &own) < 0 || coverage_host_namespace(m->coverage, &host) < 0)
		r = -errno;
	if (r == 0) {
		f->own_ino = own.st_ino;
		f->host_ino = host.st_ino;
		*ret = f;
		return 0;
	}
	(void)foreign_free(f);
	return r;
}

struct foreign *foreign_free(struct foreign *f)
{
	if (!f)
		return NULL;
	f->timer = sd_event_source_disable_unref(f->timer);
	f->mounts = sd_event_source_disable_unref(f->mounts);
	for (size_t i = 0; i < f->n_rows; i++)
		foreign_entry_deinit(&f->rows[i]);
	free(f->rows);
	free(f->found);
	(void)fd_close(f->own);
	(void)fd_close(f->group);
	free(f);
	return NULL;
}

void foreign_update(struct foreign *f)
{
	f->revision++;
	f->dirty = true;
	f->round_cost = 0;
	if (f->timer || limit_of(f) == 0)
		return;
	(void)sd_event_add_time(f->m->event, &f->timer, CLOCK_MONOTONIC, 0, 0, on_timer, f);
	if (f->group >= 0)
		(void)sd_event_add_io(f->m->event, &f->mounts, f->group, EPOLLIN, on_mounts, f);
}

size_t foreign_max(const struct foreign *f)
{
	return limit_of(f);
}

size_t foreign_n(const struct foreign *f)
{
	return f ? f->n_rows : 0;
}

const struct coverage_row *foreign_row(const struct foreign *f, size_t i)
{
	return &f->rows[i].row;
}

const struct coverage_row *foreign_find(const struct foreign *f, dev_t dev)
{
	for (size_t i = 0; i < foreign_n(f); i++)
		if (f->rows[i].row.dev == dev)
			return &f->rows[i].row;
	return NULL;
}

const char *foreign_reason(const struct foreign *f)
{
	return f && f->reason[0] ? f->reason : NULL;
}
