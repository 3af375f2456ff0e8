/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: what a file has to be, besides having the strings of a rule, to match it; private to rules-positive */
#pragma once

#include "rules-atom.h"
#include "rules-literal.h"

#define NEED_STRINGS_MAX 1024 /* of one rule */
#define NEED_HEAD_BYTES  16

/* The strings of one rule. */
struct made {
	const struct lex *lex;
	struct gate gate;
	struct made_string {
		const struct lex_token *id;
		const uint8_t *at; /* its bytes in the file; NULL: they are not in it */
		size_t len;
	} strings[NEED_STRINGS_MAX];
	size_t n;
};

struct need {
	uint8_t head[NEED_HEAD_BYTES]; /* it begins with these */
	size_t head_len;
	uint64_t below_bytes; /* and is smaller than this */
};

/**
 * need_of() - must the rule match a file with these strings, and what else is needed?
 * @condition: its first token; @end: token behind it
 *
 * Context: pure. Return: false if it is not known to match.
 */
bool need_of(const struct made *m, size_t condition, size_t end, struct need *ret);
