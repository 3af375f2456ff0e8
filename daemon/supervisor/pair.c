/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pair
 *
 * Owns: what is said to the keeper and by it, and the generations it is given.
 * Must not own: which processes there are (pair-life.c), or what a dead keeper leaves
 * behind (remains.c).
 */
#include "daemon/supervisor/pair-internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "custos/chan.h"
#include "custos/cleanup.h"

#include "daemon/supervisor/oom.h"
#include "daemon/supervisor/spawn.h"

static const struct load no_load = {.fds = {.rules = -1, .policy = -1, .bulk = -1}};

static void load_drop(struct load *l)
{
	(void)fd_close(l->fds.rules);
	(void)fd_close(l->fds.policy);
	(void)fd_close(l->fds.bulk);
	*l = no_load;
}

static void on_loaded(struct pair *p, uint32_t generation)
{
	p->ready = true;
	if (p->offered.generation == generation) {
		load_drop(&p->current);
		p->current = p->offered;
		p->offered = no_load;
	}
	p->listener->loaded(p->m, generation, NULL);
}

static void on_load_failed(struct pair *p, const struct message *msg)
{
	/* The generation in force, in a new keeper: short of memory, perhaps. Nobody reads now, so
	 * try again with another; its end starts it, after a pause. */
	if (p->current.generation == msg->generation &&
	    p->offered.generation != msg->generation && p->keeper > 0)
		(void)kill(p->keeper, SIGKILL);
	if (p->offered.generation == msg->generation)
		load_drop(&p->offered);
	p->listener->loaded(p->m, msg->generation, msg->text);
}

static void on_message(struct pair *p, const struct message *msg)
{
	switch (msg->type) {
	case MSG_SCANNER_STARTED:
		remains_started(&p->remains, msg->pid);
		oom_prefer(msg->pid);
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
	case MSG_CRASH_LOOP:
		p->listener->crash_loop(p->m, (unsigned)msg->status);
		break;
	case MSG_LOADED:
		on_loaded(p, msg->generation);
		break;
	case MSG_LOAD_FAILED:
		on_load_failed(p, msg);
		break;
	case MSG_KEEPER_STARTED:
		pair_keeper_started(p, msg->pid);
		break;
	case MSG_ANCHOR_STARTED:
		pair_anchor_started(p, msg->pid);
		break;
	default:
		break; /* not in our vocabulary: nothing to act on */
	}
}

int pair_on_message(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct pair *p = userdata;
	struct message msg;
	int fds[CHAN_FDS_MAX];
	ssize_t n;

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
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

static int send_load(int fd, const struct load *l)
{
	struct message msg = {
		.type = MSG_LOAD,
		.generation = l->generation,
		.settings = l->settings,
	};
	const int fds[] = {l->fds.rules, l->fds.policy, l->fds.bulk}; /* generation_load() */

	return chan_send(fd, &msg, sizeof(msg), fds, l->fds.bulk < 0 ? 2 : 3, MSG_DONTWAIT);
}

int pair_send_loads(struct pair *p)
{
	int r = 0;

	if (p->current.generation)
		r = send_load(p->control, &p->current);
	if (r >= 0 && p->offered.generation)
		r = send_load(p->control, &p->offered);
	return r < 0 ? r : 0;
}

void pair_tell_gone(struct pair *p, const siginfo_t *si)
{
	const struct message msg = {
		.type = MSG_GONE,
		.pid = si->si_pid,
		.status =
			si->si_code == CLD_EXITED ? si->si_status << 8 : si->si_status,
	};

	/* Waits in the socket for a keeper that is just being started. One that does
	 * not read finds out by itself, only later (lost.c). */
	if (p->control >= 0)
		(void)chan_send(p->control, &msg, sizeof(msg), NULL, 0, MSG_DONTWAIT);
}

/* Its memory is to be kept out of the swap (sandbox_lock_memory()); the unit says so, too. Where we may not, it is not. */
static void allow_locked_memory(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};

	(void)setrlimit(RLIMIT_MEMLOCK, &all);
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
		.anchor_fd = -1,
		.current = no_load,
		.offered = no_load,
	};
	if (!p->program) {
		free(p);
		return -ENOMEM;
	}
	allow_locked_memory();
	*ret = p;
	return 0;
}

struct pair *pair_free(struct pair *p)
{
	if (!p)
		return NULL;
	pair_close(p);
	load_drop(&p->current);
	load_drop(&p->offered);
	free(p->program);
	free(p);
	return NULL;
}

int pair_load(struct pair *p, uint32_t generation, const struct settings *s, struct load_fds fds)
{
	int r;

	load_drop(&p->offered);
	p->offered = (struct load){generation, *s, fds};
	if (!p->keeper)
		return 0; /* the next one gets it */
	r = send_load(p->control, &p->offered);
	if (r < 0) /* the caller has given it up: nor shall the next keeper load it */
		load_drop(&p->offered);
	return r;
}

uint32_t pair_generation(const struct pair *p)
{
	return p->current.generation;
}

int pair_order(const struct pair *p, int fd, uint32_t *ret_generation)
{
	if (!p->current.generation)
		return -EBUSY;
	*ret_generation = p->current.generation;
	return send_load(fd, &p->current);
}

void pair_stop(struct pair *p)
{
	const struct message msg = {.type = MSG_STOP};

	p->stopping = true;
	if (!p->keeper ||
	    chan_send(p->control, &msg, sizeof(msg), NULL, 0, MSG_DONTWAIT) < 0)
		pair_stop_alone(p);
}

void pair_leave(struct pair *p)
{
	p->stopping = true;
	p->left = true;
}

pid_t pair_keeper(const struct pair *p)
{
	return p->keeper;
}

pid_t pair_anchor(const struct pair *p)
{
	return p->anchor;
}

pid_t pair_scanner(const struct pair *p)
{
	return remains_newest(&p->remains);
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
