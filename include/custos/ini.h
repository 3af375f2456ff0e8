/* SPDX-License-Identifier: Apache-2.0 */
/* INI text, strict: what it does not understand is an error with file and line */
#pragma once

#include <stddef.h>

#include "custos/diag.h"

#define INI_BYTES_MAX (1024 * 1024) /* a configuration is kilobytes; more is the wrong file */
#define INI_LINE_MAX  8192          /* a key and a path of 4096 bytes, with room to spare */

/**
 * ini_fn - called for each section header and each key, in the order of the text
 * @section: name without brackets
 * @key:     NULL for the section header itself
 * @value:   without surrounding blanks; "" when empty; NULL for the section header
 * @line:    1-based
 *
 * The strings live until the callback returns. What a repeated key or an empty value means
 * is for the callback to say.
 *
 * Return: 0; -EINVAL after reporting an error of its own (reading goes on, so that the next
 * error is found too); any other negative errno stops at once.
 */
typedef int (*ini_fn)(void *userdata, const char *section, const char *key,
                      const char *value, unsigned line);

/**
 * ini_parse() - read one text
 * @file: name for messages
 * @text: @len bytes, need not be terminated
 * @d:    every error, or NULL
 *
 * Lines: `[Section]`, `Key=value`, blank, or a comment whose first non-blank byte is # or ;.
 * A value may contain # and ;. Names are letters, digits, - and _. There is no
 * continuation: a line that ends in a backslash is refused rather than read differently from
 * what its author meant. Control bytes other than tab are refused, bytes from 0x80 are not
 * (paths are bytes).
 *
 * Context: any; no allocation except in @d; 8 KiB of stack.
 * Return: 0, -EINVAL when something was reported, or what the callback returned.
 */
int ini_parse(const char *file, const char *text, size_t len, ini_fn fn, void *userdata,
              struct diag *d);
