/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring
 *
 * Owns: the order and the life of cells. Must not own: what is in them, or waking anybody.
 * Sequence of cell i in lap k: free when k*n+i, published when that + 1. What is in memory is that less i, so that memory of
 * zeros is a ring: cells that nobody has used yet take no page.
 */
#include "custos/ring.h"

#include <assert.h>
#include <string.h>

struct cell {
	_Atomic uint64_t turn; /* its sequence less its place */
	unsigned char payload[];
};

static size_t cell_stride(uint32_t cell_bytes)
{
	return sizeof(struct cell) + cell_bytes;
}

static struct cell *cell_of(struct ring *r, uint64_t pos, uint32_t n_cells, uint32_t cell_bytes)
{
	return (struct cell *)(r->cells + (pos & (n_cells - 1)) * cell_stride(cell_bytes));
}

/* For producers, and before there are any. */
static struct cell *cell_at(struct ring *r, uint64_t pos)
{
	return cell_of(r, pos, r->n_cells, r->cell_bytes);
}

static struct cell *cell_at_head(const struct ring_consumer *c)
{
	return cell_of(c->ring, c->head, c->n_cells, c->cell_bytes);
}

/* What the cell of @pos has in memory when its sequence is @seq. */
static uint64_t turn_of(uint64_t pos, uint32_t n_cells, uint64_t seq)
{
	return seq - (pos & (n_cells - 1));
}

size_t ring_bytes(uint32_t n_cells, uint32_t cell_bytes)
{
	return sizeof(struct ring) + n_cells * cell_stride(cell_bytes);
}

void ring_init(struct ring *r, uint32_t n_cells, uint32_t cell_bytes)
{
	/* With one cell "published" and "free in the next lap" would be the same number. */
	assert(n_cells >= 2 && (n_cells & (n_cells - 1)) == 0 && cell_bytes % 8 == 0);
	memset(r, 0, sizeof(*r));
	r->n_cells = n_cells;
	r->cell_bytes = cell_bytes;
}

void *ring_claim(struct ring *r, uint64_t *ret_ticket)
{
	uint64_t pos = atomic_load_explicit(&r->tail, memory_order_relaxed);

	for (;;) {
		struct cell *cell = cell_at(r, pos);
		/* Acquire: pairs with ring_pop(): the consumer has read the old payload. */
		uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
		uint64_t seq = turn + (pos & (r->n_cells - 1));

		if (seq < pos) {
			atomic_fetch_add_explicit(&r->n_dropped, 1, memory_order_relaxed);
			return NULL;
		}
		if (seq > pos) { /* another producer has it */
			pos = atomic_load_explicit(&r->tail, memory_order_relaxed);
			continue;
		}
		/* Relaxed: publishes nothing; the payload is published by the cell's seq. */
		if (atomic_compare_exchange_weak_explicit(&r->tail, &pos, pos + 1,
		                                          memory_order_relaxed,
		                                          memory_order_relaxed)) {
			*ret_ticket = pos;
			return cell->payload;
		}
	}
}

bool ring_publish(struct ring *r, uint64_t ticket)
{
	uint64_t expected = turn_of(ticket, r->n_cells, ticket);

	/* Release: pairs with the acquire in ring_peek(). Compare, because the consumer may have
	 * skipped this cell as a hole. */
	return atomic_compare_exchange_strong_explicit(
		&cell_at(r, ticket)->turn, &expected, expected + 1, memory_order_release,
		memory_order_relaxed);
}

void ring_consumer_init(struct ring_consumer *c, struct ring *r, uint32_t n_cells,
                        uint32_t cell_bytes)
{
	*c = (struct ring_consumer){.ring = r, .n_cells = n_cells, .cell_bytes = cell_bytes};
}

static void advance(struct ring_consumer *c)
{
	c->head++;
	/* Relaxed: only a hint, for ring_used(). */
	atomic_store_explicit(&c->ring->head, c->head, memory_order_relaxed);
}

/* The cell at head is claimed but not published. Return: true if it was given up. */
static bool skip_hole(struct ring_consumer *c, struct cell *cell, nsec_t now)
{
	uint64_t expected = turn_of(c->head, c->n_cells, c->head);

	if (c->hole_since == 0)
		c->hole_since = now;
	if (now - c->hole_since < RING_HOLE_NSEC)
		return false;
	c->hole_since = 0;
	if (!atomic_compare_exchange_strong_explicit(&cell->turn, &expected, expected + c->n_cells,
	                                             memory_order_acq_rel,
	                                             memory_order_acquire))
		return true; /* published at the last moment: look again */
	advance(c);
	c->n_lost++;
	return true;
}

const void *ring_peek(struct ring_consumer *c, nsec_t now)
{
	for (;;) {
		struct cell *cell = cell_at_head(c);

		if (atomic_load_explicit(&cell->turn, memory_order_acquire) ==
		    turn_of(c->head, c->n_cells, c->head + 1)) {
			c->hole_since = 0;
			return cell->payload;
		}
		if (atomic_load_explicit(&c->ring->tail, memory_order_relaxed) == c->head)
			return NULL;
		if (!skip_hole(c, cell, now))
			return NULL;
	}
}

void ring_pop(struct ring_consumer *c)
{
	/* Release: our reading of the payload comes before the next producer's writing. */
	atomic_store_explicit(&cell_at_head(c)->turn,
	                      turn_of(c->head, c->n_cells, c->head + c->n_cells), memory_order_release);
	advance(c);
}

uint64_t ring_used(const struct ring *r)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	return tail > head ? tail - head : 0;
}
