/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisor state: what the admin socket, the journal and the event loop share. One thread (the
 * sd-event loop) owns all of it unless a field says otherwise. */
#pragma once

#include <stdbool.h>
#include <sys/wait.h>
#include <syslog.h>
#include <systemd/sd-event.h>

#include "custos/cache.h"
#include "custos/conf.h"
#include "custos/policy.h"
#include "custos/record.h"
#include "custos/ruleset.h"

struct history;     /* history.h: the last events, for `events` */
struct journal;     /* journal.h: own thread, bounded ring */
struct pair;        /* pair.h: keeper process, control socket, generations */
struct coverage;    /* coverage.h: which mounts are marked and why not */
struct statistics;  /* statistics.h: who costs time */
struct requests;    /* requests.h: scan requests of custosctl */
struct loader;      /* loader.h: the next generation on its way */
struct drain;       /* drain.h: records out of shared memory */
struct broker;      /* broker.h: own thread */
struct foreign;     /* foreign.h: other mount namespaces */
struct rivals;      /* rivals.h: who else answers for opens */
struct holder;      /* holder.h: own thread */
struct handover;    /* handover.h: a pair of the custosd before */
struct canary;      /* canary.h: are opens judged? */
struct renew;       /* renew.h: another version of us is being checked */
struct quarantine;  /* quarantine.h: own thread */
struct outposts;    /* outposts.h: network and FUSE file systems */
struct rule_report; /* rule-report.h: on the rules in force */
struct rules_report; /* custos/rules-report.h */
struct bundles;     /* bundles.h: signed rules; a thread while one is imported */
struct varlink_server;
struct json_t;      /* jansson.h, which those who look inside include */

enum manager_state {
	STATE_STARTING,
	STATE_ENFORCING,
	STATE_MONITORING,
	STATE_DEGRADED,
	STATE_STOPPING,
};

#define MANAGER_REASONS_MAX 16

struct manager {
	sd_event *event;
	const char *config_root;  /* NULL: usual lookup */
	const char *runtime_dir;
	const char *state_dir;
	struct conf conf;
	struct policy *policy;    /* the generation in force */
	uint64_t generation;      /* 0 before the first is in force */
	struct policy *previous_policy; /* records of the generation before may still arrive */
	uint64_t previous_generation;
	struct ruleset_counts rules;
	char *last_reload_error;  /* NULL when the last reload went well */
	nsec_t started;
	enum mode mode;           /* in force: conf.mode, unless something else was ordered */
	bool mode_ordered;        /* by manager_set_mode() */
	nsec_t mode_until;        /* CLOCK_MONOTONIC; 0 = until changed */
	char *mode_reason;        /* of the order; NULL = none */
	struct history *history;
	struct journal *journal;
	struct statistics *statistics;
	struct pair *pair;
	struct coverage *coverage;
	struct varlink_server *server;
	struct closer *closer;    /* of descriptors that clients send; NULL: they are closed at once */
	struct shared *shared;    /* daemon/shared.h */
	struct cache cache;       /* view of the verdict cache; scanners can write what is in it */
	uint64_t cache_limit_bytes; /* CacheMemory= when we started */
	struct loader *loader;
	struct drain *drain;
	struct broker *broker;
	struct requests *requests;
	struct quarantine *quarantine;
	struct bundles *bundles;
	struct rule_report *rule_report; /* NULL: none */
	struct holder *holder;
	struct outposts *outposts;
	struct handover *handover;
	struct renew *renew;      /* NULL: none is under way */
	bool renew_at_end;        /* renew.c: the program in our place is to be executed */
	struct foreign *foreign;
	struct rivals *rivals;
	struct canary *canary;
	int home;                 /* mount namespace we were started in; -1 */
	int group, guard, shared_fd, facts_kick, audit_kick, hold_kick; /* -1 when not open */
	bool stopping, ready_sent, pair_lost;
	bool rescue;              /* news.c: it was on when we looked */
	int exit_code;
	bool operators_unknown;   /* OperatorGroup= names no group. Server writes */
	char *mark_error;         /* what cannot be watched; NULL: nothing */
	sd_event_source *mode_timer, *mount_io;
};

