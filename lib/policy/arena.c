/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena
 *
 * Owns: the memory of one policy. Must not own: limits (the parser has them).
 * Hands off to: nobody; a policy is built once, read by many, freed as a whole.
 */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384 /* a usual policy fits into one or two */

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	alignas(max_align_t) unsigned char bytes[];
};

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct arena_chunk *chunk = a->chunks;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) / align * align;
	if (!chunk || chunk->size - a->used < size) {
		size_t want = size > CHUNK_BYTES ? size : CHUNK_BYTES;

		chunk = calloc(1, sizeof(*chunk) + want);
		if (!chunk)
			return NULL;
		*chunk = (struct arena_chunk){.next = a->chunks, .size = want};
		a->chunks = chunk;
		a->used = 0;
	}
	p = chunk->bytes + a->used;
	a->used += size;
	a->total_bytes += size;
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	if (copy)
		memcpy(copy, s, len);
	return copy;
}

void arena_deinit(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
	*a = (struct arena){0};
}
