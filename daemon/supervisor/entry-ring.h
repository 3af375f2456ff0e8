/* SPDX-License-Identifier: Apache-2.0 */
/* Ring of journal entries: one producer, one consumer, neither waits for the other */
#pragma once

#include <stdatomic.h>

#include "custos/types.h"
#include "entry.h"

/*
 * Owner: journal.c. Synchronisation: ring_reserve() and ring_push() by the producer,
 * ring_peek() and ring_pop() by the consumer; counters by anyone.
 */
/* Positions count up for ever; modulo size they are slots. */
struct ring {
	struct entry *slots;              /* memory is used as far as entries ever waited */
	unsigned size;                    /* power of two */
	_Atomic uint64_t n_dropped;       /* both; relaxed, a counter */
	_cacheline_ _Atomic unsigned head; /* producer writes, release; consumer acquires */
	_cacheline_ _Atomic unsigned tail; /* consumer writes, release; producer acquires */
};

static inline void count_one(_Atomic uint64_t *n)
{
	atomic_fetch_add_explicit(n, 1, memory_order_relaxed); /* publishes nothing */
}

static inline uint64_t counted(const _Atomic uint64_t *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

/* Producer: the next free slot, or NULL (counted). Becomes visible with ring_push(). */
static inline struct entry *ring_reserve(struct ring *r)
{
	unsigned head = atomic_load_explicit(&r->head, memory_order_relaxed); /* our own */
	/* Acquire: pairs with ring_pop(); the thread has left the slot. */
	unsigned tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	if (head - tail == r->size) {
		count_one(&r->n_dropped);
		return NULL;
	}
	return &r->slots[head & (r->size - 1)];
}

static inline void ring_push(struct ring *r)
{
	/* Release: pairs with ring_peek(); the slot is complete. */
	atomic_fetch_add_explicit(&r->head, 1, memory_order_release);
}

/* Thread: the oldest entry, or NULL. It stays in the ring until ring_pop(). */
static inline const struct entry *ring_peek(struct ring *r)
{
	unsigned tail = atomic_load_explicit(&r->tail, memory_order_relaxed); /* our own */
	/* Acquire: pairs with ring_push(). */
	unsigned head = atomic_load_explicit(&r->head, memory_order_acquire);

	return head == tail ? NULL : &r->slots[tail & (r->size - 1)];
}

static inline void ring_pop(struct ring *r)
{
	/* Release: pairs with ring_reserve(). */
	atomic_fetch_add_explicit(&r->tail, 1, memory_order_release);
}
