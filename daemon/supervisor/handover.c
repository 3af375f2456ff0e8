/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handover
 *
 * Owns: the FIFO in the runtime directory, and knowing whether a pair of an earlier custosd still runs.
 * Must not own: either pair.
 *
 * A pair outlives its supervisor and goes on answering. The next custosd makes a group, marks and a pair of its
 * own; for a moment each open is asked about twice. Only then the old pair is told to finish: what it
 * leaves unread was opened after the new marks were set, so the new pair is asked as well (docs/adr/0035).
 *
 * The two meet at a FIFO: every process of a pair holds it open, for reading too. Opened for writing alone it tells
 * whether there is any (ENXIO: none), what is written there reaches all of them, and the last one's end is an
 * error on our side. No pid is stored that could be somebody else's by then.
 *
 * Its times tell when custosd was last alive, by the clock that counts from boot: when nobody is left who could
 * hand over, opens have passed unjudged since then. An orderly end sets them to 0.
 */
#include "daemon/supervisor/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/clock.h"

#include "daemon/shared.h"
#include "daemon/supervisor/journal.h"
#include "daemon/supervisor/outposts.h"
#include "daemon/supervisor/pid-walk.h"

#define BURY_USEC        (100 * 1000)
#define BURY_LOOKS_AFTER 10
#define BEAT_USEC        USEC_PER_SEC
#define ROUSE_NSEC       NSEC_PER_SEC
/* All processes are looked at, and a user can have very many: not at once. */
#define TURN_NSEC        (5 * NSEC_PER_MSEC)
#define TICK_USEC        (20 * 1000)
/* Longer than any deadline of theirs, and what they take to see that. */
#define KILL_NSEC        (75 * NSEC_PER_SEC)

struct handover {
	struct manager *m;
	uid_t uid;                  /* of every pair's processes, and of nobody else's */
	int fifo;                   /* ours: for both, so that readers never see the end of it while we live */
	int heir;                   /* for the pair: for reading alone, the seal lets nothing out */
	int predecessor;            /* writing end of the one before; -1: nobody is there */
	char *path, *new_path;
	sd_event_source *gone, *bury, *beat;
	nsec_t last_beat;           /* of the one before, CLOCK_BOOTTIME; 0: it ended as it should, or there was none */
	usec_t gap;                 /* how long nobody answered before us, at most */
	unsigned n_looks;           /* since it has gone */
	nsec_t told, roused;        /* when it was told to finish; when a round of telling its processes to go on began */
	struct pid_walk walk;       /* that round */
};

static nsec_t boot_time(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	return (nsec_t)timespec_nsec(&ts);
}

static void set_times(const struct handover *h, nsec_t when)
{
	const struct timespec ts = {.tv_sec = (time_t)(when / NSEC_PER_SEC),
	                            .tv_nsec = (long)(when % NSEC_PER_SEC)};
	const struct timespec times[2] = {ts, ts};

	(void)futimens(h->fifo, times); /* without it a gap is told too long */
}

static int on_beat(sd_event_source *source, uint64_t usec, void *userdata)
{
	set_times(userdata, boot_time());
	(void)sd_event_source_set_time(source, usec + BEAT_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Before it is opened: without a reader it cannot be. */
static nsec_t read_last_beat(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISFIFO(st.st_mode) || st.st_uid != geteuid())
		return 0;
	return (nsec_t)timespec_nsec(&st.st_mtim);
}

/* Only one that root made: the runtime directory is ours, but it may be a test's. */
static int open_predecessor(const char *path)
{
	_cleanup_(fd_closep) int fd =
		open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) || st.st_uid != geteuid())
		return -1; /* ENXIO: left behind by a pair that is gone */
	return fd_take(&fd);
}

int handover_new(struct manager *m, uid_t uid, struct handover **ret)
{
	struct handover *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	*h = (struct handover){.m = m, .uid = uid, .fifo = -1, .heir = -1, .predecessor = -1};
	*ret = h;
	if (asprintf(&h->path, "%s/handover", m->runtime_dir) < 0)
		h->path = NULL;
	if (asprintf(&h->new_path, "%s/.handover.%d", m->runtime_dir, getpid()) < 0)
		h->new_path = NULL;
	if (!h->path || !h->new_path)
		return -ENOMEM;
	h->last_beat = read_last_beat(h->path);
	h->predecessor = open_predecessor(h->path);
	if (unlink(h->new_path) < 0 && errno != ENOENT)
		return -errno;
	if (mkfifo(h->new_path, 0600) < 0)
		return -errno;
	h->fifo = open(h->new_path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	h->heir = open(h->new_path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	return h->fifo < 0 || h->heir < 0 ? -errno : 0;
}

struct handover *handover_free(struct handover *h)
{
	if (!h)
		return NULL;
	h->gone = sd_event_source_disable_unref(h->gone);
	h->bury = sd_event_source_disable_unref(h->bury);
	h->beat = sd_event_source_disable_unref(h->beat);
	pid_walk_end(&h->walk);
	if (h->new_path)
		(void)unlink(h->new_path); /* ENOENT: it was announced */
	(void)fd_close(h->fifo);
	(void)fd_close(h->heir);
	(void)fd_close(h->predecessor);
	free(h->path);
	free(h->new_path);
	free(h);
	return NULL;
}

int handover_fd(const struct handover *h)
{
	return h->heir;
}

/* Had the custosd before been this very process (renew.c), its children were ours. Those we started ourselves are
 * waited for by the event loop. */
static void bury_strangers(const struct manager *m)
{
	siginfo_t si = {0};

	while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid > 0) {
		for (unsigned i = 0; i < OWN_PIDS_MAX; i++)
			if (atomic_load(&m->shared->own_pids[i]) == (uint32_t)si.si_pid)
				return;
		if (outposts_has(m->outposts, si.si_pid))
			return;
		(void)waitpid(si.si_pid, NULL, WNOHANG);
		si.si_pid = 0;
	}
}

static bool has_uid(pid_t pid, uid_t uid)
{
	char path[64], status[1024];
	_cleanup_(fd_closep) int fd = -1;
	const char *line;
	unsigned found;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid); /* fits */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, status, sizeof(status) - 1);
	status[MAX(n, 0)] = '\0';
	line = strstr(status, "\nUid:");
	return line && sscanf(line, "\nUid: %u", &found) == 1 && found == uid;
}

