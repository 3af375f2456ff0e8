/* SPDX-License-Identifier: Apache-2.0 */
/* Cached: verdicts about files that nobody can have changed since
 *
 * What makes it sound (docs/adr/0013): a writer cannot come without opening the file, that open is an
 * event like any other, and its verdict is forgotten before the event is answered. A verdict is kept
 * only if nobody was there to write from before the bytes were read until after.
 */
#pragma once

#include "daemon/scanner/inquiry.h"

/* Once, when everything runs. Context: the main thread; 10 ms. */
void cached_prepare(struct scanner *sc);

/* Root's, and nobody else may write to it, ACLs included: their mask shows as the group's bits. */
static inline bool only_root_writes(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Is the verdict known? Then it is in q->finding. Otherwise this begins what cached_keep() ends. */
bool cached_find(struct inquiry *q, uint64_t max_size_bytes);

/* What a verdict that depends on the name holds for. */
uint64_t cached_name(const struct inquiry *q);

/* cache_put() by this scanner. */
bool cached_put(struct scanner *sc, const struct cache_key *key, struct cache_ticket ticket,
                const struct cache_value *v);

/* What its entry begins with, once cached_find() has found one. */
void cached_state(const struct inquiry *q, uint64_t words[WISH_WORDS]);

/* After a scan: keep q->finding if it holds for the next who asks. */
void cached_keep(struct inquiry *q);

/* After the answer: note that this file was opened. */
void cached_note(struct inquiry *q);

/* The event is answered without a look at the file: forget it if the opener may write. */
void cached_opened(struct scanner *sc, const struct job *job);

/* It was written: forget it. */
void cached_written(struct scanner *sc, const struct job *job);
