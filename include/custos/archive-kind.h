/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: which kinds there are, and how far they are unpacked */
#pragma once

#include <stdbool.h>

#include "custos/types.h"

/* What is opened, each by a reader of its own: formats that hold members, and filters
 * that hold one stream. */
enum arc_kind {
	ARC_ZIP,
	ARC_TAR,
	ARC_CPIO,
	ARC_7Z,
	ARC_AR, /* .deb, too */
	ARC_ISO,
	ARC_CAB,
	ARC_LHA,
	ARC_RAR,
	ARC_GZ, /* from here on filters */
	ARC_BZ2,
	ARC_XZ,
	ARC_ZSTD,
	ARC_LZ4,
	ARC_RPM, /* the payload behind the headers */
	ARC_LZMA, /* without xz's frame */
	ARC_LZIP,
	ARC_COMPRESS, /* .Z */
	N_ARC_KINDS,
};

#define ARC_KINDS_ALL ((1U << N_ARC_KINDS) - 1)
/* Nearly all known faults of libarchive are in the readers left out here. */
#define ARC_KINDS_DEFAULT                                                              \
	(ARC_KINDS_ALL &                                                               \
	 ~(1U << ARC_ISO | 1U << ARC_CAB | 1U << ARC_LHA | 1U << ARC_RAR))

static inline bool arc_is_filter(enum arc_kind kind)
{
	return kind >= ARC_GZ;
}

/* Each ceiling holds for one file with all that is in it. */
struct arc_limits {
	unsigned kinds;     /* mask of 1 << enum arc_kind: those that are opened */
	unsigned depth;     /* members in members; 1: those of the file alone */
	unsigned n_members; /* directories and links included */
	uint64_t n_bytes;   /* unpacked, every level counted */
	unsigned ratio;     /* of one archive's members to its own bytes */
	nsec_t time;
};

/* Bounds of the ceilings. */
#define ARC_DEPTH_MAX   16 /* levels of the thread's stack; real files have 4 */
#define ARC_MEMBERS_MAX 1000000
#define ARC_BYTES_MIN   (UINT64_C(64) << 10)
#define ARC_BYTES_MAX                                                                  \
	((UINT64_C(2) << 30) - 1) /* address space per worker is reserved */
#define ARC_RATIO_MIN 2
#define ARC_RATIO_MAX 100000
#define ARC_TIME_MIN  (100 * NSEC_PER_MSEC)
#define ARC_TIME_MAX  (60 * NSEC_PER_SEC) /* as long as any scan may take */

extern const struct arc_limits arc_limits_default;

bool arc_limits_valid(const struct arc_limits *l); /* each in its bounds? */

const char *arc_kind_name(enum arc_kind kind); /* "zip", "7z", "gz", ... */

/* Names with spaces between them, "default" for ARC_KINDS_DEFAULT, or "none" alone.
 * Return: 0, or -EINVAL for anything else. */
int arc_kinds_parse(const char *s, unsigned *ret);
