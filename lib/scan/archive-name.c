/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archive names
 *
 * Owns: the name of what has none. Must not own: names that archives give
 * (archive-read).
 */
#include "archive-name.h"

#include <string.h>

#include "custos/types.h"

const char *arc_stream_name(const char *name, char buf[NAME_MAX + 1])
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	const char *dot = strrchr(base, '.');
	size_t len = dot && dot != base ? (size_t)(dot - base) : strlen(base);

	len = MIN(len, (size_t)NAME_MAX);
	memcpy(buf, base, len);
	buf[len] = '\0';
	return buf;
}
