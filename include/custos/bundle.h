/* SPDX-License-Identifier: Apache-2.0 */
/* Bundle: a folder of rules with a signed manifest; who signed it, is it whole, may it
 * come in? */
#pragma once

#include <sys/types.h>

#include "custos/bundle-keys.h"
#include "custos/bundle-manifest.h"
#include "custos/bundle-state.h"

/* MANIFEST.sig, MANIFEST.minisig, MANIFEST.NAME.sig, MANIFEST.NAME.minisig */
#define BUNDLE_SIGNATURES_MAX 16
/* Of all files together. */
#define BUNDLE_BYTES_MAX (INT64_C(4) << 30)
/* No clock of ours shows less: the day this version was made. Raised with each release.
 */
#define BUNDLE_RELEASED_SEC INT64_C(1795737600) /* 2026-11-27 */

struct bundle {
	struct bundle_manifest manifest;
	uint8_t sha256[DIGEST_MAX_BYTES]; /* of MANIFEST */
	struct bundle_signer {
		uint8_t id[SIGNATURE_ID_BYTES];
		bool vendor;
	} signers[BUNDLE_SIGNATURES_MAX]; /* trusted keys with a good signature, each
	                                     once */
	unsigned n_signers;
};

#define BUNDLE_NULL                                                                    \
	{                                                                              \
		0                                                                      \
	}
void bundle_deinit(struct bundle *b);

/* Who must have signed. */
struct bundle_demand {
	unsigned threshold;
	bool both; /* at least one vendor's and one site's key */
};

/**
 * bundle_read() - read MANIFEST and its signatures, verify, and only then parse
 * @dirfd:  the bundle's folder
 * @label:  its name in messages
 * @demand: NULL: whoever signed it, only the manifest is wanted (at least one good
 * signature)
 *
 * A signature by an unknown key counts for nothing; one by a trusted key that does not
 * fit, or a file that is no signature, refuses the bundle.
 *
 * Context: digest_global_init() was called; allocates; blocks on disk.
 * Return: 0, -EKEYREJECTED when the signatures do not suffice and -EINVAL when the
 * manifest is wrong, both with the reason in @d, or -ENOMEM.
 */
int bundle_read(int dirfd, const char *label, const struct bundle_keys *keys,
                const struct bundle_demand *demand, struct bundle *ret, struct diag *d);

/* Is there exactly what the manifest lists, and the manifest's signatures? 0, or
 * -EINVAL (see @d). */
int bundle_check_names(int dirfd, const char *label, const struct bundle *b,
                       struct diag *d);
/* Has each file the digest that the manifest says? Reads them all. 0, or -EINVAL (see
 * @d). */
int bundle_check_files(int dirfd, const char *label, const struct bundle *b,
                       struct diag *d);

/**
 * bundle_copy_head() - copy MANIFEST and the files that may be its signatures
 * bundle_copy_files() - copy the files a verified manifest lists
 * @from: folder of somebody else, who may change it meanwhile: no link is followed out
 * of it or inside it, only regular files are read, and no more than the limits
 * @to:   empty folder of ours
 *
 * Return: 0, -EINVAL with the reason in @d, or -ENOMEM.
 */
int bundle_copy_head(int from, int to, const char *label, struct diag *d);
int bundle_copy_files(int from, int to, const char *label, const struct bundle *b,
                      struct diag *d);

/* What time it is at least: a clock that was set back does not bring back what has
 * expired. */
int64_t bundle_now(const struct bundle_state *s, const struct bundle_keys *keys,
                   int64_t clock_sec);

enum bundle_admission { BUNDLE_ADMITTED, BUNDLE_OLD, BUNDLE_EXPIRED, BUNDLE_ENGINE };

/**
 * bundle_admit() - may this verified bundle be imported?
 * @now_sec: from bundle_now()
 * @floor:   serial shipped for its channel, 0: none
 *
 * Old is what has a lower serial than any key that is trusted now has signed in this
 * channel (the same serial with other content included), or lower than the floor, or
 * was rolled back. A record of a key that is trusted no more does not bind, so that a
 * thief cannot lock the channel.
 */
enum bundle_admission bundle_admit(const struct bundle *b, const struct bundle_state *s,
                                   const struct bundle_keys *keys, int64_t floor,
                                   int64_t now_sec, struct diag *d);
