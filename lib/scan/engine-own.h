/* SPDX-License-Identifier: Apache-2.0 */
/* Engine: what its files share; private to them */
#pragma once

#include "custos/engine.h"
#include "engine-vars.h"

struct engine {
	const struct ruleset *rs;
	uint64_t whole_bytes; /* largest file that is held as a whole */
	uint8_t *buf;         /* mapping of buf_bytes, and a guard page behind it */
	size_t buf_bytes, map_bytes;
	uint64_t used;    /* bytes of the last file that lie in buf */
	uint64_t touched; /* bytes of buf that may have memory beneath them */
	bool decodes;     /* a window of the last file has a word for decoding base64 */
	struct digests digests;
	struct rules_scanner *scanner; /* NULL: no YARA rules */
	struct engine_vars vars;
};

/* Hashed while still in the second-level cache; the clock is looked at once per chunk. */
#define ENGINE_CHUNK_BYTES ((size_t)256 << 10)

void engine_conclude(struct finding *f, enum verdict v, enum reason r);
void engine_give_up(struct finding *f, enum reason r);
/* What the rules say, of bytes or of a file in windows. */
void engine_take(struct finding *f, enum rules_result r);
/* External variables; NULL: no rule asks for one. @head: of the bytes. */
const char *const *engine_set_vars(struct engine *e, const struct engine_bytes *head);
/* As pread(2), until a signal does not disturb it. */
ssize_t engine_read(int fd, void *buf, size_t len, uint64_t off);
/* All bytes are hashed. Return: the finding is complete, too: a list has them, they are known to be
 * clean, or something failed. @in: of the file; NULL: they are a member's. @b: NULL, or all of them. */
bool engine_look_up(struct engine *e, const struct engine_input *in, const struct engine_bytes *b,
                    struct engine_digests *d, struct finding *f);

/**
 * engine_scan_windows() - judge a file that is larger than e->whole_bytes
 * @max_bytes: more than this: REASON_TOO_LARGE
 *
 * The digests have begun. Leaves the first and the last window one behind the other in the
 * buffer.
 */
void engine_scan_windows(struct engine *e, const struct engine_input *in, uint64_t max_bytes,
                         uid_t owner, struct engine_digests *d, struct finding *f);
