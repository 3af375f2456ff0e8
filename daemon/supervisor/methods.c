/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: the table
 *
 * The table is the security policy of the socket: which methods exist, who may call
 * each, which parameters it takes. A handler runs only when all of that has been
 * checked.
 *
 * Owns: the table, authorization, checking of parameters.
 * Must not own: what a method does (methods-*.c).
 */
#include "methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"

enum param_type { PARAM_END, PARAM_INT, PARAM_STRING, PARAM_BOOL, PARAM_STRINGS };

struct param {
	const char *name;
	enum param_type type;
	bool required;
};

#define PARAMS_MAX 4

/* Errors of a reload in one reply. The journal has them all. */
#define ERRORS_BYTES_MAX (16U * 1024)

struct method {
	const char *name;
	enum method_class class;
	bool more; /* makes sense only with the flag `more` */
	unsigned fds_max;
	void (*run)(struct connection *c, json_t *parameters);
	struct param params[PARAMS_MAX + 1];
};

static const struct method methods[] = {
	{"io.custos.Manager.Status", CLASS_OBSERVE, false, 0, method_status, {{0}}},
	{"io.custos.Manager.Stats",
         CLASS_OBSERVE,
         false,
         0,
         method_stats,
         {{"by", PARAM_STRING, false}, {"top", PARAM_INT, false}}},
	{"io.custos.Manager.Events",
         CLASS_OBSERVE,
         true,
         0,
         method_events,
         {{"sinceSeq", PARAM_INT, false},
          {"last", PARAM_INT, false},
          {"verdict", PARAM_STRINGS, false},
          {"follow", PARAM_BOOL, false}}},
	{"io.custos.Manager.Explain",
         CLASS_OBSERVE,
         false,
         1,
         method_explain,
         {{"fd", PARAM_INT, true},
          {"path", PARAM_STRING, true},
          {"exe", PARAM_STRING, false},
          {"uid", PARAM_INT, false}}},
	{"io.custos.Manager.Policy",
         CLASS_OBSERVE,
         false,
         0,
         method_policy,
         {{"from", PARAM_INT, false}}},
	{"io.custos.Manager.RuleCost",
         CLASS_OBSERVE,
         false,
         0,
         method_rule_cost,
         {{"top", PARAM_INT, false}}},
	{"io.custos.Manager.RuleSets", CLASS_OBSERVE, false, 0, method_rule_sets, {{0}}},
	{"io.custos.Manager.Scan",
         CLASS_OPERATE,
         false,
         VARLINK_FDS_MAX,
         method_scan,
         {{"paths", PARAM_STRINGS, true}}},
	{"io.custos.Manager.Reload", CLASS_OPERATE, false, 0, method_reload, {{0}}},
	{"io.custos.Manager.FlushCache", CLASS_OPERATE, false, 0, method_flush_cache, {{0}}},
	{"io.custos.Manager.SetMode",
         CLASS_WEAKEN,
         false,
         0,
         method_set_mode,
         {{"mode", PARAM_STRING, true},
          {"ttlSec", PARAM_INT, false},
          {"reason", PARAM_STRING, false}}},
	{"io.custos.Manager.Quarantine",
         CLASS_OBSERVE,
         false,
         0,
         method_quarantine,
         {{"id", PARAM_STRING, false}, {"after", PARAM_STRING, false}}},
	{"io.custos.Manager.QuarantineRelease",
         CLASS_WEAKEN,
         false,
         0,
         method_quarantine_release,
         {{"id", PARAM_STRING, true}, {"reason", PARAM_STRING, true}}},
	/* Nothing becomes less protected, but whoever calls gets malicious bytes. */
	{"io.custos.Manager.QuarantineExport",
         CLASS_WEAKEN,
         false,
         1,
         method_quarantine_export,
         {{"id", PARAM_STRING, true}, {"fd", PARAM_INT, true}}},
	{"io.custos.Manager.Bundles", CLASS_OBSERVE, false, 0, method_bundles, {{0}}},
	/* Its signatures decide what comes in, not who brings it. */
	{"io.custos.Manager.ImportBundle",
         CLASS_OPERATE,
         false,
         1,
         method_import_bundle,
         {{"bundle", PARAM_INT, true}}},
	{"io.custos.Manager.RollbackBundle",
         CLASS_WEAKEN,
         false,
         0,
         method_rollback_bundle,
         {{"channel", PARAM_STRING, false},
          {"serial", PARAM_INT, false},
          {"reason", PARAM_STRING, true}}},
	{"org.varlink.service.GetInfo",
         CLASS_OBSERVE,
         false,
         0,
         method_get_info,
         {{0}}},
	{"org.varlink.service.GetInterfaceDescription",
         CLASS_OBSERVE,
         false,
         0,
         method_get_interface_description,
         {{"interface", PARAM_STRING, true}}},
};

