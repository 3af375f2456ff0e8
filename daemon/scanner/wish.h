/* SPDX-License-Identifier: Apache-2.0 */
/* Wish: ask the supervisor to hold a file, so that its opens are no events any more */
#pragma once

#include "daemon/scanner/inquiry.h"

/* After an answer from the cache: if nobody would hear of opens of this file anyway. Context: waits for
 * nothing; 1 us, once in two seconds for each file. */
void wish_hold(struct inquiry *q, uint64_t max_size_bytes);
