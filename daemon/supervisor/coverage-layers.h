/* SPDX-License-Identifier: Apache-2.0 */
/* Coverage: do opens through an overlay raise events on the file systems of its layers? */
#pragma once

#include "custos/mountinfo.h"

enum layers { LAYERS_UNKNOWN, LAYERS_SEEN, LAYERS_UNSEEN };

struct layers_known {
	enum layers layers;
	unsigned n_failed; /* trials that told nothing */
};

/* Try it (fan_probe_layers()). Milliseconds; at worst some seconds. */
void layers_probe(struct layers_known *k);

/* Try again if @mounts have an overlay and nobody knows yet, a few times. */
void layers_probe_for(struct layers_known *k, const struct mount_list *mounts);
