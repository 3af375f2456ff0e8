/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quarantine: extended attributes
 *
 * Owns: their translation to JSON and back, and its bound.
 * Must not own: which file they belong to.
 */
#include "quarantine-file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "custos/cleanup.h"
#include "custos/text.h"
#include "custos/varlink.h"

/* {name, valueBase64}; NULL: no memory. */
static json_t *xattr_json(const char *name, const void *value, size_t len)
{
	_cleanup_(freep) char *text = text_base64(value, len);
	json_t *o = text ? json_pack("{s:s}", "valueBase64", text) : NULL;

	if (o && varlink_set_bytes(o, "name", name, strlen(name)) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

json_t *quarantine_xattrs_get(int fd, bool *ret_omitted)
{
	_cleanup_(freep) char *names = malloc(QUARANTINE_XATTR_BYTES_MAX);
	_cleanup_(freep) char *value = malloc(QUARANTINE_XATTR_BYTES_MAX);
	size_t left = QUARANTINE_XATTR_BYTES_MAX;
	json_t *all = json_array();
	ssize_t n = -1;

	*ret_omitted = false;
	if (names && value)
		n = flistxattr(fd, names, QUARANTINE_XATTR_BYTES_MAX);
	if (n < 0)
		*ret_omitted = errno != EOPNOTSUPP;
	for (const char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		size_t need = strlen(name) + 1;
		ssize_t len = need <= left ? fgetxattr(fd, name, value, left - need) : -1;

		if (len < 0 ||
		    json_array_append_new(all, xattr_json(name, value, (size_t)len)) < 0)
			*ret_omitted = true;
		else
			left -= need + (size_t)len;
	}
	return all;
}

void quarantine_xattrs_set(int fd, json_t *xattrs, json_t *refused)
{
	size_t i;
	json_t *x;

	json_array_foreach (xattrs, i, x) {
		size_t name_len, len = 0;
		_cleanup_(freep) char *name = quarantine_bytes_member(x, "name", &name_len);
		_cleanup_(freep) char *value = text_unbase64(
			json_string_value(json_object_get(x, "valueBase64")) ?: "", &len);

		if (name && value && fsetxattr(fd, name, value, len, 0) == 0)
			continue;
		/* No memory: one name less in the answer. */
		(void)json_array_append(refused, json_object_get(x, "name"));
	}
}

char *quarantine_bytes_member(json_t *object, const char *key, size_t *ret_len)
{
	const char *text = json_string_value(json_object_get(object, key));
	char exact[64];

	(void)snprintf(exact, sizeof(exact), "%sBase64", key); /* keys are ours and short */
	if (json_object_get(object, exact))
		return text_unbase64(json_string_value(json_object_get(object, exact)) ?: "",
		                     ret_len);
	if (!text)
		return NULL;
	*ret_len = strlen(text);
	return strdup(text);
}
