/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recall
 *
 * Owns: what the hash lists say about the digests of a file, whether it was read just now
 * or long ago.
 * Must not own: bytes (engine), or who remembers digests (its caller).
 */
#include <stdio.h>
#include <string.h>

#include "custos/engine.h"
#include "ruleset-view.h"

unsigned ruleset_digests(const struct ruleset *rs)
{
	/* it identifies the file in every record */
	unsigned wanted = 1U << DIGEST_SHA256;

	for (unsigned alg = 0; alg < N_DIGESTS; alg++)
		if (rs->own.block[alg].n > 0 || rs->bulk.block[alg].n > 0)
			wanted |= 1U << alg;
	return wanted;
}

static void conclude(struct finding *f, enum verdict v, enum reason r, const char *name)
{
	f->verdict = v;
	f->reason = r;
	f->match = (struct rule_match){0};
	(void)snprintf(f->match.rule, sizeof(f->match.rule), "%s", name);
}

/* Is the digest in @own, or in @bulk and not withdrawn from it? */
static bool stands(const struct hashdb *own, const struct hashdb *bulk,
                   const struct hashdb *withdrawn, const uint8_t *digest, uint64_t size_bytes,
                   const char **ret_name)
{
	const char *none;

	return hashdb_lookup(own, digest, size_bytes, ret_name) ||
	       (hashdb_lookup(bulk, digest, size_bytes, ret_name) &&
	        !hashdb_lookup(withdrawn, digest, size_bytes, &none));
}

bool ruleset_lists_have(const struct ruleset *rs, const struct engine_digests *d,
                        struct finding *f)
{
	const char *name;

	for (unsigned alg = 0; alg < N_DIGESTS; alg++) {
		if (!stands(&rs->own.block[alg], &rs->bulk.block[alg], &rs->withdrawn.block[alg],
		            d->digest[alg], f->size_bytes, &name))
			continue;
		conclude(f, VERDICT_MALICIOUS, REASON_HASH, name);
		return true;
	}
	if (!stands(&rs->own.allow, &rs->bulk.allow, &rs->withdrawn.allow,
	            d->digest[DIGEST_SHA256], f->size_bytes, &name))
		return false;
	conclude(f, VERDICT_CLEAN, REASON_ALLOWLIST, name);
	return true;
}

enum engine_recall ruleset_recall(const struct ruleset *rs,
                                  const struct engine_digests *d, uint64_t size_bytes,
                                  bool yara_ran, struct finding *f)
{
	struct finding now = {.has_sha256 = true, .size_bytes = size_bytes};
	enum engine_recall ret;

	/* Even where another list has it: which one is named depends on all of them. */
	if (ruleset_digests(rs) & ~d->have)
		return RECALL_MISS;
	memcpy(now.sha256, d->digest[DIGEST_SHA256], SHA256_BYTES);
	if (ruleset_lists_have(rs, d, &now)) {
		ret = RECALL_FOUND;
	} else if (rs->rules && !yara_ran) {
		return RECALL_MISS;
	} else {
		conclude(&now, VERDICT_CLEAN, REASON_NONE, "");
		ret = RECALL_SAME;
	}
	*f = now;
	return ret;
}
