/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: custosd.conf and its drop-ins */
#pragma once

#include <stdbool.h>

#include "custos/diag.h"
#include "custos/types.h"

enum mode { MODE_ENFORCE, MODE_MONITOR };

struct strlist {
	char **items; /* owned, NULL-terminated, or NULL when n is 0 */
	size_t n;
};

struct conf {
	enum mode mode;
	char *operator_group;       /* NULL: root only */
	struct strlist mounts;      /* empty: auto */
	uint64_t max_file_size_bytes;
	nsec_t timeout;
	unsigned n_workers;         /* 0: one per CPU */
	uint64_t cache_memory_bytes;
	struct strlist hashes, allow_hashes, yara;
	unsigned bundle_threshold;
	nsec_t bundle_max_age;
};

/* Fill in the documented defaults (interface.md). */
void conf_init(struct conf *c);
/* Same lookup, contract and errors as policy_load(). On error *c is unchanged. */
int conf_load(const char *config_root, struct conf *c, struct diag *d);
void conf_deinit(struct conf *c);
const char *mode_name(enum mode m); /* "enforce", "monitor" */
