/* SPDX-License-Identifier: Apache-2.0 */
/* Engine: read a file's bytes once, hash them, look the digests up, run the rules */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "custos/digest.h"
#include "custos/ruleset.h"
#include "custos/types.h"
#include "custos/verdict.h"

struct engine; /* one per worker thread: buffer, digest contexts, YARA scanner */

/* The digests that were computed of one file, to look it up again without reading it. */
struct engine_digests {
	unsigned have; /* mask of 1 << enum digest_alg; 0: not hashed to the end */
	uint8_t digest[N_DIGESTS][DIGEST_MAX_BYTES];
};

struct engine_input {
	int fd;                   /* regular file, read with pread() only; borrowed */
	const char *path;         /* for the external variables filename, filepath, extension; NULL = "" */
	uint64_t max_size_bytes;  /* more than this: VERDICT_ERROR, REASON_TOO_LARGE */
	const struct stat *st;    /* of @fd, if the caller has it; NULL: asked for here */
	nsec_t deadline;          /* absolute, CLOCK_MONOTONIC; the scan gives up near it. One slow
	                           * regular expression of libyara can overrun it by seconds */
	struct engine_digests *ret_digests; /* NULL, or what to fill; always set */
	bool keep_bytes;          /* for engine_bytes(): engine_release() is to be called */
	/* NULL, or asked once the bytes are hashed, in memory and on no list, if more is to be done with
	 * them: have the same rules found these bytes, with all else that they look at the same, clean
	 * before? Then they are not run. */
	bool (*known_clean)(void *userdata, const uint8_t *sha256, uint64_t size_bytes);
	void *userdata;
};

/**
 * engine_global_init() - load everything the libraries would load at first use
 *
 * Once per process, before anything else here, before any thread and before the seal.
 * Return: 0 or a negative errno.
 */
int engine_global_init(void);

/**
 * engine_new() - make a worker's engine
 * @rs:             borrowed; must outlive the engine
 * @whole_bytes:    largest file that is held in memory as a whole; address space is reserved for
 *                  it here, memory is used only while a file of that size is scanned. Larger ones
 *                  are read in windows of half that size
 *
 * Context: before the seal; allocates. Return: 0 or a negative errno.
 */
int engine_new(const struct ruleset *rs, uint64_t whole_bytes, struct engine **ret);
struct engine *engine_free(struct engine *e);
void engine_freep(struct engine **e);

/**
 * engine_scan() - judge one file
 *
 * Never fails: what goes wrong is in @ret as VERDICT_ERROR with a reason. A match on the
 * allow list wins over everything but the block list; EICAR and block list win over YARA.
 * A file that grows while it is read is read to its new end, up to the size limit; one that was to
 * be held, up to @whole_bytes.
 *
 * Of a file in windows (@ret->windows) rules say what they say of the whole, or it is VERDICT_ERROR,
 * REASON_WINDOWS; of one that is malicious, @ret->partial says that some rule might have said something
 * else (docs/adr/0040).
 *
 * Context: the thread that owns @e; blocks on disk. System calls: pread64, newfstatat (or
 * fstat), madvise, clock_gettime where the vDSO has none, and, by libyara and libcrypto,
 * brk, mmap, munmap, mremap, mprotect (malloc in threads; denied, a scan takes ten times
 * as long), futex. No log. The file offset of @in->fd is not moved.
 */
void engine_scan(struct engine *e, const struct engine_input *in, struct finding *ret);

/* What the last engine_scan() with keep_bytes has read, until engine_release() or the next scan. Of a file
 * in windows: the first and the last, with nothing between them. */
const void *engine_bytes(const struct engine *e, size_t *ret_len);
void engine_release(struct engine *e);

/* Is a word for decoding base64 anywhere in it? Of a file in windows, as engine_bytes(). */
bool engine_decodes(const struct engine *e);

/* Bytes that are in memory: a member of an archive. */
struct engine_bytes {
	const void *buf;
	size_t len;
	const char *path; /* as in engine_input */
	uid_t owner;
	nsec_t deadline;
};

/**
 * engine_judge() - judge bytes as engine_scan() judges those of a file
 *
 * Context: as engine_scan(), without reading. Leaves engine_bytes() as they are.
 */
void engine_judge(struct engine *e, const struct engine_bytes *b, struct finding *ret);

enum engine_recall {
	RECALL_SAME,  /* still clean */
	RECALL_FOUND, /* a list has it now */
	RECALL_MISS,  /* cannot be told without reading the file */
};

/**
 * ruleset_recall() - judge a clean file again by its digests alone
 * @d:          of a file that engine_scan() found clean (no reason, or allow list) under a
 *              rule set with the same ruleset_yara_id() as @rs
 * @size_bytes: of that file
 * @yara_ran:   false when the allow list spared it the YARA rules (REASON_ALLOWLIST): then
 *              it is a miss as soon as no list has it and @rs has rules
 * @f:          unless a miss: exactly what engine_scan() would say now
 *
 * Says nothing about size limits: those are the caller's. Where a rule looks at more than
 * the bytes (ruleset_uses_names(), _owner(), _time()) the caller sees to it that these are
 * the same, too.
 *
 * Context: any thread; pure; touches a few cache lines for each list.
 */
enum engine_recall ruleset_recall(const struct ruleset *rs, const struct engine_digests *d,
                                  uint64_t size_bytes, bool yara_ran, struct finding *f);
