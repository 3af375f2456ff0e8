/* SPDX-License-Identifier: Apache-2.0 */
/* Hold trees: a view of each file system of our own, to open files by handle
 *
 * A descriptor keeps the mount it was opened through from being unmounted. Ours are opened through
 * mounts that nobody sees: umount(2) succeeds, and the file system ends as soon as we hear of it and
 * have let go. Opens through them are no events.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/shared.h"

#define HOLD_TREES_MAX 64 /* file systems; files of others are not held */

struct coverage;
struct hold_trees;

int hold_trees_new(int group, struct hold_trees **ret);
struct hold_trees *hold_trees_free(struct hold_trees *t);

/* The main thread: which file systems are watched now. Return: false when memory is short. */
bool hold_trees_set(struct hold_trees *t, const struct coverage *c);

/* All below: the holder's thread. */

/* Has there been another hold_trees_set() since this was asked? */
bool hold_trees_changed(struct hold_trees *t);

/* Is there still such a file system? */
bool hold_trees_has(const struct hold_trees *t, uint64_t dev);

/* Close the views of those that are gone; nothing of them may be open. */
void hold_trees_prune(struct hold_trees *t);

/* Open the regular file of @w for reading. Context: may wait for the disk. Return: an fd or a negative
 * errno: -ESTALE, -EXDEV when its file system is none of ours, ... */
int hold_trees_open(struct hold_trees *t, const struct hold_wish *w);
