/* SPDX-License-Identifier: Apache-2.0 */
/* Fan-child: trials that may hang are made by a child; private to fan-probe and fan-layers */
#pragma once

#include <stddef.h>

/**
 * fan_in_child() - have a child find something out
 * @fn:   called in the child, with memory of @size bytes (PIPE_BUF at most) for what it finds
 * @ret:  set on success
 * @limit_msec: after that the child is killed
 *
 * Return: 0, -ETIMEDOUT, -EIO: the child has ended without a word, or another negative errno.
 */
int fan_in_child(void (*fn)(void *ret), void *ret, size_t size, unsigned limit_msec);

/* In a child, and a child's child: it ends with whoever has forked it, and by itself after @limit_msec. */
void fan_child_setup(unsigned limit_msec);
