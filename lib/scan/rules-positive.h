/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: files made of the strings of a rule, which it has to match; private to the trial of rules */
#pragma once

#include "rules-need.h"

/* Strings of one rule; a file of more says no more. */
#define POSITIVE_MAX_BYTES ((size_t)16 << 10)

struct positive {
	const char *name; /* of the rule, in the text */
	size_t name_len;
	unsigned line;
	/* The file has to begin with these. */
	uint8_t head[NEED_HEAD_BYTES];
	size_t head_len;
	uint64_t below_bytes; /* and has to be smaller than this */
	/* Behind that come the strings, each between zeros, and, if one likes, others. */
	const uint8_t *bytes;
	size_t len;
};

typedef int (*positive_fn)(void *userdata, const struct positive *p);

/**
 * positives_make() - for each rule that is simple enough, a file that it must match
 * @text: @len bytes, which libyara has compiled
 * @fn:   called for each; what it returns ends this when not 0
 *
 * Simple is a condition that stays true whatever else is in the file: "and" and "or" of
 * strings, "N of them" and the like, a size the file stays below, and what its first
 * bytes are. What is not understood is not made, and nothing of a file with a global rule,
 * or one that includes others.
 *
 * Context: pure; allocates. Return: 0, -ENOMEM, or what @fn returned.
 */
int positives_make(const char *text, size_t len, positive_fn fn, void *userdata);

/* Line of the rule @name in the text, 0: it is not in it, or was not understood. */
unsigned positive_line(const char *text, size_t len, const char *name);
