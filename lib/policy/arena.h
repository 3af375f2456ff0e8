/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: many small allocations that die together */
#pragma once

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	size_t used;                /* of the newest */
	size_t total_bytes;         /* handed out; for the owner's limit */
};

/* @size bytes, zeroed, aligned for any object, or NULL. Lives until arena_deinit(). */
void *arena_alloc(struct arena *a, size_t size);
/* Copy @len bytes and put a NUL behind them, or NULL. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
void arena_deinit(struct arena *a);