/* Does @pid hold the FIFO of the one before, where every process of a pair has it? Of others nothing is looked at: a file of
 * theirs may be of a server that does not answer. */
static bool is_of_predecessor(const struct handover *h, pid_t pid)
{
	struct stat theirs, it;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, FD_HEIR); /* fits */
	return has_uid(pid, h->uid) && fstat(h->predecessor, &it) == 0 && stat(path, &theirs) == 0 && theirs.st_dev == it.st_dev &&
	       theirs.st_ino == it.st_ino;
}

/* By descriptor: the number may be somebody else's a moment later. */
static void signal_one(const struct handover *h, pid_t pid, int sig)
{
	_cleanup_(fd_closep) int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0 && is_of_predecessor(h, pid))
		(void)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

static void see_to(void *userdata, pid_t pid)
{
	const struct handover *h = userdata;

	if (pid > 1 && is_of_predecessor(h, pid))
		signal_one(h, pid, clock_now() - h->told > KILL_NSEC ? SIGKILL : SIGCONT);
}

/* A process of the pair before that is stopped would keep the group, and all who wait for it, for ever: it is told to go
 * on. One that does not end although every deadline is over is ended. */
static void see_to_predecessor(struct handover *h)
{
	const nsec_t now = clock_now();

	if (h->predecessor < 0) {
		pid_walk_end(&h->walk);
		return;
	}
	if (!h->walk.proc && now - h->roused < ROUSE_NSEC)
		return;
	if (!h->walk.proc)
		h->roused = now;
	(void)pid_walk_turn(&h->walk, TURN_NSEC, see_to, h);
}

/* Until the last one, which closes the FIFO before it can be waited for. */
static int on_bury(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct handover *h = userdata;

	bury_strangers(h->m);
	see_to_predecessor(h);
	if (h->predecessor < 0 && h->n_looks++ >= BURY_LOOKS_AFTER) {
		h->bury = sd_event_source_disable_unref(h->bury);
		return 0;
	}
	if (h->walk.proc) /* @usec is when it was to be: turns that are late are not made up for */
		(void)sd_event_now(h->m->event, CLOCK_MONOTONIC, &usec);
	(void)sd_event_source_set_time(source, usec + (h->walk.proc ? TICK_USEC : BURY_USEC));
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct handover *h = userdata;

	(void)fd;
	if (!(revents & (EPOLLERR | EPOLLHUP)))
		return 0;
	h->gone = sd_event_source_disable_unref(source);
	h->predecessor = fd_close(h->predecessor);
	journal_event(h->m->journal, JOURNAL_RESTORED, LOG_NOTICE,
	              "the scanner pair of the custosd before has handed over");
	return 0;
}

/* Nobody was left: since when? A time from after now is of an earlier boot, or no beat of ours. */
static void tell_gap(struct handover *h)
{
	const nsec_t now = boot_time();

	if (h->last_beat == 0 || h->last_beat > now)
		return;
	h->gap = (now - h->last_beat) / NSEC_PER_USEC;
	journal_event(h->m->journal, JOURNAL_GAP, LOG_ERR,
	              "opens were not judged for up to %.1f s: custosd and all that answered for it had ended "
	              "without handing over", (double)h->gap / USEC_PER_SEC);
}

int handover_announce(struct handover *h)
{
	uint64_t now;
	int r;

	set_times(h, boot_time());
	if (rename(h->new_path, h->path) < 0)
		return -errno;
	(void)sd_event_now(h->m->event, CLOCK_MONOTONIC, &now);
	r = sd_event_add_time(h->m->event, &h->beat, CLOCK_MONOTONIC, now + BEAT_USEC, 0, on_beat, h);
	if (r < 0)
		return r;
	if (h->predecessor < 0) {
		tell_gap(h);
		return 0;
	}
	/* They look at whether there is something to read, and nobody reads it. */
	if (write(h->predecessor, "", 1) < 0 && errno == EPIPE) {
		h->predecessor = fd_close(h->predecessor);
		return 0;
	}
	h->told = clock_now();
	r = sd_event_add_io(h->m->event, &h->gone, h->predecessor, 0, on_gone, h);
	return r < 0 ? r : sd_event_add_time(h->m->event, &h->bury, CLOCK_MONOTONIC, now, 1, on_bury, h);
}

bool handover_pending(const struct handover *h)
{
	return h->predecessor >= 0;
}

void handover_end(struct handover *h)
{
	h->beat = sd_event_source_disable_unref(h->beat);
	set_times(h, 0);
}

usec_t handover_gap(const struct handover *h)
{
	return h->gap;
}
