/* SPDX-License-Identifier: Apache-2.0 */
/* Hash table: order of the records while a table is built */
#pragma once

#include "custos/types.h"

#define HASHDB_SORT_RECORD_MAX 64 /* bytes */

/**
 * hashdb_sort() - sort @n records in place
 * @bytes:        of a record, at most HASHDB_SORT_RECORD_MAX
 * @digest_bytes: at its begin, the first key; their order is that of memcmp()
 * @compare:      what decides between equal digests
 *
 * Takes no memory but for records of one digest that are many. Radix sort: time grows
 * with n, whatever the digests are.
 */
void hashdb_sort(uint8_t *records, size_t n, size_t bytes, size_t digest_bytes,
                 int (*compare)(const void *a, const void *b, void *userdata),
                 void *userdata);
