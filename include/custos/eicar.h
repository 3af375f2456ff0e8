/* SPDX-License-Identifier: Apache-2.0 */
/* The anti-malware test file of EICAR */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define EICAR_BYTES     68  /* the string itself */
#define EICAR_MAX_BYTES 128 /* with the white space that may follow it */

/**
 * eicar_is() - is this file the test file?
 * @head: the first bytes of the file; at least EICAR_MAX_BYTES + 1 if it is that long
 * @len:  how many are there
 *
 * The file must begin with the string, may go on with space, tab, line feed, carriage
 * return and Ctrl-Z only, and must not be longer than 128 bytes. Pure.
 */
bool eicar_is(const void *head, size_t len);
