/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pair
 *
 * Owns: the keeper process, its control socket, and starting another when it dies.
 * Must not own: what a generation contains (loader), what a dead keeper leaves behind (remains.c).
 *
 * When the keeper dies its scanner finishes what it has read and ends (watch_parent()). Only then may
 * another descriptor table read the group (I1), so the new keeper waits for that; events meanwhile
 * stay in the kernel's queue. If both died, events they had read are answered here by number
 * ("sweep"), as on-error says: nobody has the files any more.
 */
#include "daemon/supervisor/pair.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/chan.h"
#include "custos/cleanup.h"
#include "custos/clock.h"

#include "daemon/supervisor/remains.h"
#include "daemon/supervisor/spawn.h"

#define REAP_USEC    (2 * 1000) /* how often we look whether a lost pair's scanner is gone */
/* A keeper that ends sooner than this after its start is not started again at once. */
#define KEEPER_QUICK_NSEC (1 * NSEC_PER_SEC)
#define KEEPER_PAUSE_USEC (250 * 1000)
#define OWN_PID_KEEPER 1 /* index into own_pids; 0 is the supervisor */

/* A generation as it is handed over. */
struct load {
	uint32_t generation; /* 0: none */
	struct settings settings;
	int rules_fd, policy_fd;
};

static const struct load no_load = {.rules_fd = -1, .policy_fd = -1};

struct pair {
	struct manager *m;
	struct pair_fds fds;
	uid_t uid;
	gid_t gid;
	const struct pair_listener *listener;
	char *program;
	pid_t keeper;                   /* 0: none */
	struct remains remains;
	unsigned restarts;
	int control, requests;          /* our ends; -1 */
	sd_event_source *io, *child, *timer;
	nsec_t lost_at, started_at;
	bool stopping, ready;
	struct load current;            /* in force; the next keeper starts with it */
	struct load offered;            /* sent, not answered yet */
};

static void load_drop(struct load *l)
{
	(void)fd_close(l->rules_fd);
	(void)fd_close(l->policy_fd);
	*l = no_load;
}

static void on_message(struct pair *p, const struct message *msg)
{
	switch (msg->type) {
	case MSG_SCANNER_STARTED:
		remains_started(&p->remains, msg->pid);
		break;
	case MSG_SCANNER_ENDED:
		remains_ended(&p->remains, msg->pid);
		break;
	case MSG_SCANNER_DIED:
		p->restarts++;
		if (msg->lost)
			remains_lost(&p->remains, msg->pid);
		p->listener->scanner_died(p->m, msg);
		break;
	case MSG_LOADED:
		p->ready = true;
		if (p->offered.generation == msg->generation) {
			load_drop(&p->current);
			p->current = p->offered;
			p->offered = no_load;
		}
		p->listener->loaded(p->m, msg->generation, NULL);
		break;
	case MSG_LOAD_FAILED:
		/* The generation in force, in a new keeper: short of memory, perhaps. Nobody reads
		 * now, so try again with another; its end starts it, after a pause. */
		if (p->current.generation == msg->generation &&
		    p->offered.generation != msg->generation && p->keeper > 0)
			(void)kill(p->keeper, SIGKILL);
		if (p->offered.generation == msg->generation)
			load_drop(&p->offered);
		p->listener->loaded(p->m, msg->generation, msg->text);
		break;
	default:
		break; /* not in our vocabulary: nothing to act on */
	}
}

static int on_control(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct pair *p = userdata;
	struct message msg;
	int fds[CHAN_FDS_MAX];
	ssize_t n;

	(void)source;
	(void)revents;
	while ((n = chan_recv(fd, &msg, sizeof(msg), fds, MSG_DONTWAIT)) > 0) {
		for (unsigned i = 0; i < CHAN_FDS_MAX; i++)
			(void)fd_close(fds[i]); /* it has none to give */
		if (n != sizeof(msg))
			continue;
		msg.text[sizeof(msg.text) - 1] = '\0';
		on_message(p, &msg);
	}
	if (n == 0) /* the child's exit tells the rest */
		(void)sd_event_source_set_enabled(p->io, SD_EVENT_OFF);
	return 0;
}

static void close_channels(struct pair *p)
{
	p->io = sd_event_source_disable_unref(p->io);
	p->control = fd_close(p->control);
	p->requests = fd_close(p->requests);
}

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

static int on_keeper_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct pair *p = userdata;
	uint64_t now;
	bool quick;

	(void)si;
	p->child = sd_event_source_disable_unref(source);
	atomic_store(&p->m->shared->own_pids[OWN_PID_KEEPER], 0);
	p->keeper = 0;
	p->ready = false;
	if (p->io)
		(void)on_control(p->io, p->control, 0, p); /* its last words */
	p->listener->closing(p->m);
	close_channels(p);
	if (p->stopping) {
		/* A lost scanner may keep the group alive: closing it would answer nobody. */
		remains_sweep(&p->remains);
		remains_answer_queue(&p->remains);
		p->listener->stopped(p->m);
		return 0;
	}
	p->lost_at = clock_now();
	quick = p->lost_at - p->started_at < KEEPER_QUICK_NSEC;
	p->listener->lost(p->m);
	p->timer = sd_event_source_disable_unref(p->timer);
	(void)sd_event_now(p->m->event, CLOCK_MONOTONIC, &now);
	return sd_event_add_time(p->m->event, &p->timer, CLOCK_MONOTONIC,
	                         now + (quick ? KEEPER_PAUSE_USEC : 0), 1, on_reap_timer, p);
}

