/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads: what a script carries in base64, or compressed, to run it; one level deep, in memory and within ceilings */
#pragma once

#include <stdbool.h>

#include "custos/types.h"
#include "custos/verdict.h"

/* Each holds for one file with all that is in it. */
struct payload_limits {
	unsigned n;         /* payloads that are judged */
	size_t n_in;        /* bytes decoded from base64 */
	size_t n_out;       /* and bytes of what is inflated */
	unsigned ratio;     /* of what is inflated to what it was */
	nsec_t time;
};

extern const struct payload_limits payload_limits_default;

/* What a worker sets aside for them, in bytes. */
size_t payload_room(const struct payload_limits *l);

struct payload_walker; /* one per worker thread */

/* One that was decoded. */
struct payload {
	const uint8_t *buf; /* until the call returns */
	size_t len;
	uint64_t offset; /* of its first byte in the script, as it is written there */
};

struct payload_walk {
	const void *buf;
	size_t len;
	nsec_t deadline;            /* of the caller, absolute, CLOCK_MONOTONIC */
	const _Atomic bool *cancel; /* NULL, or: true is as if the deadline had passed */
	/* For each payload; for one that is text once more with a line before it that says which
	 * program runs it, for rules look for that. @deadline: the ceiling of time included. @ret_miss:
	 * may be set, to why it was not judged in full. Return: false ends the walk. */
	bool (*payload)(void *userdata, const struct payload *p, nsec_t deadline, enum reason *ret_miss);
	void *userdata;

	/* Result. REASON_NONE: all were shown, or there is none; else what kept the first from it. */
	enum reason reason;
	uint64_t offset; /* of that; when payload() ended it, of what it was called for */
};

/* Context: before the seal; allocates address space. Return: 0 or -ENOMEM. */
int payload_walker_new(const struct payload_limits *l, struct payload_walker **ret);
struct payload_walker *payload_walker_free(struct payload_walker *w);
void payload_walker_freep(struct payload_walker **w);

/* Another file: the ceilings are counted from here. */
void payload_begin(struct payload_walker *w);

/**
 * payload_walk() - show every payload of @walk->buf
 *
 * Looked for are runs of base64 in what is no program or archive and names base64 (or atob), and gzip behind
 * the first line of a script. What is decoded is shown if it looks like something: text, a known type, compressed,
 * or more than a few hundred bytes; compressed, what comes out is shown as well. Nothing is looked for in that.
 *
 * Context: the thread that owns @w; system calls of malloc, and madvise.
 */
void payload_walk(struct payload_walker *w, struct payload_walk *walk);

/* Would payload_walk() look for base64 in it? @decodes: a word that decodes is known to be there, perhaps where @buf is
 * not. Pure. */
bool payload_may_be(const void *buf, size_t len, bool decodes);
