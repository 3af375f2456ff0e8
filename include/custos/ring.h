/* SPDX-License-Identifier: Apache-2.0 */
/* Ring: bounded queue of fixed-size cells, many producers, one consumer, in shared memory
 *
 * A producer that finds it full is told so and goes on: nothing here ever waits. A producer may be
 * killed between claiming and publishing a cell; the consumer skips such a hole once it is older than
 * RING_HOLE_NSEC and counts it as lost. Cells carry a sequence number, as in D. Vyukov's bounded
 * queue; lock-free for the others whatever one producer does.
 *
 * Producers need not be trusted: what the consumer goes by (geometry, its place) lies in memory of
 * its own, struct ring_consumer; the worst they can do to it is to lose or garble payloads.
 *
 *           | claim/publish | peek/pop | init
 * claim     |       -       |    -     |  X      (X: needs external synchronisation)
 * peek/pop  |       -       |    X     |  X
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "custos/types.h"

/* A producer needs microseconds; one that was stopped this long is taken for dead. */
#define RING_HOLE_NSEC (2 * NSEC_PER_SEC)

struct ring {
	uint32_t n_cells;                   /* power of two, 2 or more; immutable */
	uint32_t cell_bytes;                /* of payload, multiple of 8; immutable */
	_cacheline_ _Atomic uint64_t tail;  /* producers */
	_Atomic uint64_t n_dropped;         /* producers: ring was full */
	_cacheline_ _Atomic uint64_t head;  /* consumer writes, for ring_used() alone */
	_cacheline_ unsigned char cells[];
};

/* The consumer's own: never in memory that a producer can write. */
struct ring_consumer {
	struct ring *ring;
	uint32_t n_cells, cell_bytes; /* as given to ring_init(); immutable */
	uint64_t head;
	uint64_t n_lost;              /* holes skipped */
	nsec_t hole_since;            /* 0: no hole at head */
};

size_t ring_bytes(uint32_t n_cells, uint32_t cell_bytes);
/* @r: memory of zeros, of ring_bytes(). No page of it is touched but the first. */
void ring_init(struct ring *r, uint32_t n_cells, uint32_t cell_bytes);

/* Start at the first cell of a ring nobody has consumed from. Same numbers as ring_init(). */
void ring_consumer_init(struct ring_consumer *c, struct ring *r, uint32_t n_cells,
                        uint32_t cell_bytes);

/* Claim a cell. Return: its payload and *ret_ticket, or NULL when full (counted as dropped). */
void *ring_claim(struct ring *r, uint64_t *ret_ticket);
/* Publish it. Return: false if the consumer had given up on it (lost). */
bool ring_publish(struct ring *r, uint64_t ticket);

/* Next published payload, valid until ring_pop(); NULL when there is none yet. */
const void *ring_peek(struct ring_consumer *c, nsec_t now);
void ring_pop(struct ring_consumer *c);

/* Published or claimed, about. Any thread. */
uint64_t ring_used(const struct ring *r);
