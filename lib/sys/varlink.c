/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Varlink wire
 *
 * Owns: what is a well-formed message. Pure: bytes in, objects out, and back.
 * Must not own: sockets, descriptors, methods, permissions.
 * Hands off to: the server's connections and the client, which move the bytes.
 */
#include "custos/varlink.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/text.h"
#include "custos/types.h"

static void json_decrefp_(json_t **j)
{
	json_decref(*j);
}

int varlink_find_end(const char *buf, size_t len, size_t *ret_len)
{
	const char *end = memchr(buf, '\0', MIN(len, (size_t)VARLINK_MESSAGE_MAX + 1));

	if (end) {
		*ret_len = (size_t)(end - buf);
		return 0;
	}
	return len > VARLINK_MESSAGE_MAX ? -EMSGSIZE : -EAGAIN;
}

/* Brackets outside strings. Text that is not JSON may count wrong; the parser refuses
 * it. */
static bool depth_is_bounded(const char *text, size_t len)
{
	unsigned depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > VARLINK_DEPTH_MAX)
				return false;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

static int parse_object(const char *text, size_t len, json_t **ret)
{
	json_error_t error;
	json_t *root;

	if (len > VARLINK_MESSAGE_MAX)
		return -EMSGSIZE;
	if (!depth_is_bounded(text, len))
		return -E2BIG;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM
		                                                           : -EBADMSG;
	if (!json_is_object(root)) {
		json_decref(root);
		return -EBADMSG;
	}
	*ret = root;
	return 0;
}

/* A name that goes into error replies and messages: printable ASCII, as the grammar has
 * it. */
static bool is_name(const char *s)
{
	size_t n = strspn(
		s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

	return n > 0 && n <= 255 && s[n] == '\0';
}

static bool take_flag(struct varlink_message *m, const char *key, const json_t *value)
{
	static const struct {
		const char *key;
		unsigned flag;
	} flags[] = {
		{"more", VARLINK_MORE},
		{"oneway", VARLINK_ONEWAY},
		{"upgrade", VARLINK_UPGRADE},
		{"continues", VARLINK_CONTINUES},
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(key, flags[i].key) != 0)
			continue;
		if (json_is_true(value))
			m->flags |= flags[i].flag;
		return json_is_boolean(value);
	}
	return false;
}

static bool take_member(struct varlink_message *m, const char *key, json_t *value)
{
	if (strcmp(key, "parameters") == 0) {
		if (!json_is_null(value)) /* null: as if it were not there */
			m->parameters = value;
		return json_is_object(value) || json_is_null(value);
	}
	if (strcmp(key, "method") == 0) {
		m->method = json_string_value(value);
		return m->method && is_name(m->method);
	}
	if (strcmp(key, "error") == 0) {
		m->error = json_string_value(value);
		return m->error && is_name(m->error);
	}
	return take_flag(m, key, value);
}

static int parse_message(const char *text, size_t len, struct varlink_message *ret)
{
	_cleanup_(json_decrefp_) json_t *root = NULL;
	struct varlink_message m = {0};
	const char *key;
	json_t *value;
	int r;

	r = parse_object(text, len, &root);
	if (r < 0)
		return r;
	json_object_foreach (root, key, value) {
		if (!take_member(&m, key, value))
			return -EBADMSG;
	}
	if (!m.parameters) {
		m.parameters = json_object();
		if (json_object_set_new(root, "parameters", m.parameters) < 0)
			return -ENOMEM;
	}
	m.root = ptr_take(&root);
	*ret = m;
	return 0;
}

int varlink_parse_call(const char *text, size_t len, struct varlink_message *ret)
{
	struct varlink_message m = {0};
	int r;

	r = parse_message(text, len, &m);
	if (r < 0)
		return r;
	if (!m.method || m.error || (m.flags & VARLINK_CONTINUES) ||
	    (m.flags & VARLINK_MORE && m.flags & VARLINK_ONEWAY)) {
		varlink_message_deinit(&m);
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int varlink_parse_reply(const char *text, size_t len, struct varlink_message *ret)
{
	struct varlink_message m = {0};
	int r;

	r = parse_message(text, len, &m);
	if (r < 0)
		return r;
	if (m.method || (m.flags & ~(unsigned)VARLINK_CONTINUES) ||
	    (m.error && m.flags)) {
		varlink_message_deinit(&m);
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void varlink_message_deinit(struct varlink_message *m)
{
	json_decref(m->root);
	*m = (struct varlink_message){0};
}

static int set_true(json_t *object, const char *key, bool value)
{
	return value ? json_object_set_new(object, key, json_true()) : 0;
}

static int dump(json_t *root, char **ret, size_t *ret_len)
{
	char *text = json_dumps(root, JSON_COMPACT);
	size_t len;

	if (!text)
		return -ENOMEM;
	len = strlen(text);
	if (len > VARLINK_MESSAGE_MAX) {
		free(text);
		return -EMSGSIZE;
	}
	*ret = text;
	*ret_len = len + 1;
	return 0;
}

int varlink_build_call(const char *method, json_t *parameters, unsigned flags,
                       char **ret, size_t *ret_len)
{
	_cleanup_(json_decrefp_) json_t *root = json_object();

	if (!root || json_object_set_new(root, "method", json_string(method)) < 0 ||
	    (parameters && json_object_set(root, "parameters", parameters) < 0) ||
	    set_true(root, "more", flags & VARLINK_MORE) < 0 ||
	    set_true(root, "oneway", flags & VARLINK_ONEWAY) < 0)
		return -ENOMEM;
	return dump(root, ret, ret_len);
}

int varlink_build_reply(const char *error, json_t *parameters, unsigned flags,
                        char **ret, size_t *ret_len)
{
	_cleanup_(json_decrefp_) json_t *root = json_object();

	if (!root ||
	    (error && json_object_set_new(root, "error", json_string(error)) < 0) ||
	    json_object_set_new(root, "parameters",
	                        parameters ? json_incref(parameters) : json_object()) <
	            0 ||
	    set_true(root, "continues", flags & VARLINK_CONTINUES) < 0)
		return -ENOMEM;
	return dump(root, ret, ret_len);
}

static int set_base64(json_t *object, const char *key, const char *bytes, size_t len)
{
	_cleanup_(freep) char *name = NULL;
	_cleanup_(freep) char *encoded = text_base64(bytes, len);

	if (!encoded || asprintf(&name, "%sBase64", key) < 0)
		return -ENOMEM;
	return json_object_set_new(object, name, json_string(encoded)) < 0 ? -ENOMEM
	                                                                   : 0;
}

int varlink_set_bytes(json_t *object, const char *key, const char *bytes, size_t len)
{
	_cleanup_(freep) char *escaped = NULL;
	int r;

	if (text_utf8_valid(bytes, len))
		return json_object_set_new(object, key, json_stringn(bytes, len)) < 0
		               ? -ENOMEM
		               : 0;
	escaped = text_escape(bytes, len);
	if (!escaped)
		return -ENOMEM;
	r = json_object_set_new(object, key, json_string(escaped));
	return r < 0 ? -ENOMEM : set_base64(object, key, bytes, len);
}
