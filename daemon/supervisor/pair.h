/* SPDX-License-Identifier: Apache-2.0 */
/* Pair: the keeper process and, through it, the scanners */
#pragma once

#include "daemon/shared.h"
#include "daemon/supervisor/manager.h"

struct pair;

/* Descriptors the pair works with; the supervisor keeps its own copies for the next pair. */
struct pair_fds {
	int group, guard, shared, facts_kick, audit_kick, hold_kick, heir;
};

struct pair_listener {
	/* A generation answers from now on (@error NULL), or could not be loaded. */
	void (*loaded)(struct manager *m, uint32_t generation, const char *error);
	/* The socket of pair_requests_fd() is about to be closed: neither keeper nor
	 * anchor is left. */
	void (*closing)(struct manager *m);
	/* The keeper is gone; a new one is being started. The scanner, if it lives,
	 * goes on meanwhile. */
	void (*lost)(struct manager *m);
	/* An ordered stop has finished: everything queued has been answered. */
	void (*stopped)(struct manager *m);
	/* Scanners end at once, the next try is in @pause_sec; 0: it is over. */
	void (*crash_loop)(struct manager *m, unsigned pause_sec);
	/* A scanner died or hung; the keeper has started another. */
	void (*scanner_died)(struct manager *m, const struct message *msg);
};

int pair_new(struct manager *m, const struct pair_fds *fds, uid_t uid, gid_t gid,
             const struct pair_listener *listener, struct pair **ret);
struct pair *pair_free(struct pair *p); /* kills what still runs */

/* Start the keeper. Return: 0 or a negative errno. */
int pair_start(struct pair *p);

/* Sealed memory. */
struct load_fds {
	int rules, policy;
	int bulk; /* of the rules; -1: they have none */
};

/**
 * pair_load() - hand over a generation
 * @fds: consumed; kept for a pair started later
 */
int pair_load(struct pair *p, uint32_t generation, const struct settings *s, struct load_fds fds);

/* The generation in force; 0: none. */
uint32_t pair_generation(const struct pair *p);
/**
 * pair_order() - tell somebody else to work by the generation in force
 * @fd: a channel; gets the message that the keeper gets
 *
 * Return: 0, -EBUSY while none is in force, or another negative errno.
 */
int pair_order(const struct pair *p, int fd, uint32_t *ret_generation);

/* Answer what is queued, then end. Marks must be gone, else the queue never empties. */
void pair_stop(struct pair *p);

/* Go without it: it shall go on answering. Only pair_free() may follow. */
void pair_leave(struct pair *p);

pid_t pair_keeper(const struct pair *p);
pid_t pair_anchor(const struct pair *p);
pid_t pair_scanner(const struct pair *p);
unsigned pair_restarts(const struct pair *p); /* scanners that died or hung */
unsigned pair_lost(const struct pair *p);     /* scanners that were killed and do not end */
bool pair_ready(const struct pair *p);        /* a generation is loaded and answered for */

/* Tell the keeper that a scanner of an earlier one has ended. */
void pair_tell_gone(struct pair *p, const siginfo_t *si);

/* Our end of the socket that scan requests and their results go through; changes with
 * the pair. */
int pair_requests_fd(const struct pair *p);
