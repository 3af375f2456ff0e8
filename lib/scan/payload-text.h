/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads: what in a script says that it decodes, and base64 as scripts write it; private to payload and engine */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum payload_language { LANG_PHP, LANG_PYTHON, LANG_PERL, LANG_SHELL, LANG_RUBY, LANG_JS, N_PAYLOAD_LANGUAGES };

struct payload_signs {
	bool decodes;       /* base64 */
	bool url_safe;      /* with - and _ */
	unsigned languages; /* mask of 1 << enum payload_language that do */
};

/* Which words of decoding are in it? Pure. */
void payload_signs(const uint8_t *buf, size_t len, struct payload_signs *ret);

/* What stands before a text so that it is one of the language: "#!/bin/sh\n". */
const char *payload_mark(enum payload_language l);

/* Eight bytes, "rm -rf /". */
#define BASE64_RUN_MIN 11
/* A piece of this length may go on behind quotes, a sign that joins strings, or the end of a line. */
#define BASE64_PIECE_MIN 20
#define BASE64_GLUE_MAX  24 /* bytes between two pieces, indented ones, too */

struct base64_run {
	size_t begin, end;
	size_t n_chars; /* of base64 in it */
};

/* The next run from *@pos on, which is moved behind it. Pure. Return: false: none. */
bool base64_next(const uint8_t *buf, size_t len, bool url_safe, size_t *pos, struct base64_run *ret);

/* Decode into @out, which has room for n_chars / 4 * 3 + 3 bytes. Return: how many came out. */
size_t base64_decode(const uint8_t *buf, const struct base64_run *run, bool url_safe, uint8_t *out);
