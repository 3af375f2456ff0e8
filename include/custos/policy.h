/* SPDX-License-Identifier: Apache-2.0 */
/* Policy: ordered lines, first match wins; a pure function from facts to a decision */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "custos/diag.h"
#include "custos/types.h"
#include "custos/verdict.h"

/* Bounds; custos.policy(5) states them. */
#define POLICY_LINES_MAX       10000  /* every miss of the cache walks them */
#define POLICY_LINE_BYTES_MAX  16384  /* a rule with a handful of 4096-byte paths */
#define POLICY_VALUES_MAX      100000 /* values of all predicates, sets expanded */
#define POLICY_SETS_MAX        1000
#define POLICY_SET_MEMBERS_MAX 4096
#define POLICY_IMAGE_BYTES_MAX (4 * 1024 * 1024) /* what crosses to the sealed side */

enum policy_action { POLICY_NOWATCH, POLICY_ALLOW, POLICY_SCAN };
enum policy_event { POLICY_OPEN = 1, POLICY_EXEC = 2, POLICY_WRITE_CLOSE = 4 };
enum policy_on_match { ON_MATCH_DENY, ON_MATCH_QUARANTINE, ON_MATCH_LOG };
enum policy_on_error { ON_ERROR_ALLOW, ON_ERROR_DENY };
/* By event: opened when a file was written, not while somebody waits for his open. */
enum policy_archives { ARCHIVES_BY_EVENT, ARCHIVES_NO, ARCHIVES_YES };
enum policy_log { LOG_MATCH = 0, LOG_NONE, LOG_ALL }; /* default: match (and errors) */

/* Facts a caller may have to fetch before a line can be decided. */
enum policy_fact {
	POLICY_FACT_PATH = 1,    /* query.path */
	POLICY_FACT_MOUNT = 2,   /* query.fs_type, mount_points, dev */
	POLICY_FACT_SUBJECT = 4, /* query.uid ... container, from the broker */
};

struct policy_query {
	unsigned known;          /* mask of enum policy_fact that are filled in */
	bool watched;            /* the object's file system has a mark */
	enum policy_event event; /* exactly one */
	uint64_t size_bytes;     /* of the object */
	uid_t owner;             /* of the object */
	const char *path;        /* absolute; POLICY_FACT_PATH */
	dev_t dev;
	const char *fs_type;                /* POLICY_FACT_MOUNT */
	const char *const *mount_points;    /* of the object's superblock */
	unsigned n_mount_points;
	uid_t uid;                          /* subject: POLICY_FACT_SUBJECT */
	gid_t gid;
	const char *exe;         /* "" when unknown: then no exe= matches, and likewise below */
	const char *unit;
	const char *slice;
	const char *cgroup;
	bool container;
};

struct policy_line {
	enum policy_action action;
	unsigned events;         /* mask of enum policy_event; without event= open and exec */
	enum policy_on_match on_match;
	enum policy_on_error on_error;
	enum policy_log log;
	enum policy_archives archives; /* are they opened? */
	nsec_t timeout;          /* 0 = the daemon's Timeout= */
	uint64_t max_size_bytes; /* 0 = the daemon's MaxFileSize= */
	const char *reason;      /* "" when none */
	int64_t expires;         /* seconds since the epoch, the start (UTC) of the day named; from
	                          * then on the line matches nothing. 0 = never. */
	const char *file;        /* where it stands */
	unsigned line;
	unsigned index;          /* stable number in this policy, from 0 */
	const char *text;        /* the line as written */
	unsigned facts;          /* mask of enum policy_fact its predicates need */
	/* predicates are private to the implementation (struct policy_pred) */
	struct policy_pred *preds;
	size_t n_preds;
};

struct policy;

/**
 * policy_load() - read policy.d/<name>.rules in UAPI.6 order, resolve names, compile
 * @config_root: look in this directory alone; NULL = /usr/lib/custos < /run/custos < /etc/custos
 * @d:           every error, with file and line
 *
 * The files are read as one text in the order of their names. The first line that holds for
 * every open and exec, and so the last that can be reached, must be `scan any`.
 * No file, or files without a single rule, give the built-in
 * `scan any on-match=deny on-error=allow timeout=3s`.
 *
 * Context: supervisor or ctl; uses NSS for user and group names; allocates; blocks on disk.
 * Return: 0, -EINVAL when @d has errors, or another negative errno.
 */
