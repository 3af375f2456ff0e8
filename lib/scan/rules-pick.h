/* SPDX-License-Identifier: Apache-2.0 */
/* YARA rules: some rules of a text; private to the files that try rules */
#pragma once

#include "rules-lex.h"

struct pick {
	const char *text;
	size_t len;
	struct picked {
		const char *name; /* in the text, without NUL */
		size_t name_len;
		unsigned line;
		size_t begin, end; /* bytes, from its first word up to behind its brace */
	} *rules; /* owned; private and global ones are not among them */
	size_t n, n_alloc;
};

/* Return: 0; -EINVAL: the text is not understood, and has no rules then; or -ENOMEM. */
int pick_init(struct pick *p, const char *text, size_t len);
void pick_deinit(struct pick *p);

/**
 * pick_text() - the text with blanks instead of all rules but those from @first up to @end
 *
 * Lines stay where they are, and so do imports, and private and global rules, which
 * others may need. Return: @len bytes and a NUL to free(), or NULL: no memory.
 */
char *pick_text(const struct pick *p, size_t first, size_t end);