enum manager_state manager_state(const struct manager *m);
const char *manager_state_name(enum manager_state s);

/* Reasons why the state is what it is, newest generation first; returns how many (<= max).
 * Strings are owned by the manager and valid until the loop runs again. */
size_t manager_reasons(const struct manager *m, const char **reasons, size_t max);

/* pids as the kernel knows them; 0 when not running. */
#define MANAGER_OUTPOSTS_MAX 16
struct manager_pids {
	pid_t supervisor, keeper, anchor, scanner;
	pid_t outpost[MANAGER_OUTPOSTS_MAX], gate[MANAGER_OUTPOSTS_MAX]; /* outposts.h */
	unsigned n_outposts, n_gates;
};
void manager_pids(const struct manager *m, struct manager_pids *ret);

struct manager_counters {
	uint64_t events, allowed, denied, cache_hits, scans, scanned_bytes, timeouts, errors;
	uint64_t joined;     /* events that shared a scan with others of the same file */
	uint64_t held_files; /* now: their opens are no events */
	uint64_t rules_spared; /* scans in which the rules were not run: bytes they had seen */
	uint64_t refused_by_kernel; /* opens it could not repeat for us, and so refused; no record */
	uint64_t closes_skipped;    /* written files that were not scanned: too many at once */
	uint64_t scanner_restarts, dropped_detections, dropped_routine;
	usec_t oldest_pending_usec;
	/* On network and FUSE file systems (outposts.h); in none of the others. */
	uint64_t remote_judged, remote_found, remote_refused, remote_late, remote_missed;
	usec_t gap_usec;     /* before our start nobody answered, for so long at most */
};
void manager_counters(const struct manager *m, struct manager_counters *ret);

struct coverage_row {
	const char *mount_point, *fs_type, *state, *reason; /* state: protected, async, blocking, excluded, unsupported, failed */
	dev_t dev;
	uid_t owner;        /* who mounted it, of FUSE; of others root */
	bool behind_server; /* a walk there may wait for a FUSE or network file system */
	uint64_t namespace; /* inode of another mount namespace; 0: the one custosd was started in */
	pid_t pid;          /* of a process in it */
	const char *canary; /* manager_coverage_row(): what came of the bait (canary.h); NULL: nothing yet */
};
/* How often line @index of the policy in force has decided. */
uint64_t manager_line_hits(const struct manager *m, unsigned index);

size_t manager_namespaces_max(const struct manager *m);
size_t manager_coverage_n(const struct manager *m);
void manager_coverage_row(const struct manager *m, size_t i, struct coverage_row *ret);

/**
 * manager_reload() - read configuration, policy and rules again, and switch when all are good
 * @done: called once from the event loop; @error is NULL on success, else every error as text; generation 0:
 *        another version of custosd is installed, and takes over
 *
 * Several callers may wait for the same reload.
 */
typedef void (*manager_reload_fn)(void *userdata, uint64_t generation, const char *error);
int manager_reload(struct manager *m, manager_reload_fn done, void *userdata);

/**
 * manager_set_mode() - order another mode than the configured one, or end such an order
 * @ttl:    at most CONF_MONITOR_MAX; 0 = until changed, for enforce alone
 * @reason: NULL = none, for enforce alone
 *
 * An order outlives reloads. Logged by uid. Return: 0 or a negative errno.
 */
int manager_set_mode(struct manager *m, enum mode mode, nsec_t ttl, const char *reason, uid_t by);
/* A new configuration is in force: follow its mode where none was ordered. */
void manager_mode_reloaded(struct manager *m);

/* Forget all verdicts: each file is judged anew at its next open. Logged by uid. */
void manager_flush_cache(struct manager *m, uid_t by);

/**
 * manager_scan() - have the scanner judge an open file
 * @fd:   consumed, also on error
 * @path: for the rules' external variables and the record; copied; NULL = unknown
 * @done: called once from the event loop
 *
 * Return: 0, or -EBUSY when too many are outstanding (SCAN_OUTSTANDING_MAX), -EINVAL when not a
 * regular file, -ENOTCONN while no scanner runs.
 */
