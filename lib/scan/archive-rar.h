/* SPDX-License-Identifier: Apache-2.0 */
/* Rar: what libarchive does not tell of its blocks */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum arc_rar {
	ARC_RAR_MEMBER,
	ARC_RAR_LOCKED_MEMBER,
	ARC_RAR_LOCKED, /* all headers from here on are encrypted */
	ARC_RAR_END,    /* as the archive says, or its last byte */
	ARC_RAR_BROKEN, /* what is there is no block, or not all of it is there */
};

/**
 * arc_rar_next() - what comes next in a rar, version 4 or 5
 * @buf: from its magic on
 * @at:  where a block begins, or the magic: arc_header_at()
 *
 * Blocks of neither a member nor the end are gone past. That libarchive has taken a block says that its sum is right; what
 * is checked here is the sum of one that says that all is locked, for @buf may be no rar.
 *
 * Context: pure. Return: of the first block that counts.
 */
enum arc_rar arc_rar_next(const uint8_t *buf, size_t len, size_t at);
