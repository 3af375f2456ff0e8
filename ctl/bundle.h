/* SPDX-License-Identifier: Apache-2.0 */
/* custosctl bundle: what its parts share */
#pragma once

#include "ctl.h"
#include "custos/bundle.h"

#define BUNDLE_STATE_DIR "/var/lib/custos"

/* The bundle's folder, open. -1 after a message. */
int bundle_open(const char *path);

/* Read and verify the bundle in @path with the keys of @config_root, its files
 * included. CTL_OK, CTL_FOUND after messages when it would be refused, or another exit
 * code. */
int bundle_verify_path(const char *config_root, const char *path, struct bundle *ret,
                       int *ret_fd);

/* "2026-11-23 04:00:00 UTC", or "-" for 0. */
const char *bundle_time(int64_t sec, char buf[32]);
