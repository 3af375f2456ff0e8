/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage: do opens through an overlay raise events on the file systems of its layers?
 *
 * Owns: when that is tried. Must not own: how (fan-layers.c), or what follows (coverage-wish.c).
 */
#include "daemon/supervisor/coverage-layers.h"

#include <errno.h>

#include "custos/fan.h"

/* Each may take seconds; what failed so often will fail again. */
#define FAILED_MAX 4

void layers_probe(struct layers_known *k)
{
	bool seen;
	int r = fan_probe_layers(&seen);

	if (r == 0)
		k->layers = seen ? LAYERS_SEEN : LAYERS_UNSEEN;
	else if (r != -ENODEV) /* no overlayfs in the kernel: the first overlay asks again */
		k->n_failed++;
}

void layers_probe_for(struct layers_known *k, const struct mount_list *mounts)
{
	for (size_t i = 0; i < mounts->n && k->layers == LAYERS_UNKNOWN; i++)
		if (k->n_failed < FAILED_MAX &&
		    mount_class_of(mounts->items[i].fs_type) == MOUNT_OVERLAY)
			layers_probe(k);
}
