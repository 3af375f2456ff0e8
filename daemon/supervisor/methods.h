/* SPDX-License-Identifier: Apache-2.0 */
/* Methods of the admin socket */
#pragma once

#include <stdint.h>

#include "connection.h"

/* What a caller must be. */
enum method_class {
	CLASS_OBSERVE, /* root, group custos */
	CLASS_OPERATE, /* root, OperatorGroup= */
	CLASS_WEAKEN,  /* root */
};

/* Start the call in @m (borrowed). It is answered, or has state, when this returns. */
void methods_dispatch(struct connection *c, const struct varlink_message *m);

/* One handler each; parameters have been checked against the method's list of them. */
void method_status(struct connection *c, json_t *parameters);
void method_stats(struct connection *c, json_t *parameters);
void method_events(struct connection *c, json_t *parameters);
void method_scan(struct connection *c, json_t *parameters);
void method_flush_cache(struct connection *c, json_t *parameters);
void method_explain(struct connection *c, json_t *parameters);
void method_policy(struct connection *c, json_t *parameters);
void method_quarantine(struct connection *c, json_t *parameters);
void method_quarantine_release(struct connection *c, json_t *parameters);
void method_quarantine_export(struct connection *c, json_t *parameters);
void method_bundles(struct connection *c, json_t *parameters);
void method_import_bundle(struct connection *c, json_t *parameters);
void method_rollback_bundle(struct connection *c, json_t *parameters);
void method_rule_cost(struct connection *c, json_t *parameters);
void method_rule_sets(struct connection *c, json_t *parameters);
void method_reload(struct connection *c, json_t *parameters);
void method_set_mode(struct connection *c, json_t *parameters);
void method_get_info(struct connection *c, json_t *parameters);
void method_get_interface_description(struct connection *c, json_t *parameters);

/* Optional parameters: absent and null are the same. */
const char *param_string(json_t *parameters, const char *name); /* NULL when absent */
int64_t param_int(json_t *parameters, const char *name, int64_t dflt);
bool param_bool(json_t *parameters, const char *name, bool dflt);

/* Members of replies. A failure to allocate shows when the reply is built: it is then
 * NULL. */
json_t *reply_int(uint64_t v);
/* Add @s under @key unless it is NULL or "". Returns -ENOMEM or 0. */
int reply_set_text(json_t *object, const char *key, const char *s);
/* The same for errors, one a line: only as many as leave room for the rest. */
int reply_set_errors(json_t *object, const char *key, const char *errors);
/* "FILE:LINE" of a policy line. */
int reply_set_line(json_t *object, const char *key, const struct policy_line *line);