int policy_load(const char *config_root, struct policy **ret, struct diag *d);

/* Parse one text (fuzzers and tests). Same contract, no disk access: the only user and group name
 * known is root. */
int policy_parse(const char *file, const char *text, size_t len, struct policy **ret,
                 struct diag *d);

/* Write the policy so that policy_parse_image() on the sealed side rebuilds it without NSS: names
 * are numbers, sets are expanded, file and line of every line are kept. Caller frees *ret_text.
 * -E2BIG past POLICY_IMAGE_BYTES_MAX, which policy_load() has already refused. */
int policy_image(const struct policy *p, char **ret_text, size_t *ret_len);
/* Trusts nothing in @text. 0, -EBADMSG when it is damaged, -E2BIG, -ENOMEM. */
int policy_parse_image(const char *text, size_t len, struct policy **ret);

struct policy *policy_free(struct policy *p);
void policy_freep(struct policy **p);

size_t policy_n_lines(const struct policy *p);
const struct policy_line *policy_line(const struct policy *p, size_t i);
/* SHA-256 over policy_image(), hex: tells two hosts apart (drift is one query). */
int policy_digest(const struct policy *p, char ret_hex[65]);

/**
 * policy_match() - the first line that matches @q
 * @ret: set when 0 is returned; NULL when no line matches. That happens to write-close events
 *       alone: they concern only lines that name event=write-close, so the caller has nothing
 *       to do but drop what it had cached. An open or exec always gets a line.
 *
 * A line one of whose predicates is known to fail is skipped, whatever else it would need.
 * Subject facts are asked for last, when they alone are left to decide a line, because
 * fetching them takes a round trip to another process.
 *
 * Leading `nowatch` lines with mount-level predicates only are skipped when @q->watched: they keep
 * the mark off a file system, so the mark is itself the proof that none of them applies to all of
 * it. A policy of such lines and `scan any` never asks for a fact.
 *
 * Pure: no clock (@now_sec is passed), no allocation, no lock.
 * Return: 0 when *ret is the answer; else a mask of enum policy_fact that must be filled in
 * before it is certain (call again with them).
 */
unsigned policy_match(const struct policy *p, const struct policy_query *q, int64_t now_sec,
                      const struct policy_line **ret);

/**
 * policy_silent() - would a clean file be let through without a record, whoever opens it?
 * @q:              what is known of the file: size and owner, path and mount facts as far as
 *                  @q->known says so and they are not empty; event and subject are not looked at
 * @max_size_bytes: the daemon's MaxFileSize=, for lines without max-size=
 *
 * True only when that holds for every subject, for open and for exec, and now as well as after
 * any line has expired: then nobody needs to be asked about this file again, until one of the
 * facts in @q changes. No action of the language denies a clean file, so what is looked for is
 * a record: log=all, or a scan that calls the file too large. A write-close is not meant.
 *
 * Pure; walks the lines up to the first that surely decides.
 */
bool policy_silent(const struct policy *p, const struct policy_query *q,
                   uint64_t max_size_bytes);

/* Could @line speak of the file in @q? Facts that are not known are taken to fit. Pure. */
bool policy_line_fits(const struct policy_line *line, const struct policy_query *q);

/**
 * policy_nowatch_mount() - does the policy leave a file system without a mark?
 * @mount_facts: POLICY_FACT_MOUNT of the file system; nothing else is looked at
 *
 * Return: the nowatch line all of whose predicates are mount-level (fstype=, mount=, dev=) and
 * match, or NULL: watch it. Also NULL when a line before it would have scanned some file of that
 * file system: the first match wins, so the mark is needed. Ask again when a line expires.
 */
const struct policy_line *policy_nowatch_mount(const struct policy *p,
                                               const struct policy_query *mount_facts,
                                               int64_t now_sec);

/* Smallest timeout of any line, or @dflt; the deadline thread's longest sleep. */
nsec_t policy_min_timeout(const struct policy *p, nsec_t dflt);
/* Does any line name event=write-close explicitly? (`any` means open and exec.) */
bool policy_wants_write_close(const struct policy *p);

/* Does any line have archives opened at an open or exec? */
bool policy_opens_archives(const struct policy *p);

/* Findings of --lint go to @d. Return: number of findings. Reads the disk (stat, statvfs). A name
 * that does not resolve is no finding but an error of policy_load(). */
size_t policy_lint(const struct policy *p, int64_t now_sec, struct diag *d);
