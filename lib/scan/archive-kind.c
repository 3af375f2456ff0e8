/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archive kinds
 *
 * Owns: the names of kinds, and the ceilings where nobody sets others.
 * Must not own: what a kind looks like (archive-sign), or how it is read
 * (archive-read).
 */
#include "custos/archive-kind.h"

#include <errno.h>
#include <string.h>

/* Members of members of real packages are four levels deep (.deb: ar, xz, tar, gz). 200
 * is more than logs reach, and less than bombs need. Jars of whole servers have 33,000 members; 50,000 take a second
 * and a half if there is nothing in them. */
const struct arc_limits arc_limits_default = {
	.kinds = ARC_KINDS_DEFAULT,
	.depth = 8,
	.n_members = 50000,
	.n_bytes = UINT64_C(256) << 20,
	.ratio = 200,
	.time = 30 * NSEC_PER_SEC,
};

bool arc_limits_valid(const struct arc_limits *l)
{
	return !(l->kinds & ~ARC_KINDS_ALL) && l->depth >= 1 &&
	       l->depth <= ARC_DEPTH_MAX && l->n_members >= 1 &&
	       l->n_members <= ARC_MEMBERS_MAX && l->n_bytes >= ARC_BYTES_MIN &&
	       l->n_bytes <= ARC_BYTES_MAX && l->ratio >= ARC_RATIO_MIN &&
	       l->ratio <= ARC_RATIO_MAX && l->time > 0 && l->time <= ARC_TIME_MAX;
}

static const char *const kind_names[N_ARC_KINDS] = {
	[ARC_ZIP] = "zip",   [ARC_TAR] = "tar", [ARC_CPIO] = "cpio", [ARC_7Z] = "7z",
	[ARC_AR] = "ar",     [ARC_ISO] = "iso", [ARC_CAB] = "cab",   [ARC_LHA] = "lha",
	[ARC_RAR] = "rar",   [ARC_GZ] = "gz",   [ARC_BZ2] = "bz2",   [ARC_XZ] = "xz",
	[ARC_ZSTD] = "zstd", [ARC_LZ4] = "lz4", [ARC_RPM] = "rpm",
	[ARC_LZMA] = "lzma", [ARC_LZIP] = "lzip", [ARC_COMPRESS] = "compress",
};

const char *arc_kind_name(enum arc_kind kind)
{
	return kind_names[kind];
}

/* The mask that @len bytes at @s name; 0: they name none. */
static unsigned kinds_named(const char *s, size_t len)
{
	static const char default_name[] = "default";

	for (unsigned kind = 0; kind < N_ARC_KINDS; kind++)
		if (strlen(kind_names[kind]) == len &&
		    memcmp(kind_names[kind], s, len) == 0)
			return 1U << kind;
	return len == sizeof(default_name) - 1 && memcmp(default_name, s, len) == 0
	               ? ARC_KINDS_DEFAULT
	               : 0;
}

int arc_kinds_parse(const char *s, unsigned *ret)
{
	unsigned kinds = 0;

	if (strcmp(s, "none") == 0) {
		*ret = 0;
		return 0;
	}
	for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
		size_t len = strcspn(s, " ");
		unsigned named = kinds_named(s, len);

		if (!named)
			return -EINVAL;
		kinds |= named;
		s += len;
	}
	if (!kinds)
		return -EINVAL;
	*ret = kinds;
	return 0;
}
