/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Include statements
 *
 * Owns: which file an include statement means.
 * Must not own: opening files: whatever is not in the set does not exist.
 */
#include "rules-include.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rules_includes_init(struct rules_includes *in, const struct rules_source *sources,
                         size_t n)
{
	in->sources = sources;
	in->n_sources = n;
	in->n_seen = 0;
}

void rules_includes_reset(struct rules_includes *in)
{
	while (in->n_seen > 0)
		free(in->seen[--in->n_seen].name);
}

void rules_includes_deinit(struct rules_includes *in)
{
	rules_includes_reset(in);
}

const char *rules_includes_path(const struct rules_includes *in, const char *name)
{
	/* The latest wins: it is the one being read. */
	for (size_t i = in->n_seen; i > 0; i--)
		if (strcmp(in->seen[i - 1].name, name) == 0)
			return in->seen[i - 1].source->file;
	return name;
}

/* Remove "//", "/./" and "x/../" by text alone. ".." above the start is dropped. */
static void normalise(char *path)
{
	bool absolute = path[0] == '/';
	char *out = path + absolute, *p = out;

	while (*p) {
		size_t len = strcspn(p, "/");
		char *next = p + len + (p[len] == '/');

		if (len == 2 && memcmp(p, "..", 2) == 0) {
			while (out > path + absolute && *--out != '/')
				;
		} else if (len > 0 && !(len == 1 && *p == '.')) {
			if (out > path + absolute)
				*out++ = '/';
			memmove(out, p, len);
			out += len;
		}
		p = next;
	}
	*out = '\0';
}

static bool resolve(const char *name, const char *from, char ret[PATH_MAX])
{
	const char *slash = strrchr(from, '/');
	int n;

	if (name[0] == '/' || !slash)
		n = snprintf(ret, PATH_MAX, "%s", name);
	else
		n = snprintf(ret, PATH_MAX, "%.*s/%s", (int)(slash - from), from, name);
	if (n < 0 || n >= PATH_MAX)
		return false;
	normalise(ret);
	return true;
}

const struct rules_source *rules_includes_find(struct rules_includes *in,
                                               const char *name, const char *from)
{
	char path[PATH_MAX], own[PATH_MAX];

	if (in->n_seen == RULES_INCLUDES_MAX ||
	    !resolve(name, rules_includes_path(in, from), path))
		return NULL;
	for (size_t i = 0; i < in->n_sources; i++) {
		char *copy;

		if (!resolve(in->sources[i].file, "", own) || strcmp(own, path) != 0)
			continue;
		copy = strdup(name);
		if (!copy)
			return NULL;
		in->seen[in->n_seen].name = copy;
		in->seen[in->n_seen++].source = &in->sources[i];
		return &in->sources[i];
	}
	return NULL;
}
