/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: an image of an earlier time */
#pragma once

#include "custos/ruleset.h"
#include "key.h"

/**
 * kept_take() - copy the image in @fd to @out_fd if it has this key and is whole
 * @fd:     what custosd kept (borrowed), or -1
 * @out_fd: empty file, borrowed; untouched unless the image is good
 *
 * Context: sealed. Return: 0; -ENOENT if it is another, damaged, or none; -ENOMEM, or
 * an error of writing @out_fd.
 */
int kept_take(int fd, const uint8_t key[KEY_BYTES], int out_fd,
              struct ruleset_counts *ret);
