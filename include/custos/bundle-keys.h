/* SPDX-License-Identifier: Apache-2.0 */
/* Bundle keys: the public keys that this host trusts */
#pragma once

#include <stdbool.h>

#include "custos/diag.h"
#include "custos/signature.h"

struct bundle_key {
	struct signature_key key;
	bool vendor; /* from the vendor's folder, not the site's */
	char *file;  /* owned */
};

struct bundle_keys {
	struct bundle_key *items; /* owned; no two with one id */
	size_t n;
};

#define BUNDLE_KEYS_NULL                                                               \
	{                                                                              \
		0                                                                      \
	}

/**
 * bundle_keys_load() - read *.pub of /usr/share/custos/keys.d (vendor) and
 * /etc/custos/keys.d (site)
 * @config_root: NULL, or: read @config_root/vendor/keys.d and @config_root/keys.d
 * instead
 *
 * A site's file hides a vendor's of the same name; an empty one or a link to /dev/null
 * masks it. Ownership and modes are checked as for custosd.conf.
 *
 * Return: 0 (none is no error), -EINVAL with every reason in @d, or -ENOMEM.
 */
int bundle_keys_load(const char *config_root, struct bundle_keys *ret, struct diag *d);
void bundle_keys_deinit(struct bundle_keys *k);

/* The key of this id, or NULL. */
const struct bundle_key *bundle_keys_find(const struct bundle_keys *k,
                                          const uint8_t id[SIGNATURE_ID_BYTES]);
