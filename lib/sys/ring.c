/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring
 *
 * Owns: the order and the life of cells. Must not own: what is in them, or waking anybody.
 * Sequence of cell i in lap k: free when k*n+i, published when that + 1.
 */
#include "custos/ring.h"

#include <assert.h>
#include <string.h>

struct cell {
	_Atomic uint64_t seq;
	unsigned char payload[];
};

static size_t cell_stride(uint32_t cell_bytes)
{
	return sizeof(struct cell) + cell_bytes;
}

static struct cell *cell_at(struct ring *r, uint64_t pos)
{
	return (struct cell *)(r->cells + (pos & (r->n_cells - 1)) * cell_stride(r->cell_bytes));
}

size_t ring_bytes(uint32_t n_cells, uint32_t cell_bytes)
{
	return sizeof(struct ring) + n_cells * cell_stride(cell_bytes);
}

void ring_init(struct ring *r, uint32_t n_cells, uint32_t cell_bytes)
{
	assert(n_cells && (n_cells & (n_cells - 1)) == 0 && cell_bytes % 8 == 0);
	memset(r, 0, sizeof(*r));
	r->n_cells = n_cells;
	r->cell_bytes = cell_bytes;
	for (uint32_t i = 0; i < n_cells; i++)
		atomic_store_explicit(&cell_at(r, i)->seq, i, memory_order_relaxed);
}

void *ring_claim(struct ring *r, uint64_t *ret_ticket)
{
	uint64_t pos = atomic_load_explicit(&r->tail, memory_order_relaxed);

	for (;;) {
		struct cell *cell = cell_at(r, pos);
		/* Acquire: pairs with ring_pop(): the consumer has read the old payload. */
		uint64_t seq = atomic_load_explicit(&cell->seq, memory_order_acquire);

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
	uint64_t expected = ticket;

	/* Release: pairs with the acquire in ring_peek(). Compare, because the consumer may have
	 * skipped this cell as a hole. */
	return atomic_compare_exchange_strong_explicit(&cell_at(r, ticket)->seq, &expected,
	                                               ticket + 1, memory_order_release,
	                                               memory_order_relaxed);
}

/* The cell at head is claimed but not published. Return: true if it was given up. */
static bool skip_hole(struct ring *r, struct cell *cell, nsec_t now)
{
	uint64_t expected = r->head;

	if (r->hole_since == 0)
		r->hole_since = now;
	if (now - r->hole_since < RING_HOLE_NSEC)
		return false;
	r->hole_since = 0;
	if (!atomic_compare_exchange_strong_explicit(&cell->seq, &expected, r->head + r->n_cells,
	                                             memory_order_acq_rel,
	                                             memory_order_acquire))
		return true; /* published at the last moment: look again */
	r->head++;
	r->n_lost++;
	return true;
}

const void *ring_peek(struct ring *r, nsec_t now)
{
	for (;;) {
		struct cell *cell = cell_at(r, r->head);

		if (atomic_load_explicit(&cell->seq, memory_order_acquire) == r->head + 1) {
			r->hole_since = 0;
			return cell->payload;
		}
		if (atomic_load_explicit(&r->tail, memory_order_relaxed) == r->head)
			return NULL;
		if (!skip_hole(r, cell, now))
			return NULL;
	}
}

void ring_pop(struct ring *r)
{
	/* Release: our reading of the payload comes before the next producer's writing. */
	atomic_store_explicit(&cell_at(r, r->head)->seq, r->head + r->n_cells,
	                      memory_order_release);
	r->head++;
}

uint64_t ring_used(const struct ring *r)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	return tail > r->head ? tail - r->head : 0;
}
