/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path names
 *
 * Owns: what a well-formed path in a configuration is. Must not own: whether it exists.
 * Hands off to: conf and policy.
 *
 * The kernel reports normalised paths, so one that is not would never match: better to
 * say so.
 */
#include "pathname.h"

#include <limits.h>
#include <string.h>

const char *pathname_error(const char *path)
{
	const char *p = path;

	if (*p != '/')
		return "is not absolute";
	if (strlen(path) >= PATH_MAX)
		return "is too long";
	if (p[1] == '\0')
		return NULL;
	for (; *p; p += strcspn(p, "/")) {
		size_t len = strcspn(++p, "/");

		if (len == 0)
			return p[0] ? "contains '//'" : "ends in '/'";
		if (len == 1 && p[0] == '.')
			return "contains '.'";
		if (len == 2 && p[0] == '.' && p[1] == '.')
			return "contains '..'";
	}
	return NULL;
}

size_t pathname_trim(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

bool pathname_within(const char *dir, size_t dir_len, const char *path, size_t len)
{
	if (dir_len == 1)
		return len > 0 && path[0] == '/';
	return len >= dir_len && memcmp(path, dir, dir_len) == 0 &&
	       (len == dir_len || path[dir_len] == '/');
}
