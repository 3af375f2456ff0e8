/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes: contents that the rules found clean, whatever file they are in
 *
 * For files whose changes nobody tells (docs/adr/0013): they are read and hashed at each open, but the
 * same rules say the same about the same bytes, so they run once.
 */
#pragma once

#include "daemon/scanner/inquiry.h"

/* For engine_input.known_clean; @userdata is the inquiry. */
bool bytes_known(void *userdata, const uint8_t *sha256, uint64_t size_bytes);

/* After a scan: remember the bytes, if the rules ran and found them clean. */
void bytes_keep(struct inquiry *q);
