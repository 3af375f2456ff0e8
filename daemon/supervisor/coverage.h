/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage: which file systems are watched, which are not, and why
 *
 * Marks are on superblocks: one sees every open through every bind mount, mount namespace and (since
 * Linux 6.5) overlay on top (fanotify.md §0). The supervisor lives in a mount namespace of its own
 * whose mounts carry ignore marks, so that its own opens and its helpers' never wait for themselves
 * (I6); the watched ones are those of the namespace it was started in.
 */
#pragma once

#include "custos/conf.h"
#include "custos/policy.h"

#include "daemon/shared.h"
#include "daemon/supervisor/coverage-layers.h"
#include "daemon/supervisor/manager.h"

struct coverage;

/* Leave the mount namespace we were started in, keeping hold of it. Before any thread starts. */
int coverage_new(int group, struct coverage **ret);
struct coverage *coverage_free(struct coverage *c);

/**
 * coverage_update() - bring marks into line with mounts, configuration and policy
 * @shared: its mount table is rewritten
 * @d:      what could not be marked, and why
 *
 * Return: 0, or -EINVAL with @d when a path of Mount= cannot be watched.
 */
int coverage_update(struct coverage *c, const struct conf *conf, const struct policy *policy,
                    struct shared *shared, struct diag *d);

/* Take all marks away: opens pass from now on; those already queued still want an answer. */
void coverage_drop(struct coverage *c);

/* Becomes readable (EPOLLPRI) when something is mounted or unmounted. Borrowed. */
int coverage_poll_fd(const struct coverage *c);

/* O_PATH of / in the namespace we were started in. Borrowed. */
int coverage_host_root(const struct coverage *c);
struct stat;
int coverage_host_namespace(const struct coverage *c, struct stat *ret); /* of /proc/PID/ns/mnt there */

size_t coverage_n(const struct coverage *c);
const struct coverage_row *coverage_row(const struct coverage *c, size_t i);
size_t coverage_n_failed(const struct coverage *c);
/* The row of the file system @dev (st_dev of a file) is on; NULL when unknown. */
const struct coverage_row *coverage_find(const struct coverage *c, dev_t dev);

/* Are opens there held? @sb and @mount_id as mountinfo names them; of the namespace we were started in. */
bool coverage_watches(const struct coverage *c, dev_t sb);
bool coverage_watches_mount(const struct coverage *c, int mount_id);

/* Is a file system (as mountinfo names it) mounted in the namespace we were started in? */
bool coverage_has(const struct coverage *c, dev_t sb);
enum layers coverage_layers(const struct coverage *c);
/* Write all rows where policy predicates look them up. */
void coverage_publish(const struct coverage *c, struct mount_table *t);
