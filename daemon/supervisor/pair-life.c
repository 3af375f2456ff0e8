/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pair: its processes
 *
 * Owns: keeper and anchor, their sockets, and starting another when one dies.
 * Must not own: what is said to them (pair.c), what a dead keeper leaves behind
 * (remains.c).
 *
 * Keeper, anchor and scanner share one descriptor table, and with it the files that
 * openers wait for (docs/adr/0034). As long as keeper or anchor lives the table does,
 * and whoever lives clones the other; the scanner goes on reading meanwhile, if it
 * lives. Only when both are gone another table must be made. Two tables must not read
 * one group (I1): the scanner, if it lives, finishes what it has read and ends before
 * the new pair starts; events meanwhile stay in the kernel's queue. If it died as well,
 * events that had been read are answered here by number ("sweep"), as on-error says:
 * nobody has the files any more.
 */
#include "daemon/supervisor/pair-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/chan.h"
#include "custos/cleanup.h"
#include "custos/clock.h"

#include "daemon/supervisor/spawn.h"

#define REAP_USEC        (2 * 1000) /* how often we look whether a lost pair's scanner is gone */
/* After so many keepers in a row that ended so soon after their start, the next one is
 * not started at once. */
#define QUICK_END_NSEC   (1 * NSEC_PER_SEC)
#define QUICK_ENDS_MAX   4
#define QUICK_PAUSE_USEC (250 * 1000)
/* To clone a keeper takes an anchor less than a millisecond; one that does not is
 * stopped, or worse. */
#define ANCHOR_PATIENCE_USEC USEC_PER_SEC
/* A keeper looks around four times a second. One that has not for so long is stopped, or worse. */
#define KEEPER_SILENCE_NSEC (5 * NSEC_PER_SEC)
#define KEEPER_LOOK_USEC    (500 * 1000)
/* But one that was executed has its libraries to load first, 48 MB of files with what libarchive brings along, from a disk
 * that may be busy with a boot. Another would take as long. Well within TimeoutStartSec= of the unit. */
#define KEEPER_START_NSEC   (30 * NSEC_PER_SEC)

static int on_keeper_exit(sd_event_source *source, const siginfo_t *si, void *userdata);
static int on_anchor_exit(sd_event_source *source, const siginfo_t *si, void *userdata);

static void set_own(struct pair *p, enum own_pid which, pid_t pid)
{
	atomic_store(&p->m->shared->own_pids[which], (uint32_t)pid);
}

static void close_keeper(struct pair *p)
{
	p->io = sd_event_source_disable_unref(p->io);
	p->control = fd_close(p->control);
}

static void close_anchor(struct pair *p)
{
	p->anchor_io = sd_event_source_disable_unref(p->anchor_io);
	p->anchor_fd = fd_close(p->anchor_fd);
}

static int set_timer(struct pair *p, uint64_t usec, sd_event_time_handler_t fn)
{
	uint64_t now;

	p->timer = sd_event_source_disable_unref(p->timer);
	(void)sd_event_now(p->m->event, CLOCK_MONOTONIC, &now);
	return sd_event_add_time(p->m->event, &p->timer, CLOCK_MONOTONIC, now + usec, 1,
	                         fn, p);
}

/* One end for us, watched; the other is *@ret_theirs. */
static int open_channel(struct pair *p, int *ours, sd_event_source **io,
                        int *ret_theirs)
{
	int pair[2], r = chan_pair(pair);

	if (r < 0)
		return r;
	*ours = pair[0];
	*ret_theirs = pair[1];
	return sd_event_add_io(p->m->event, io, pair[0], EPOLLIN, pair_on_message, p);
}

/* --- the keeper watches the scanner; we watch the keeper --------------------------------- */

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pair *p = userdata;
	const nsec_t now = clock_now(), beat = atomic_load(&p->m->shared->keeper_beat);
	const nsec_t patience = p->executed && beat == p->started_at ? KEEPER_START_NSEC : KEEPER_SILENCE_NSEC;

	/* We may have been stopped as well; then it shall have its time to say something first. */
	if (now > p->looked_at + KEEPER_SILENCE_NSEC)
		p->awake_since = now;
	if (p->keeper && !p->stopping && now > MAX(beat, p->awake_since) + patience)
		(void)kill(p->keeper, SIGKILL); /* the anchor clones another */
	p->looked_at = now;
	(void)sd_event_source_set_time(source, usec + KEEPER_LOOK_USEC);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int begin_looking(struct pair *p)
{
	uint64_t now;

	if (p->look)
		return 0;
	p->looked_at = clock_now();
	(void)sd_event_now(p->m->event, CLOCK_MONOTONIC, &now);
	return sd_event_add_time(p->m->event, &p->look, CLOCK_MONOTONIC, now + KEEPER_LOOK_USEC, 1,
	                         on_look, p);
}

