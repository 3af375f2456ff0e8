/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: from opened inputs to the rule image */
#pragma once

#include "bulk.h"
#include "custos/diag.h"
#include "custos/ruleset.h"
#include "inputs.h"
#include "reuse.h"

/**
 * build_image() - parse every input, write the image
 * @re:     NULL, or after reuse_open()
 * @bulk:   NULL, or after bulk_open(): large lists go there
 * @trial:  NULL: rules are not tried
 * @out_fd: empty file, borrowed
 * @d:      every error of every input
 *
 * Context: sealed; opens nothing. Return: 0, -EINVAL (see @d), or another negative
 * errno. After an error there is no header in @out_fd, so nobody takes it for an image.
 */
int build_image(const struct inputs *in, const struct reuse *re, struct bulk *bulk,
                struct rules_trial *trial, int out_fd, struct ruleset_counts *ret,
                struct diag *d);
