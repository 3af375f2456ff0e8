/* SPDX-License-Identifier: Apache-2.0 */
/* Rules kept: the compiled rules of last time, in the state directory, so that a start
 * need not compile */
#pragma once

#include "custos/image.h"

struct rules_kept;

/* Nothing is touched yet. Return: 0 or -ENOMEM. */
int rules_kept_new(const char *state_dir, struct rules_kept **ret);
/* A store under way goes on by itself and is lost if the process ends before it.
 * Returns NULL. */
struct rules_kept *rules_kept_free(struct rules_kept *k);

/* Return: a descriptor for custos-compile, or -1: there is none, or others than we
 * could have written it. */
int rules_kept_open(const struct rules_kept *k);

/**
 * rules_kept_store() - keep this image instead of the former
 * @image_fd: sealed memory, consumed; -1: nothing to do
 *
 * In a thread of its own, which nobody waits for: the disk may be stuck. While one is
 * under way, another image is not kept. Failures show in nothing but the next start,
 * which compiles.
 */
void rules_kept_store(struct rules_kept *k, int image_fd,
                      const uint8_t key[DIGEST_MAX_BYTES]);
