/* SPDX-License-Identifier: Apache-2.0 */
/* Quarantine: a thread that puts refused files away, and answers for them
 *
 * Synchronisation: everything here is called by the event loop's thread; callbacks and journal
 * messages come from there too. The thread alone touches the store and other people's files: it
 * may wait for a disk, the loop never does.
 */
#pragma once

#include "daemon/supervisor/manager.h"

struct quarantine;

/* Files waiting to be taken, 6 KiB each. When there are more they stay where they are, refused
 * as before, and are taken when they are opened again. */
#define QUARANTINE_TAKES_MAX 256U
/* Questions of the admin socket, which serves 64 connections. */
#define QUARANTINE_ASKS_MAX 64U
/* A file that could not be taken is not tried again at its next open, but after this: it might be
 * copied a hundred times a second else. */
#define QUARANTINE_RETRY_NSEC (10 * NSEC_PER_SEC)

/**
 * quarantine_new() - open the store and start the thread
 * @host_root: O_PATH of the root to use where that of process 1 cannot be had; borrowed
 *
 * Without a store (no state directory) protection goes on: every take then fails and says so.
 * Context: start-up, after the mount namespace was left. Return: 0 or a negative errno.
 */
int quarantine_new(struct manager *m, int host_root, struct quarantine **ret);

/* Ends what the thread is at. Its opens may wait for the scanner, so the fanotify group must have
 * been closed, or have somebody who answers. Accepts NULL, returns NULL. */
struct quarantine *quarantine_free(struct quarantine *q);

/**
 * quarantine_take() - have a file put away if it should be
 * @r:    sanitised; any record
 * @line: its policy line, or NULL
 *
 * Records come from the process that reads hostile files. So only the supervisor's own mode, a
 * line that wants quarantine and fits the path, and the list of boot-critical files decide.
 */
void quarantine_take(struct quarantine *q, const struct record *r,
                     const struct policy_line *line);

/* See manager_quarantine(). */
int quarantine_ask(struct quarantine *q, const struct quarantine_ask *ask,
                   manager_quarantine_fn done, void *userdata);
void quarantine_cancel(struct quarantine *q, void *userdata);