/* --- one clones the other ------------------------------------------------------------- */

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pair *p = userdata;

	(void)source;
	(void)usec;
	if (!p->keeper && p->anchor)
		(void)kill(p->anchor, SIGKILL); /* its end leads on */
	return 0;
}

static int order_keeper(struct pair *p)
{
	struct message msg = {.type = MSG_START_KEEPER};
	int theirs = -1, r;

	remains_watch(&p->remains);
	remains_heirs(&p->remains, &msg);
	r = open_channel(p, &p->control, &p->io, &theirs);
	if (r >= 0)
		r = chan_send(p->anchor_fd, &msg, sizeof(msg), &theirs, 1,
		              MSG_DONTWAIT);
	(void)fd_close(theirs);
	if (r >= 0)
		r = set_timer(p, ANCHOR_PATIENCE_USEC, on_patience);
	if (r >= 0)
		(void)kill(p->anchor, SIGCONT); /* killing one that was stopped would lose the files */
	if (r < 0)
		close_keeper(p);
	return r < 0 ? r : 0;
}

static void order_anchor(struct pair *p)
{
	const struct message msg = {.type = MSG_START_ANCHOR};
	int theirs = -1, r = open_channel(p, &p->anchor_fd, &p->anchor_io, &theirs);

	if (r >= 0)
		r = chan_send(p->control, &msg, sizeof(msg), &theirs, 1, MSG_DONTWAIT);
	(void)fd_close(theirs);
	if (r < 0)
		close_anchor(p); /* a keeper without an anchor: it protects as well, but must not die */
}

/* Names of open files are read in the anchor's /proc entry: it outlives keepers. */
static void give_names(struct pair *p)
{
	const struct message msg = {.type = MSG_NAMES};
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", p->anchor); /* fits */
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)chan_send(p->control, &msg, sizeof(msg), &fd, 1, MSG_DONTWAIT);
	(void)fd_close(fd); /* it is gone again: the next one's entry will do */
}

void pair_anchor_started(struct pair *p, pid_t pid)
{
	if (p->anchor || !remains_is_new_child(&p->remains, pid) ||
	    sd_event_add_child(p->m->event, &p->anchor_child, pid, WEXITED,
	                       on_anchor_exit, p) < 0)
		return;
	p->anchor = pid;
	set_own(p, OWN_ANCHOR, pid);
	give_names(p);
}

/* @executed: it starts as a program, not as the copy of one that runs. */
static int watch_keeper(struct pair *p, pid_t pid, bool executed)
{
	p->keeper = pid;
	p->executed = executed;
	p->started_at = clock_now();
	set_own(p, OWN_KEEPER, pid);
	atomic_store(&p->m->shared->keeper_beat, p->started_at);
	return sd_event_add_child(p->m->event, &p->child, pid, WEXITED, on_keeper_exit,
	                          p);
}

void pair_keeper_started(struct pair *p, pid_t pid)
{
	if (p->keeper || !remains_is_new_child(&p->remains, pid))
		return; /* patience with the anchor ends */
	p->timer = sd_event_source_disable_unref(p->timer);
	if (watch_keeper(p, pid, false) < 0 || pair_send_loads(p) < 0)
		(void)kill(pid, SIGKILL); /* its end leads on */
}

/* --- neither is left ------------------------------------------------------------------ */

