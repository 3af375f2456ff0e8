/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a YARA text, as libyara's lexer cuts them (libyara/lexer.l of 4.2); private to rules-split */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum lex_kind {
	LEX_WORD,   /* letters, digits, "_"; numbers too */
	LEX_ID,     /* $a, #a, @a, !a */
	LEX_STRING, /* with its quotes */
	LEX_REGEX,  /* with its slashes and letters behind them */
	LEX_HEX,    /* a string in braces */
	LEX_SIGN,   /* "==", ">=", "<=", "!=", "..", "<<", ">>", or one character */
};

struct lex_token {
	enum lex_kind kind;
	const char *s; /* in the text */
	size_t len;
};

struct lex {
	struct lex_token *tokens;
	size_t n, n_alloc;
};

/* Comments are left out. Return: 1, 0: not understood (nothing libyara compiles), or -ENOMEM. */
int lex_text(struct lex *l, const char *text, size_t len);
void lex_deinit(struct lex *l);

/* Is token @i there, a word or a sign, and just this? */
bool lex_is(const struct lex *l, size_t i, const char *what);
