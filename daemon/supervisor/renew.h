/* SPDX-License-Identifier: Apache-2.0 */
/* Renew: take over from ourselves when another version of custosd has been installed
 *
 * Context: the loop's thread.
 */
#pragma once

#include "daemon/supervisor/manager.h"

struct renew;

/* Does another program than the one that runs lie in its place, one that we may start? */
bool renew_is_due(void);

/**
 * renew_start() - have the other program check the configuration, and if it is content, end for it
 * @done: called with what it said, or with generation 0: we are about to end
 *
 * The pair goes on; manager_run() then executes the other program in this process (docs/adr/0035).
 * Return: 0, -EALREADY while one is under way, or another negative errno.
 */
int renew_start(struct manager *m, manager_reload_fn done, void *userdata);
struct renew *renew_free(struct renew *r);

/* Only returns when it fails: a negative errno. @home: the mount namespace we were started in, which is where
 * the other one shall start, too; @argv: as we were started. Context: no other thread is left. */
int renew_execute(int home, char *const argv[]);
