/* SPDX-License-Identifier: Apache-2.0 */
/* Loader: reads configuration, policy and rules, and switches generations as one (or not at all) */
#pragma once

#include "daemon/supervisor/manager.h"

struct loader;

/* Every load ends with this, before its callers hear of it: @error is NULL or why nothing has changed,
 * also when files could not be read, or compiled. */
typedef void (*loader_finished_fn)(struct manager *m, const char *error);

int loader_new(struct manager *m, uid_t uid, gid_t gid, loader_finished_fn finished,
               struct loader **ret);
struct loader *loader_free(struct loader *l);

/* As manager_reload(). Callers who come while a load runs get the result of the next one, because
 * what they changed may be newer than what is being read. */
int loader_request(struct loader *l, manager_reload_fn done, void *userdata);

/* The pair has answered for a generation (or refused it). One that is not on its way is passed over: a
 * new keeper has loaded the one in force. */
void loader_answered(struct loader *l, uint32_t generation, const char *error);

/* Configuration and policy of @config_root into *conf and *ret: every error goes to @d. */
int loader_read(const char *config_root, struct conf *conf, struct policy **ret, struct diag *d);
