/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage: what should be done with a mount */
#pragma once

#include "custos/conf.h"
#include "custos/mountinfo.h"
#include "custos/policy.h"

#include "daemon/supervisor/coverage-layers.h"

/* What all mounts have in common. */
struct wishes {
	const struct mount_list *host;
	dev_t *st_dev;       /* of the files on each; 0: cannot be reached */
	dev_t *named;        /* the same of each Mount= */
	const char **points; /* as many as there are mounts, for use inside */
	const struct conf *conf;
	const struct policy *policy;
	enum layers layers;
	bool foreign; /* of another namespace: its overlays have layers that are seen elsewhere */
};

struct wish {
	const char *state, *reason;
	const struct policy_line *line;
};

/* What should be done with mount @i. A file system can be mounted in many places: a nowatch line that
 * names one of them speaks of all, because its mark does. */
struct wish wish_for(const struct wishes *all, size_t i);

/* The reason as text; the caller frees it. NULL: no memory. */
char *wish_reason(const struct wish *w);