static int on_reap_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct pair *p = userdata;
	int r;

	if (!remains_done(&p->remains, p->lost_at)) {
		(void)sd_event_source_set_time(source, usec + REAP_USEC);
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	remains_abandon(&p->remains);
	remains_sweep(&p->remains);
	slots_init(shared_slots(p->m->shared), N_SLOTS);
	r = pair_start(p);
	if (r < 0) { /* out of memory or processes: openers wait, we try again */
		(void)sd_event_source_set_time(source, usec + USEC_PER_SEC / 10);
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	return 0;
}

static int begin_anew(struct pair *p)
{
	p->listener->closing(p->m);
	close_keeper(p);
	close_anchor(p);
	p->requests = fd_close(p->requests);
	remains_watch(&p->remains);
	remains_dismiss(&p->remains);
	p->lost_at = clock_now();
	return set_timer(p, 0, on_reap_timer);
}

/* --- somebody has ended --------------------------------------------------------------- */

static int find_keeper(struct pair *p)
{
	if (p->anchor && order_keeper(p) == 0)
		return 0;
	if (p->anchor) {
		(void)kill(p->anchor, SIGKILL); /* its end leads on */
		return 0;
	}
	return begin_anew(p);
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return find_keeper(userdata);
}

static int on_keeper_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct pair *p = userdata;

	(void)si;
	p->child = sd_event_source_disable_unref(source);
	set_own(p, OWN_KEEPER, 0);
	p->keeper = 0;
	p->ready = false;
	if (p->io)
		(void)pair_on_message(p->io, p->control, 0, p); /* its last words */
	close_keeper(p);
	if (p->stopping) {
		pair_stop_alone(p);
		return 0;
	}
	p->listener->lost(p->m);
	p->n_quick_ends =
		clock_now() - p->started_at < QUICK_END_NSEC ? p->n_quick_ends + 1 : 0;
	if (p->n_quick_ends >= QUICK_ENDS_MAX)
		return set_timer(p, QUICK_PAUSE_USEC, on_pause_over);
	return find_keeper(p);
}

static int on_anchor_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct pair *p = userdata;

	(void)si;
	p->anchor_child = sd_event_source_disable_unref(source);
	set_own(p, OWN_ANCHOR, 0);
	p->anchor = 0;
	if (p->anchor_io)
		(void)pair_on_message(p->anchor_io, p->anchor_fd, 0,
		                      p); /* a keeper it has started */
	close_anchor(p);
	if (p->stopping)
		return 0;
	if (p->keeper)
		order_anchor(p);
	else
		return find_keeper(p);
	return 0;
}

void pair_stop_alone(struct pair *p)
{
	remains_watch(&p->remains);
	remains_dismiss(&p->remains);
	/* A lost scanner may keep the group alive: closing it would answer nobody. */
	remains_sweep(&p->remains);
	remains_answer_queue(&p->remains);
	p->listener->stopped(p->m);
}

/* --- the first ------------------------------------------------------------------------ */

static pid_t start_keeper(struct pair *p, int control, int requests, int anchor)
{
	char uid[16], gid[16];
	char *argv[] = {p->program, uid, gid, NULL};
	const struct spawn_fd fds[] = {
		{p->fds.group, FD_GROUP},
		{p->fds.guard, FD_GUARD},
		{p->fds.shared, FD_SHARED},
		{control, FD_CONTROL},
		{requests, FD_REQUESTS},
		{p->fds.facts_kick, FD_FACTS_KICK},
		{p->fds.audit_kick, FD_AUDIT_KICK},
		{p->fds.hold_kick, FD_HOLD_KICK},
		{anchor, FD_ANCHOR},
		{p->fds.heir, FD_HEIR},
	};

	(void)snprintf(uid, sizeof(uid), "%u", p->uid); /* fits */
	(void)snprintf(gid, sizeof(gid), "%u", p->gid);
	return spawn(p->program, argv, fds, ARRAY_SIZE(fds),
	             &p->m->shared->own_pids[OWN_KEEPER]);
}

int pair_start(struct pair *p)
{
	int requests[2] = {-1, -1}, control = -1, anchor = -1;
	pid_t pid = 0;
	int r = chan_pair(requests);

	p->requests = requests[0];
	if (r >= 0)
		r = open_channel(p, &p->control, &p->io, &control);
	if (r >= 0)
		r = open_channel(p, &p->anchor_fd, &p->anchor_io, &anchor);
	if (r >= 0)
		r = pid = start_keeper(p, control, requests[1], anchor);
	(void)fd_close(control);
	(void)fd_close(requests[1]);
	(void)fd_close(anchor);
	if (r >= 0)
		r = watch_keeper(p, pid, true);
	if (r >= 0)
		r = begin_looking(p);
	if (r >= 0)
		return pair_send_loads(p);
	close_keeper(p);
	close_anchor(p);
	p->requests = fd_close(p->requests);
	return r;
}

static void end_child(pid_t pid)
{
	if (pid == 0)
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

void pair_close(struct pair *p)
{
	p->child = sd_event_source_disable_unref(p->child);
	p->anchor_child = sd_event_source_disable_unref(p->anchor_child);
	p->timer = sd_event_source_disable_unref(p->timer);
	p->look = sd_event_source_disable_unref(p->look);
	close_keeper(p);
	close_anchor(p);
	p->requests = fd_close(p->requests);
	if (p->left)
		return;
	end_child(p->keeper);
	end_child(p->anchor);
	remains_end(&p->remains); /* those that the keeper had: they outlive it */
}
