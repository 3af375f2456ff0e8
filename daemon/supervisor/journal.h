/* SPDX-License-Identifier: Apache-2.0 */
/* Journal: a thread that talks to journald so that the event loop never waits for it */
#pragma once

#include <stdbool.h>

#include "custos/types.h"
#include "entry.h"

/*
 * sd_journal_sendv() blocks while journald does not read (measured: from the 12th message on), so it
 * runs in a thread nobody waits for. What waits for it is bounded, and full means: drop and count.
 *
 * Synchronisation: one producer (the sd-event loop thread) calls journal_record() and
 * journal_event(); journal_counts() may come from any thread; journal_free() from the producer.
 */
struct journal;

/* Each class has a ring of its own, so that no class can displace another. A burst of detections is
 * what the journal is for: 4,389 denials in four seconds overran 1,024 on a busy machine. Memory is
 * used as far as entries ever waited, 16 MiB at most. A routine record lost is a number in a counter. */
#define JOURNAL_DETECTIONS_MAX 4096U
#define JOURNAL_ROUTINE_MAX    1024U
#define JOURNAL_OPERATION_MAX  64U

/* Records that neither match nor refuse: what an administrator can still read. */
#define JOURNAL_ROUTINE_PER_SEC 200U

/* Longest wait of journal_free() for a journald that does not read. */
#define JOURNAL_FLUSH_NSEC (2 * NSEC_PER_SEC)

struct journal_counts {
	uint64_t sent;                                /* entries journald (or stderr) took */
	uint64_t dropped_detections, dropped_operation, dropped_routine;
	uint64_t suppressed;                          /* routine, over the rate limit */
};

/**
 * journal_new() - start the journal thread
 * @to_stderr: while there is no journald, print MESSAGE to standard error; for a terminal.
 *             Otherwise entries wait for journald's socket to appear (early boot).
 *
 * Context: start-up, before threads that handle signals; allocates; never blocks.
 * Return: 0, or a negative errno.
 */
int journal_new(bool to_stderr, struct journal **ret);

/**
 * journal_record() - report one decision
 * @j:    NULL reports nothing
 * @r:    copied; may come from shared memory unchecked
 * @line: deciding policy line or NULL; copied
 *
 * Context: producer thread; no allocation, lock or blocking call.
 */
void journal_record(struct journal *j, const struct record *r, const struct policy_line *line);

/**
 * journal_event() - report something about custosd itself
 * @event:    JOURNAL_STARTED or one after it
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE or LOG_INFO
 *
 * The text becomes one escaped line; with line breaks in it, it is kept as it is in CUSTOS_DETAIL.
 * Context: as journal_record().
 */
void journal_event(struct journal *j, enum journal_event event, int priority, const char *fmt,
                   ...) _printf_(4, 5);

/* Names the bundles that the records from here on were judged by, "" for none; copied. Context: as
 * journal_record(). */
void journal_set_bundles(struct journal *j, const char *text);

void journal_counts(const struct journal *j, struct journal_counts *ret);

/**
 * journal_free() - send what waits, at most JOURNAL_FLUSH_NSEC long, and stop
 *
 * A thread that sits in a blocked send cannot be woken. It is left behind then with what it
 * holds, and frees that itself should journald ever read again; at process exit it just ends.
 *
 * Context: producer thread; accepts NULL. Return: NULL.
 */
struct journal *journal_free(struct journal *j);
void journal_freep(struct journal **j);
