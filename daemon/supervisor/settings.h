/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: what configuration, policy and rules mean for a scanner in numbers */
#pragma once

#include "custos/conf.h"
#include "custos/policy.h"

#include "daemon/shared.h"

#define SETTINGS_WHY_BYTES 256

/**
 * settings_make() - the numbers of one generation
 * @image_fd, @bulk_fd: its rules; -1: none
 * @why:      set when it fails: ScannerMemory= is less than a scanner starts with
 *
 * Return: 0 or -EINVAL.
 */
int settings_make(const struct conf *c, const struct policy *p, int image_fd, int bulk_fd, struct settings *ret,
                  char why[SETTINGS_WHY_BYTES]);
