/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: one of them, in memory, member by member */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "archive-sign.h"
#include "custos/archive-kind.h"

enum arc_step {
	ARC_OK,
	ARC_END,
	ARC_OTHER,   /* arc_open(): the reader says that this is none of its kind */
	ARC_BROKEN,  /* this member; the next may be readable */
	ARC_DAMAGED, /* nothing more can be read */
	ARC_LOCKED,  /* encrypted, names included */
	ARC_LATE,    /* the deadline has passed */
	ARC_NOMEM,
};

struct arc_reader {
	struct archive *a;
	const uint8_t *buf; /* borrowed */
	size_t len, pos;
	nsec_t deadline;
	enum arc_kind kind;
	bool late; /* a read was refused for it */
};

struct arc_entry {
	const char *name; /* hostile; "" when it has none; until the next call */
	bool is_locked;   /* its data is encrypted */
	bool has_size; /* it is a file, and the archive tells how much data it has: */
	uint64_t n_bytes;
};

/* Some bytes of a member: zeros up to @offset, then @data. */
struct arc_piece {
	const void *data;
	size_t len;
	uint64_t offset; /* in the member */
	bool is_wrong;   /* its sum or its sizes are not as told: other programs may see other bytes */
};

/**
 * arc_open() - open the archive that @sign tells of in @buf, with the one reader for it
 * @deadline: absolute, CLOCK_MONOTONIC: looked at whenever more of @buf is wanted
 *
 * A filter is undone once, whatever comes out: what it holds is its one member, without
 * a name.
 *
 * Context: allocates. Return: ARC_OK, ARC_OTHER, ARC_DAMAGED, ARC_LATE or ARC_NOMEM.
 * @rd is to be closed in any case.
 */
enum arc_step arc_open(struct arc_reader *rd, const struct arc_sign *sign,
                       const uint8_t *buf, nsec_t deadline);

/* The next member. Return: ARC_OK, ARC_END, ARC_BROKEN, ARC_DAMAGED, ARC_LOCKED,
 * ARC_LATE, ARC_NOMEM. */
enum arc_step arc_next(struct arc_reader *rd, struct arc_entry *ret);

/* The next piece of the member's data. Return: as arc_next(). After ARC_END ret->offset
 * is the size of a member that ends with a hole, or less. */
enum arc_step arc_data(struct arc_reader *rd, struct arc_piece *ret);

/* Where the header lies that arc_next() has read last, from where the archive begins. */
size_t arc_header_at(const struct arc_reader *rd);

void arc_close(struct arc_reader *rd);
