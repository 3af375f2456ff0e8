/* SPDX-License-Identifier: Apache-2.0 */
/*
 * External variables
 *
 * Owns: the convention of what each variable holds (rules.h).
 * Must not own: how they reach the rules.
 */
#include "engine-vars.h"

#include <stdio.h>
#include <string.h>

#include "custos/filetype.h"

/* Only ASCII letters: the locale must not matter. */
static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void set_path(struct engine_vars *v, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot;

	(void)snprintf(v->filename, sizeof(v->filename), "%s",
	               slash ? slash + 1 : path);
	(void)snprintf(v->filepath, sizeof(v->filepath), "%.*s",
	               slash ? (int)(slash - path) : 0, path);

	/* ".bashrc" is a name, not an extension. */
	dot = strrchr(v->filename, '.');
	v->extension[0] = '\0';
	if (dot && dot != v->filename)
		(void)snprintf(v->extension, sizeof(v->extension), "%s", dot);
	for (char *p = v->extension; *p; p++)
		*p = to_lower(*p);
}

void engine_vars_set(struct engine_vars *v, const char *path, uid_t owner,
                     const void *head, size_t len)
{
	set_path(v, path ? path : "");
	if (owner == 0)
		(void)snprintf(v->owner, sizeof(v->owner), "root");
	else
		(void)snprintf(v->owner, sizeof(v->owner), "%u", owner);

	v->values[RULES_FILENAME] = v->filename;
	v->values[RULES_FILEPATH] = v->filepath;
	v->values[RULES_EXTENSION] = v->extension;
	v->values[RULES_FILETYPE] = filetype_name(head, len);
	v->values[RULES_OWNER] = v->owner;
}
