/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: everything that is in one, members of members included, in memory and
 * within ceilings */
#pragma once

#include <stdbool.h>

#include "custos/archive-kind.h"
#include "custos/verdict.h"

struct arc_walker; /* one per worker thread: limits, and memory for members */

/* One member that was read. */
struct arc_member {
	const uint8_t *buf; /* until the call returns */
	size_t len;         /* perhaps not all of it: then the walk's reason says why */
	const char *name;   /* hostile; a path in the archive, "" if it has none */
};

struct arc_walk {
	const void *buf;
	size_t len;
	const char *name; /* of the file; NULL = "" */
	nsec_t deadline;  /* of the caller, absolute, CLOCK_MONOTONIC */
	/* NULL, or: true is as if the deadline had passed */
	const _Atomic bool *cancel;
	/* For each member with data, in the order of the archive, before what is in it.
	 * @deadline: the ceiling of time included. @ret_miss: may be set, to why the
	 * member was not judged in full. Return: false ends the walk. */
	bool (*member)(void *userdata, const struct arc_member *m, nsec_t deadline,
	               enum reason *ret_miss);
	void *userdata;

	/* Result. REASON_NONE: everything was read, or there is no archive; else what
	 * kept the first member from being read in full. */
	enum reason reason;
	/* Where that was; when member() ended it, the member it was called for. */
	struct member_place at;
	unsigned n_members;
	uint64_t n_bytes; /* unpacked */
};

/**
 * arc_global_init() - have the libraries load what they would load at first use
 *
 * Once per process, before any thread and before the seal. Return: 0, or -EIO when
 * libarchive cannot read.
 */
int arc_global_init(void);

/**
 * arc_walker_new() - reserve address space for what is unpacked
 *
 * Memory is used only while there are members that large, KEEP_BYTES (1 MiB) excepted.
 * Context: before the seal; allocates. Return: 0, -EINVAL for limits out of their
 * bounds, or another negative errno.
 */
int arc_walker_new(const struct arc_limits *limits, struct arc_walker **ret);
struct arc_walker *arc_walker_free(struct arc_walker *w);
void arc_walker_freep(struct arc_walker **w);

/**
 * arc_walk() - show every member of @walk->buf to its member()
 *
 * Where the bytes can be read as more than one kind of archive, each reading is walked.
 * A ceiling on depth or ratio, a damaged or encrypted member leaves out what it must;
 * those on members, bytes and time end the walk.
 *
 * Context: the thread that owns @w; no system call but those of malloc, madvise, and
 * newfstatat (mktime in libarchive; of /etc/localtime). Opens nothing.
 */
void arc_walk(struct arc_walker *w, struct arc_walk *walk);
