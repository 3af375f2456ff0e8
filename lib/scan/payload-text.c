/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payload text
 *
 * Owns: the words that decode, and how scripts write base64.
 * Must not own: ceilings, or what is done with what comes out (payload.c).
 *
 * Scripts break long strings: into lines, or into pieces that a dot or plus joins. So a run
 * of base64 goes on behind a piece of some length; what stands between pieces is left out.
 */
#include "payload-text.h"

#include <string.h>
#include <strings.h>

#include "custos/types.h"

const char *payload_mark(enum payload_language l)
{
	static const char *const marks[N_PAYLOAD_LANGUAGES] = {
		[LANG_PHP] = "<?php ",
		[LANG_PYTHON] = "#!/usr/bin/python3\n",
		[LANG_PERL] = "#!/usr/bin/perl\n",
		[LANG_SHELL] = "#!/bin/sh\n",
		[LANG_RUBY] = "#!/usr/bin/ruby\n",
		[LANG_JS] = "#!/usr/bin/node\n",
	};

	return marks[l];
}

/* --- words --- */

#define NO_LANGUAGE N_PAYLOAD_LANGUAGES

/* What is round "64", in any case. */
static const struct word {
	const char *before, *after;
	enum payload_language language;
} words[] = {
	{"base", "_decode", LANG_PHP}, {"b", "decode", LANG_PYTHON},   {"a2b_base", "", LANG_PYTHON},
	{"decode_base", "", LANG_PERL}, {"base", " -", LANG_SHELL},    {"base", "\t-", LANG_SHELL},
	{"openssl base", "", LANG_SHELL}, {"enc -base", "", LANG_SHELL}, {"decode", "", LANG_RUBY},
	{"base", "'", LANG_JS},         {"base", "\"", LANG_JS},       {"base", "", NO_LANGUAGE},
};

static bool is_before(const uint8_t *buf, size_t at, const char *text)
{
	const size_t n = strlen(text);

	return n <= at && strncasecmp((const char *)buf + at - n, text, n) == 0;
}

static bool is_behind(const uint8_t *buf, size_t len, size_t at, const char *text)
{
	const size_t n = strlen(text);

	return n <= len - at && strncasecmp((const char *)buf + at, text, n) == 0;
}

static void look_at_word(const uint8_t *buf, size_t len, size_t at, struct payload_signs *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!is_before(buf, at, words[i].before) || !is_behind(buf, len, at + 2, words[i].after))
			continue;
		ret->decodes = true;
		ret->languages |= (1U << words[i].language) & ((1U << N_PAYLOAD_LANGUAGES) - 1);
		ret->url_safe |= is_before(buf, at, "urlsafe_b");
	}
}

void payload_signs(const uint8_t *buf, size_t len, struct payload_signs *ret)
{
	const uint8_t *end = buf + len;

	*ret = (struct payload_signs){0};
	for (const uint8_t *p = buf; (p = memmem(p, (size_t)(end - p), "64", 2)); p += 2)
		look_at_word(buf, len, (size_t)(p - buf), ret);
	if (memmem(buf, len, "atob(", 5)) {
		ret->decodes = true;
		ret->languages |= 1U << LANG_JS;
	}
}

/* --- base64 --- */

/* The value of a character, or 64. */
static unsigned value_of(uint8_t c, bool url_safe)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26U;
	if (c >= '0' && c <= '9')
		return c - '0' + 52U;
	if (c == '+' || (url_safe && c == '-'))
		return 62;
	return c == '/' || (url_safe && c == '_') ? 63 : 64;
}

static size_t piece_end(const uint8_t *buf, size_t at, size_t len, bool url_safe)
{
	while (at < len && value_of(buf[at], url_safe) < 64)
		at++;
	return at;
}

/* Where the next piece begins behind a piece that ends at @at; @len: nowhere. */
static size_t skip_glue(const uint8_t *buf, size_t at, size_t len, bool url_safe)
{
	bool joins = false, quoted = false;
	size_t i = at;

	for (; i < len && i - at <= BASE64_GLUE_MAX; i++) {
		const uint8_t c = buf[i];

		quoted ^= c == '"' || c == '\'';
		joins |= c == '"' || c == '\'' || c == '\n';
		/* a plus outside of quotes joins; in them it is base64 */
		if (!c || !(strchr(" \t\r\n\"'.\\,", c) || (c == '+' && quoted)))
			break;
	}
	return joins && i < len && i - at <= BASE64_GLUE_MAX && value_of(buf[i], url_safe) < 64 ? i : len;
}

bool base64_next(const uint8_t *buf, size_t len, bool url_safe, size_t *pos, struct base64_run *ret)
{
	size_t at = *pos;

	while (at < len) {
		size_t end, next;

		while (at < len && value_of(buf[at], url_safe) == 64)
			at++;
		*ret = (struct base64_run){.begin = at};
		for (;;) {
			end = piece_end(buf, at, len, url_safe);
			ret->n_chars += end - at;
			if (end - at < BASE64_PIECE_MIN || (end < len && buf[end] == '='))
				break;
			next = skip_glue(buf, end, len, url_safe);
			if (next == len)
				break;
			at = next;
		}
		ret->end = at = end;
		if (ret->n_chars >= BASE64_RUN_MIN) {
			*pos = end;
			return true;
		}
	}
	*pos = len;
	return false;
}

size_t base64_decode(const uint8_t *buf, const struct base64_run *run, bool url_safe, uint8_t *out)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	for (size_t at = run->begin; at < run->end; at = skip_glue(buf, at, run->end, url_safe)) {
		for (const size_t end = piece_end(buf, at, run->end, url_safe); at < end; at++) {
			bits = bits << 6 | value_of(buf[at], url_safe);
			n_bits += 6;
			if (n_bits >= 8) {
				n_bits -= 8;
				out[n++] = (uint8_t)(bits >> n_bits);
			}
		}
	}
	return n;
}
