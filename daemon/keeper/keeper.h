/* SPDX-License-Identifier: Apache-2.0 */
/* Keeper: holds the rules and the descriptor table; clones scanners; sorts out what a
 * dead one left. The anchor shares the table, too, and does nothing but clone a keeper
 * when there is none. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "custos/policy.h"
#include "custos/ruleset.h"

#include "daemon/shared.h"

/* What one generation works by. */
struct generation {
	uint32_t number;  /* 0: none */
	struct ruleset *rules;
	struct policy *policy;
	struct settings settings;
	nsec_t min_timeout; /* of any policy line */
	bool tried;       /* a scanner of it has been started */
};

/* A scanner in one of the two places. */
struct child {
	pid_t pid;        /* 0: the place is free */
	uint32_t number;  /* owner of its slots */
	uint32_t generation;
	nsec_t started;
	bool draining;
	bool hung;       /* we killed it because it hung */
	nsec_t drain_by; /* when to lose patience */
	uint64_t answers; /* loop.c: given before it started */
	bool trial;      /* the first of its generation; not sealed yet */
	nsec_t pinged;   /* when (own time) the last ping was sent; 0: none is out */
	uint32_t pings;  /* sent so far */
	nsec_t stuck_scan, stuck_since, stuck_cpu; /* watch.c: the scan that is late */
	nsec_t dying;   /* its main thread has ended, or it was killed, but it cannot be
	                   reaped: since */
	bool inherited; /* an earlier keeper's child: the supervisor tells when it has
	                   ended */
};

/* A scanner that was killed and does not end (lost.c). */
struct lost {
	pid_t pid;        /* 0: unused */
	uint32_t number;  /* owner of the slots it still has */
};

struct keeper {
	struct shared *shared;
	struct cache cache;
	struct generation current;
	struct child child[N_PLACES];
	struct lost lost[KEEPER_LOST_MAX];
	unsigned n_strangers; /* lost scanners of earlier keepers; the supervisor counts
	                         them */
	unsigned n_culprits;  /* ever; the rows are used in turn */
	bool locks_memory; /* it may be kept out of the swap */
	bool all_woken; /* readers, by each event: one on every CPU (docs/adr/0010) */
	bool stopping;
	nsec_t orphaned_at;        /* the supervisor is gone; 0: it is not */
	nsec_t leaving_since;      /* another pair has taken over; 0: none has */
	bool leaving;              /* and we stop reading */
	nsec_t hurry;              /* do not clone before this moment: crash loop */
	nsec_t loop_pause;         /* loop.c: between two tries; 0: no crash loop */
	unsigned n_quick_deaths;   /* in a row, without work done */
	struct generation pending; /* loaded; in force once a scanner of it is sealed */
	nsec_t own_time, looked_at; /* watch.c: time in which we had a CPU */
	nsec_t idle_since;         /* the kernel's queue has not moved since (own time); 0: it is empty */
	uint64_t idle_events;      /* events read by then */
	struct message loaded;     /* to be told once no older scanner reads; type 0: none */
	struct message unsent;     /* news that must arrive; type 0: none */
};

/* setup.c: descriptors at their fixed numbers, identity and rights given up. 0 or negative errno. */
int keeper_descriptors(struct keeper *k);
int keeper_seal(uid_t uid, gid_t gid);
/* Of this process, after each clone. */
void keeper_lock_memory(const struct keeper *k);

/* generation.c */
int generation_load(struct generation *g, const struct message *msg, const int *fds, char *why,
                    size_t why_size);
void generation_unload(struct generation *g);

/* children.c */
/* Clone a scanner of @g. Return: its place, or a negative errno. */
int children_start(struct keeper *k, const struct generation *g, bool trial);
int children_trial(const struct keeper *k);        /* place of the trial, or -1 */
void children_drain_others(struct keeper *k, unsigned keep_place, uint32_t command);
void children_command(struct keeper *k, unsigned place, uint32_t command);
struct child *children_active(struct keeper *k);   /* the one that reads; NULL */
bool children_any(const struct keeper *k);
bool children_end_slowly(const struct keeper *k); /* one is dying */
void children_reap(struct keeper *k);
/* For the slots of instance @number, which runs no more. */
struct slots_recover_args children_recover_args(uint32_t number);
/* Somebody who works must look for orphans. */
void children_adopt(struct keeper *k);

/* Of those that were inherited: is @pid one; and it has ended. */
bool children_inherited(const struct keeper *k, pid_t pid);
void children_ended(struct keeper *k, pid_t pid, int status);

/* heir.c */
/* Take over from a keeper that is no more: its scanners go on, what nobody works on is
 * recovered. */
void heir_inherit(struct keeper *k, const struct message *msg);
/* Slots of scanners that are neither ours nor among the living. Return: how many to
 * judge again. */
unsigned heir_recover(struct keeper *k);

/* anchor.c */
/* Clone an anchor. Return: its pid or a negative errno. */
pid_t anchor_start(struct keeper *k);

/* finish.c: our supervisor is gone */
bool finish_is_due(void); /* another pair has taken over */
/* All that this pair alone was asked has been read (since when it is due: @since). */
bool finish_may_stop_reading(nsec_t since, nsec_t now);
void finish_alone(struct keeper *k); /* anchor: until there is nobody left to keep the table for */

/* suspects.c */
/* @c has died by itself and its slots are as it left them: whose fault was it? Fills in @msg. */
void suspects_of_death(struct keeper *k, unsigned place, const struct child *c,
                       struct message *msg);
/* The file of @slot is not to be tried again until @c has ended. */
void suspects_block(struct keeper *k, const struct slot *slot, const struct child *c);

/* lost.c */
void lost_look(struct keeper *k, nsec_t now); /* give up what does not end; free what has become free */
bool lost_buried(struct keeper *k, pid_t pid); /* Return: @pid was one of them, and has ended */
bool lost_any(const struct keeper *k);
bool lost_overrun(struct keeper *k);          /* too many: nobody scans */
void lost_answer_queue(struct keeper *k);     /* in place of a scanner */

/* loop.c */
void loop_started(struct keeper *k, struct child *c);
void loop_died(struct keeper *k, const struct child *c, bool culprit, nsec_t now);
void loop_not_started(struct keeper *k, nsec_t now); /* cloning failed */
bool loop_stands_in(const struct keeper *k, nsec_t now); /* nobody scans for now: answer the queue */
void loop_look(struct keeper *k, nsec_t now); /* is it over? */

/* watch.c */
void watch_children(struct keeper *k, nsec_t now); /* kill what hangs */
/* An answer of ours may come before the scanner's: it is given the time of a wake-up first. */
#define AFTER_DEADLINE_NSEC (20 * NSEC_PER_MSEC)
void watch_deadlines(struct keeper *k, nsec_t now); /* answer what is late and nobody else answers */
/* Answer what was due by @now, as its policy line says. Without rules: nobody is rescued. */
void watch_answer_late(struct keeper *k, nsec_t now);
int watch_tick_msec(const struct keeper *k);       /* how often to look */

/* keeper.c */
void keeper_anchor(struct keeper *k); /* clone an anchor and tell the supervisor */
void keeper_tell(struct keeper *k, const struct message *msg);
_Noreturn void keeper_run(struct keeper *k);