static const struct method *find_method(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		if (strcmp(name, methods[i].name) == 0)
			return &methods[i];
	}
	return NULL;
}

static bool is_permitted(const struct peer *peer, enum method_class class)
{
	switch (class) {
	case CLASS_OBSERVE:
		return peer->observe;
	case CLASS_OPERATE:
		return peer->operate;
	case CLASS_WEAKEN:
		break;
	}
	return peer->uid == 0;
}

static bool is_type(const json_t *value, enum param_type type)
{
	size_t i;
	json_t *item;

	switch (type) {
	case PARAM_INT:
		return json_is_integer(value);
	case PARAM_STRING:
		return json_is_string(value);
	case PARAM_BOOL:
		return json_is_boolean(value);
	case PARAM_STRINGS:
		json_array_foreach (value, i, item) {
			if (!json_is_string(item))
				return false;
		}
		return json_is_array(value);
	case PARAM_END:
		break;
	}
	return false;
}

static bool is_known(const struct method *m, const char *name)
{
	for (const struct param *p = m->params; p->type != PARAM_END; p++) {
		if (strcmp(p->name, name) == 0)
			return true;
	}
	return false;
}

/* Name of the first parameter that is wrong, missing or unknown; NULL: all is well. */
static const char *bad_param(const struct method *m, json_t *parameters)
{
	const char *name;
	json_t *value;

	for (const struct param *p = m->params; p->type != PARAM_END; p++) {
		value = json_object_get(parameters, p->name);
		if (!value || json_is_null(value)) {
			if (p->required)
				return p->name;
		} else if (!is_type(value, p->type)) {
			return p->name;
		}
	}
	json_object_foreach (parameters, name, value) {
		if (!is_known(m, name))
			return name;
	}
	return NULL;
}

static void method_error(struct connection *c, const char *error, const char *method)
{
	call_error(c, error, json_pack("{s:s}", "method", method));
}

void methods_dispatch(struct connection *c, const struct varlink_message *m)
{
	const struct method *method = find_method(m->method);
	const char *bad;

	/* Before anything else: who may not look is not told what there is. */
	if (!is_permitted(&c->peer, method ? method->class : CLASS_OBSERVE)) {
		call_error(c, "org.varlink.service.PermissionDenied", NULL);
		return;
	}
	if (!method) {
		method_error(c, "org.varlink.service.MethodNotFound", m->method);
		return;
	}
	if (m->flags & VARLINK_UPGRADE) {
		method_error(c, "org.varlink.service.MethodNotImplemented", m->method);
		return;
	}
	if (method->more && !(m->flags & VARLINK_MORE)) {
		call_error(c, "org.varlink.service.ExpectedMore", NULL);
		return;
	}
	bad = c->n_fds > method->fds_max ? "fds" : bad_param(method, m->parameters);
	if (bad) {
		call_invalid(c, bad);
		return;
	}
	method->run(c, m->parameters);
}

const char *param_string(json_t *parameters, const char *name)
{
	return json_string_value(json_object_get(parameters, name));
}

int64_t param_int(json_t *parameters, const char *name, int64_t dflt)
{
	json_t *value = json_object_get(parameters, name);

	return json_is_integer(value) ? json_integer_value(value) : dflt;
}

bool param_bool(json_t *parameters, const char *name, bool dflt)
{
	json_t *value = json_object_get(parameters, name);

	return json_is_boolean(value) ? json_is_true(value) : dflt;
}

json_t *reply_int(uint64_t v)
{
	return json_integer((json_int_t)MIN(v, (uint64_t)INT64_MAX));
}

int reply_set_text(json_t *object, const char *key, const char *s)
{
	return s && *s ? varlink_set_bytes(object, key, s, strlen(s)) : 0;
}

int reply_set_errors(json_t *object, const char *key, const char *errors)
{
	size_t len = errors ? strnlen(errors, ERRORS_BYTES_MAX) : 0;
	const char *end;

	if (len == 0)
		return 0;
	end = len == ERRORS_BYTES_MAX ? memrchr(errors, '\n', len) : NULL;
	return varlink_set_bytes(object, key, errors,
	                         end ? (size_t)(end - errors) : len);
}

int reply_set_line(json_t *object, const char *key, const struct policy_line *line)
{
	_cleanup_(freep) char *text = NULL;

	if (!line)
		return 0;
	if (line->line == 0)
		return reply_set_text(object, key, line->file);
	if (asprintf(&text, "%s:%u", line->file, line->line) < 0)
		return -ENOMEM;
	return reply_set_text(object, key, text);
}
