/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: bytes that a string of a rule matches; private to rules-positive */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rules-lex.h"

/* Longer ones are not made: no string of a real rule is. */
#define LITERAL_MAX_BYTES 4096

/**
 * literal_make() - bytes that the string whose value is token @i matches
 * @end: token behind its last word
 * @ret: its bytes, at most LITERAL_MAX_BYTES
 *
 * Made of texts, and of hex strings: jumps at their shortest, the first of alternatives,
 * zero for what is left open. Not of regular expressions, and not of strings that match
 * encoded bytes alone (base64, xor without the key zero).
 *
 * Context: pure. Return: how many, 0 if it cannot be told.
 */
size_t literal_make(const struct lex *l, size_t i, size_t end,
                    uint8_t ret[LITERAL_MAX_BYTES]);

/* A decimal or hexadecimal number, with KB or MB behind it or not: token @i. */
bool literal_number(const struct lex *l, size_t i, uint64_t *ret);
