/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine
 *
 * Owns: the private buffer a file is read into, and the order in which it is judged.
 * Must not own: descriptors, paths, time limits (its caller), decisions (policy).
 * Hands off to: recall (lists) and rules, and back to the caller with one finding.
 *
 * Bytes are read once, never mapped: what is hashed is what the rules see, and a file
 * that is truncated meanwhile cannot raise SIGBUS.
 */
#include "custos/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "custos/clock.h"
#include "custos/digest.h"
#include "custos/eicar.h"
#include "custos/give-back.h"
#include "engine-own.h"
#include "ruleset-view.h"

/* Room for windows of a few times their overlap, however small the files are. */
#define BUFFER_BYTES_MIN (8 * RULES_OVERLAP_BYTES)

/* 97 % of all files are smaller: their pages stay, and cost no page fault again. */
#define KEEP_BYTES ((size_t)1 << 20)

int engine_global_init(void)
{
	int r;

	/*
	 * libyara's pe module uses timegm(), which reads the time zone file the first
	 * time.
	 */
	tzset();
	r = digest_global_init();
	return r < 0 ? r : rules_global_init();
}

static size_t page_align(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

static int map_buffer(struct engine *e)
{
	size_t page = page_align(1);
	void *p;

	if (e->whole_bytes > SIZE_MAX / 4)
		return -EINVAL;
	/* One byte more shows that a file grew. */
	e->buf_bytes = page_align((size_t)MAX(BUFFER_BYTES_MIN, e->whole_bytes + 1));
	p = mmap(NULL, e->buf_bytes + page, PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	e->buf = p;
	e->map_bytes = e->buf_bytes + page;
	return mprotect(e->buf + e->buf_bytes, page, PROT_NONE) < 0 ? -errno : 0;
}

int engine_new(const struct ruleset *rs, uint64_t whole_bytes, struct engine **ret)
{
	struct engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->rs = rs;
	e->whole_bytes = whole_bytes;
	r = map_buffer(e);
	if (r == 0)
		r = digests_init(&e->digests, ruleset_digests(rs));
	if (r == 0 && rs->rules)
		r = rules_scanner_new(rs->rules, &e->scanner);
	if (r < 0) {
		engine_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;
	rules_scanner_free(e->scanner);
	digests_deinit(&e->digests);
	if (e->buf)
		(void)munmap(e->buf, e->map_bytes);
	free(e);
	return NULL;
}

void engine_freep(struct engine **e)
{
	*e = engine_free(*e);
}

void engine_conclude(struct finding *f, enum verdict v, enum reason r)
{
	f->verdict = v;
	f->reason = r;
}

void engine_give_up(struct finding *f, enum reason r)
{
	engine_conclude(f, VERDICT_ERROR, r);
	f->partial = true;
}

ssize_t engine_read(int fd, void *buf, size_t len, uint64_t off)
{
	ssize_t n;

	do
		n = pread(fd, buf, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	return n;
}

/*
 * Read to the end of the file and hash on the way; f->size_bytes says how far. Bytes
 * that are looked at afterwards stay one after the other in the buffer, else they go
 * round in its first chunk. The size told by fstat() (@told_bytes) is a guess: the file
 * may shrink or grow meanwhile.
 */
static enum reason read_and_hash(struct engine *e, const struct engine_input *in,
                                 uint64_t max_bytes, uint64_t told_bytes,
                                 struct finding *f)
{
	const bool stay = e->scanner || in->keep_bytes;

	for (;;) {
		uint64_t at = stay ? f->size_bytes : f->size_bytes % ENGINE_CHUNK_BYTES;
		uint64_t room = MIN(ENGINE_CHUNK_BYTES - at % ENGINE_CHUNK_BYTES,
		                    max_bytes + 1 - f->size_bytes);
		uint8_t *p = e->buf + at;
		ssize_t n;

		if (clock_now() >= in->deadline)
			return REASON_TIMEOUT;
		n = engine_read(in->fd, p, (size_t)room, f->size_bytes);
		if (n < 0)
			return errno == ENOMEM ? REASON_NOMEM : REASON_IO;
		if (n == 0)
			return REASON_NONE;
		if (digests_update(&e->digests, p, (size_t)n) < 0)
			return REASON_ENGINE;
		f->size_bytes += (uint64_t)n;
		if (f->size_bytes > max_bytes)
			return REASON_TOO_LARGE;
		/* A short read at the size that was told is the end: half of all files
		 * are one page, and a second call to hear 0 would cost as much as the
		 * first. */
		if ((uint64_t)n < room && f->size_bytes == told_bytes)
			return REASON_NONE;
	}
}

void engine_take(struct finding *f, enum rules_result r)
{
	switch (r) {
	case RULES_CLEAN:
		engine_conclude(f, VERDICT_CLEAN, REASON_NONE);
		break;
	case RULES_MATCH_LOG:
		f->log_only = true;
		engine_conclude(f, VERDICT_MALICIOUS, REASON_YARA);
		break;
	case RULES_MATCH:
		engine_conclude(f, VERDICT_MALICIOUS, REASON_YARA);
		break;
	case RULES_TIMEOUT:
		engine_give_up(f, REASON_TIMEOUT);
		break;
	case RULES_NOMEM:
		engine_give_up(f, REASON_NOMEM);
		break;
	case RULES_ERROR:
		engine_give_up(f, REASON_ENGINE);
		break;
	case RULES_PARTIAL:
		engine_give_up(f, REASON_WINDOWS);
		break;
	}
}

const char *const *engine_set_vars(struct engine *e, const struct engine_bytes *head)
{
	if (!(e->rs->uses & RULESET_USES_VARS))
		return NULL;
	engine_vars_set(&e->vars, head->path, head->owner, head->buf, head->len);
	return e->vars.values;
}

bool engine_look_up(struct engine *e, const struct engine_input *in, const struct engine_bytes *b,
                    struct engine_digests *d, struct finding *f)
{
	if (digests_final(&e->digests, d->digest) < 0) {
		engine_give_up(f, REASON_ENGINE);
		return true;
	}
	d->have = e->digests.wanted;
	memcpy(f->sha256, d->digest[DIGEST_SHA256], SHA256_BYTES);
	f->has_sha256 = true;
	if (b && b->len <= EICAR_MAX_BYTES && eicar_is(b->buf, b->len)) {
		(void)snprintf(f->match.rule, sizeof(f->match.rule), "EICAR-Test-File");
		engine_conclude(f, VERDICT_MALICIOUS, REASON_EICAR);
		return true;
	}
	if (ruleset_lists_have(e->rs, d, f))
		return true;
	if (!in || !in->known_clean || !(e->scanner || in->keep_bytes) ||
	    !in->known_clean(in->userdata, f->sha256, f->size_bytes))
		return false;
	engine_conclude(f, VERDICT_CLEAN, REASON_NONE);
	return true;
}

/* What the digests, and then the rules, say about bytes that are hashed and in memory.
 * @in: of the file; NULL: they are a member's. */
static void judge(struct engine *e, const struct engine_input *in,
                  const struct engine_bytes *b, struct engine_digests *d,
                  struct finding *f)
{
	if (engine_look_up(e, in, b, d, f))
		return;
	if (e->scanner)
		engine_take(f, rules_scan(e->scanner, b->buf, b->len, engine_set_vars(e, b), b->deadline,
		                          &f->match));
	else
		engine_conclude(f, VERDICT_CLEAN, REASON_NONE);
}

void engine_release(struct engine *e)
{
	size_t end = page_align((size_t)MIN(e->touched, e->buf_bytes));

	/* Failure costs memory, not the verdict; the next large scan tries again. */
	if (end > KEEP_BYTES)
		(void)give_back(e->buf + KEEP_BYTES, end - KEEP_BYTES);
	e->used = e->touched = 0;
}

bool engine_decodes(const struct engine *e)
{
	return e->decodes;
}

const void *engine_bytes(const struct engine *e, size_t *ret_len)
{
	*ret_len = (size_t)e->used;
	return e->buf;
}

/* The whole file is in memory when it is judged, or nothing is done with its bytes but hashing them. */
static void scan_whole(struct engine *e, const struct engine_input *in, uint64_t max_bytes,
                       const struct stat *st, struct engine_digests *d, struct finding *f)
{
	struct engine_bytes b = {
		.buf = e->buf, .path = in->path, .owner = st->st_uid, .deadline = in->deadline};
	const bool stay = e->scanner || in->keep_bytes;
	const enum reason reason = read_and_hash(e, in, stay ? MIN(max_bytes, e->whole_bytes) : max_bytes,
	                                         (uint64_t)st->st_size, f);

	e->used = e->touched = stay ? f->size_bytes : 0;
	b.len = (size_t)f->size_bytes;
	if (reason == REASON_NONE)
		judge(e, in, &b, d, f);
	else
		engine_give_up(f, reason);
}

void engine_scan(struct engine *e, const struct engine_input *in, struct finding *ret)
{
	struct engine_digests own_digests;
	struct engine_digests *d = in->ret_digests ? in->ret_digests : &own_digests;
	struct stat own;
	const struct stat *st = in->st;

	*d = (struct engine_digests){0};
	*ret = (struct finding){.verdict = VERDICT_UNKNOWN};
	if (!st && fstat(in->fd, &own) == 0)
		st = &own;
	if (!st || !S_ISREG(st->st_mode)) {
		engine_give_up(ret, REASON_IO);
		return;
	}
	if ((uint64_t)st->st_size > in->max_size_bytes) {
		engine_give_up(ret, REASON_TOO_LARGE);
		return;
	}
	if (digests_begin(&e->digests) < 0) {
		engine_give_up(ret, REASON_ENGINE);
		return;
	}
	if ((uint64_t)st->st_size > e->whole_bytes && (e->scanner || in->keep_bytes))
		engine_scan_windows(e, in, in->max_size_bytes, st->st_uid, d, ret);
	else
		scan_whole(e, in, in->max_size_bytes, st, d, ret);
	if (!in->keep_bytes)
		engine_release(e);
}

void engine_judge(struct engine *e, const struct engine_bytes *b, struct finding *ret)
{
	struct engine_digests d = {0};

	*ret = (struct finding){.verdict = VERDICT_UNKNOWN, .size_bytes = b->len};
	if (digests_begin(&e->digests) < 0 ||
	    digests_update(&e->digests, b->buf, b->len) < 0)
		engine_give_up(ret, REASON_ENGINE);
	else
		judge(e, NULL, b, &d, ret);
}
