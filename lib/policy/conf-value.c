/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration values
 *
 * Owns: what each kind of value looks like. Must not own: keys, their bounds and defaults (conf).
 */
#include "conf-value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "custos/cleanup.h"
#include "custos/mountinfo.h"
#include "custos/quantity.h"

#include "pathname.h"
#include "strlist.h"

#define GROUP_NAME_MAX 32 /* useradd(8) */

int conf_parse_mode(const struct conf_key *key, const char *value, void *field)
{
	for (enum mode m = MODE_ENFORCE; m <= MODE_MONITOR; m++) {
		if (strcmp(value, mode_name(m)) == 0) {
			*(enum mode *)field = m;
			return 0;
		}
	}
	return -EINVAL;
}

int conf_parse_bool(const struct conf_key *key, const char *value, void *field)
{
	(void)key;
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return -EINVAL;
	*(bool *)field = strcmp(value, "yes") == 0;
	return 0;
}

int conf_parse_group(const struct conf_key *key, const char *value, void *field)
{
	char **group = field, *copy;
	size_t len = strlen(value);

	if (len > GROUP_NAME_MAX || value[0] == '-' ||
	    strspn(value,
	           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	           "$") != len)
		return -EINVAL;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*group);
	*group = copy;
	return 0;
}

int conf_parse_size(const struct conf_key *key, const char *value, void *field)
{
	uint64_t v;

	if (size_parse(value, &v) < 0 || v < key->min || v > key->max)
		return -EINVAL;
	*(uint64_t *)field = v;
	return 0;
}

int conf_parse_duration(const struct conf_key *key, const char *value, void *field)
{
	nsec_t v;

	if (duration_parse(value, &v) < 0 || v < key->min || v > key->max)
		return -EINVAL;
	*(nsec_t *)field = v;
	return 0;
}

/* "yes" is the default; 0 is "no". */
int conf_parse_canary(const struct conf_key *key, const char *value, void *field)
{
	bool on;

	if (conf_parse_bool(key, value, &on) < 0)
		return conf_parse_duration(key, value, field);
	*(nsec_t *)field = on ? CONF_CANARY_DEFAULT : 0;
	return 0;
}

int conf_parse_count(const struct conf_key *key, const char *value, void *field)
{
	uint64_t v;

	if (value[strspn(value, "0123456789")] != '\0' || size_parse(value, &v) < 0 ||
	    v < key->min || v > key->max)
		return -EINVAL;
	*(unsigned *)field = (unsigned)v;
	return 0;
}

int conf_parse_threshold(const struct conf_key *key, const char *value, void *field)
{
	struct conf *c = (struct conf *)((char *)field - key->offset);
	bool both = strcmp(value, "vendor+site") == 0;
	int r = conf_parse_count(key, both ? "2" : value, field);

	if (r == 0)
		c->bundle_both = both;
	return r;
}

int conf_parse_paths(const struct conf_key *key, const char *value, void *field)
{
	size_t len = pathname_trim(value);
	_cleanup_(freep) char *path = strndup(value, len);

	if (!path)
		return -ENOMEM;
	if (pathname_error(path))
		return -EINVAL;
	return strlist_add(field, path, len);
}

int conf_parse_mounts(const struct conf_key *key, const char *value, void *field)
{
	if (strcmp(value, "auto") != 0)
		return conf_parse_paths(key, value, field);
	strlist_deinit(field);
	return 0;
}

int conf_parse_blocking(const struct conf_key *key, const char *value, void *field)
{
	if (value[0] == '/')
		return conf_parse_paths(key, value, field);
	/* "fuse.sshfs": any word may stand behind the point. */
	if (mount_class_of(value) != MOUNT_REMOTE || strpbrk(value, " \t/"))
		return -EINVAL;
	return strlist_add(field, value, strlen(value));
}

int conf_parse_budget(const struct conf_key *key, const char *value, void *field)
{
	if (strcmp(value, "no") != 0)
		return conf_parse_duration(key, value, field);
	*(nsec_t *)field = 0;
	return 0;
}

int conf_parse_scanner_memory(const struct conf_key *key, const char *value, void *field)
{
	if (strcmp(value, "auto") != 0)
		return conf_parse_size(key, value, field);
	*(uint64_t *)field = 0;
	return 0;
}

int conf_parse_namespaces(const struct conf_key *key, const char *value, void *field)
{
	if (strcmp(value, "auto") != 0)
		return conf_parse_count(key, value, field);
	*(unsigned *)field = CONF_NAMESPACES_AUTO;
	return 0;
}

int conf_parse_archive_kinds(const struct conf_key *key, const char *value, void *field)
{
	(void)key;
	return arc_kinds_parse(value, field);
}