typedef void (*manager_scan_fn)(void *userdata, const struct finding *f, usec_t spent);
int manager_scan(struct manager *m, int fd, const char *path, manager_scan_fn done,
                 void *userdata);
/* Forget @userdata: its callback will not come any more (the client went away). */
void manager_scan_cancel(struct manager *m, void *userdata);

/* What would happen if @path (as opened on @fd, borrowed, may be O_PATH) were opened. Fills @line
 * with the deciding policy line and @row with the coverage of its file system. */
struct manager_explanation {
	bool covered;
	const char *mark; /* "filesystem", or "none" */
	const struct policy_line *line;
	struct coverage_row row;
	bool cached;          /* a verdict about this state of the file is in the cache: */
	enum verdict verdict; /* that one */
	usec_t age_usec;      /* and how old it is */
};
int manager_explain(struct manager *m, int fd, const char *path, const char *exe, uid_t uid,
                    struct manager_explanation *ret);

/**
 * manager_quarantine() - ask the quarantine something
 * @ask:  copied; its descriptor is taken over when 0 is returned
 * @done: called once from the event loop; @error 0 with @reply (borrowed), else negative errno
 *        and why as text
 *
 * A release or export goes on when its caller has gone away (manager_quarantine_cancel()).
 * Return: 0, -EBUSY when too many are outstanding, -ENOMEM.
 */
enum quarantine_op { QUARANTINE_LIST, QUARANTINE_INFO, QUARANTINE_RELEASE, QUARANTINE_EXPORT };
struct quarantine_ask {
	enum quarantine_op op;
	const char *id;     /* valid; for a list: only later ones, NULL = all */
	const char *reason; /* release: why */
	uid_t by;
	int fd;             /* export: regular file to write to; else -1 */
};
typedef void (*manager_quarantine_fn)(void *userdata, int error, const char *text,
                                      struct json_t *reply);
int manager_quarantine(struct manager *m, const struct quarantine_ask *ask,
                       manager_quarantine_fn done, void *userdata);
void manager_quarantine_cancel(struct manager *m, void *userdata);

/**
 * manager_bundle() - import a signed bundle, or go back to one that was kept
 * @ask:  copied; its descriptor is taken over when 0 is returned
 * @done: called once from the event loop; @code NULL with @reply (borrowed), else what kind of
 *        refusal, and why as text: what was in force stays in force
 *
 * The order goes on when its caller has gone away (manager_bundle_cancel()).
 * Return: 0, -EBUSY while another order is under way, -EDESTADDRREQ when no channel is named and
 * there is not exactly one, -ENOENT when there is nothing to go back to, or another negative errno.
 */
enum bundle_op { BUNDLE_IMPORT, BUNDLE_ROLLBACK };
struct bundle_ask {
	enum bundle_op op;
	int fd;              /* import: the bundle's folder; else -1 */
	const char *channel; /* rollback: NULL = the only one */
	int64_t serial;      /* rollback: 0 = the one before */
	const char *reason;  /* rollback: why */
	uid_t by;
};
typedef void (*manager_bundle_fn)(void *userdata, const char *code, const char *text,
                                  struct json_t *reply);
int manager_bundle(struct manager *m, const struct bundle_ask *ask, manager_bundle_fn done,
                   void *userdata);
void manager_bundle_cancel(struct manager *m, void *userdata);
/* Those in force, as an array of the interface's type Bundle. Caller's reference. */
struct json_t *manager_bundles(const struct manager *m);
/* "base=2026112301 site=7": what a generation was made of; "" when none or no longer known. */
const char *manager_bundles_text(const struct manager *m, uint64_t generation);

/* How the rules in force were tried and what they cost; empty when not known. Borrowed until the loop
 * runs again. */
const struct rules_report *manager_rules_report(const struct manager *m);
/* In which set @i of that report came to be as it is. */
uint64_t manager_rule_set_generation(const struct manager *m, uint32_t i);

void manager_stop(struct manager *m); /* orderly: as SIGTERM */