static int send_load(struct pair *p, const struct load *l)
{
	struct message msg = {
		.type = MSG_LOAD,
		.generation = l->generation,
		.settings = l->settings,
	};
	const int fds[] = {l->rules_fd, l->policy_fd};

	return chan_send(p->control, &msg, sizeof(msg), fds, 2, MSG_DONTWAIT);
}

static int start_keeper(struct pair *p, int control, int requests)
{
	char uid[16], gid[16];
	char *argv[] = {p->program, uid, gid, NULL};
	const struct spawn_fd fds[] = {
		{p->fds.group, FD_GROUP},           {p->fds.shared, FD_SHARED},
		{control, FD_CONTROL},              {requests, FD_REQUESTS},
		{p->fds.facts_kick, FD_FACTS_KICK}, {p->fds.audit_kick, FD_AUDIT_KICK},
		{p->fds.hold_kick, FD_HOLD_KICK},
	};

	(void)snprintf(uid, sizeof(uid), "%u", p->uid); /* fits */
	(void)snprintf(gid, sizeof(gid), "%u", p->gid);
	return spawn(p->program, argv, fds, ARRAY_SIZE(fds),
	             &p->m->shared->own_pids[OWN_PID_KEEPER]);
}

int pair_start(struct pair *p)
{
	int control[2] = {-1, -1}, requests[2] = {-1, -1};
	pid_t pid;
	int r = chan_pair(control);

	if (r == 0)
		r = chan_pair(requests);
	pid = r < 0 ? r : start_keeper(p, control[1], requests[1]);
	(void)fd_close(control[1]);
	(void)fd_close(requests[1]);
	p->control = control[0];
	p->requests = requests[0];
	if (pid < 0) {
		close_channels(p);
		return pid;
	}
	p->keeper = pid;
	p->started_at = clock_now();
	r = sd_event_add_child(p->m->event, &p->child, pid, WEXITED, on_keeper_exit, p);
	if (r >= 0)
		r = sd_event_add_io(p->m->event, &p->io, p->control, EPOLLIN, on_control, p);
	if (r >= 0 && p->current.generation)
		r = send_load(p, &p->current);
	if (r >= 0 && p->offered.generation)
		r = send_load(p, &p->offered);
	return r < 0 ? r : 0;
}

int pair_new(struct manager *m, const struct pair_fds *fds, uid_t uid, gid_t gid,
             const struct pair_listener *listener, struct pair **ret)
{
	struct pair *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct pair){
		.m = m,
		.remains = {.m = m, .group = fds->group},
		.fds = *fds,
		.uid = uid,
		.gid = gid,
		.listener = listener,
		.program = helper_path("custos-scanner"),
		.control = -1,
		.requests = -1,
		.current = no_load,
		.offered = no_load,
	};
	if (!p->program) {
		free(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

struct pair *pair_free(struct pair *p)
{
	if (!p)
		return NULL;
	p->child = sd_event_source_disable_unref(p->child);
	p->timer = sd_event_source_disable_unref(p->timer);
	close_channels(p);
	if (p->keeper) {
		(void)kill(p->keeper, SIGKILL);
		(void)waitpid(p->keeper, NULL, 0);
	}
	load_drop(&p->current);
	load_drop(&p->offered);
	free(p->program);
	free(p);
	return NULL;
}

int pair_load(struct pair *p, uint32_t generation, const struct settings *s, int rules_fd,
              int policy_fd)
{
	int r;

	load_drop(&p->offered);
	p->offered = (struct load){generation, *s, rules_fd, policy_fd};
	if (p->control < 0)
		return 0; /* the next keeper gets it */
	r = send_load(p, &p->offered);
	if (r < 0) /* the caller has given it up: nor shall the next keeper load it */
		load_drop(&p->offered);
	return r;
}

void pair_stop(struct pair *p)
{
	const struct message msg = {.type = MSG_STOP};

	p->stopping = true;
	if (p->control < 0 || chan_send(p->control, &msg, sizeof(msg), NULL, 0, MSG_DONTWAIT) < 0)
		p->listener->stopped(p->m); /* there is no pair to wait for */
}

pid_t pair_keeper(const struct pair *p)
{
	return p->keeper;
}

pid_t pair_scanner(const struct pair *p)
{
	return p->keeper ? remains_newest(&p->remains) : 0;
}

unsigned pair_lost(const struct pair *p)
{
	return remains_n_lost(&p->remains);
}

unsigned pair_restarts(const struct pair *p)
{
	return p->restarts;
}

bool pair_ready(const struct pair *p)
{
	return p->ready;
}

int pair_requests_fd(const struct pair *p)
{
	return p->requests;
}
