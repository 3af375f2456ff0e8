/* SPDX-License-Identifier: Apache-2.0 */
/* Bundle floor: serials below which this version takes nothing, shipped with the
 * package */
#pragma once

#include "custos/bundle-manifest.h"

/**
 * bundle_floor_load() - read /usr/share/custos/bundle-floor, or
 * /etc/custos/bundle-floor before it
 * @config_root: as of bundle_keys_load()
 * @ret:         serial for @channel; 0: none
 *
 * "CHANNEL SERIAL" lines, and comments that begin with #. Return: 0, -EINVAL (see @d),
 * -ENOMEM.
 */
int bundle_floor_load(const char *config_root, const char *channel, int64_t *ret,
                      struct diag *d);
