/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: the signed rules in force, beside those of the configuration */
#pragma once

#include "daemon/supervisor/compile.h"
#include "daemon/supervisor/manager.h"

struct bundles;

/* Return: 0 or a negative errno. */
int bundles_new(struct manager *m, struct bundles **ret);
struct bundles *bundles_free(struct bundles *b);

/**
 * bundles_collect() - what a new generation has to load, by the loader
 * @conf: on its way
 * @ret:  borrowed until the next call
 *
 * The current bundle of each channel; one that is being imported instead of the current
 * one. A bundle whose files cannot be read is left out, one whose keys are trusted no
 * more loses its allow lists: both degrade.
 */
void bundles_collect(struct bundles *b, const struct conf *conf,
                     struct compile_more *ret);
/* What was collected last is in force: the manager's generation. */
void bundles_committed(struct bundles *b);

/* The very first generation did not load. Is there a bundle that can be left out, so
 * that trying again makes sense? Better degraded than unprotected. */
bool bundles_give_up(struct bundles *b, const char *error);

/* Why bundles degrade the state; strings live until the loop runs again. */
size_t bundles_reasons(const struct bundles *b, const char **reasons, size_t max);

/* "base=2026112301 site=7" of a generation; "" when none or not known any more. */
const char *bundles_text(const struct bundles *b, uint64_t generation);
