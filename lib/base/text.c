/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text
 *
 * Owns: what may reach a terminal or a log as it is.
 * Must not own: JSON (its strings have rules of their own: varlink.c).
 */
#include "custos/text.h"

#include <stdlib.h>
#include <string.h>

#include "custos/types.h"

static const char hex_digits[] = "0123456789abcdef";

static bool is_continuation(uint8_t b)
{
	return (b & 0xc0) == 0x80;
}

size_t text_utf8_decode(const char *s, size_t len, uint32_t *ret)
{
	const uint8_t *p = (const uint8_t *)s;
	/* Smallest code point that needs this many bytes: anything below is an overlong
	 * form. */
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n;
	uint32_t cp;

	if (len == 0)
		return 0;
	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	}
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	cp = p[0] & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if (!is_continuation(p[i]))
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret = cp;
	return n;
}

bool text_utf8_valid(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t cp;

		n = text_utf8_decode(s + i, len - i, &cp);
		if (n == 0 || cp == 0)
			return false;
	}
	return true;
}

/* Can the character be shown without acting on the terminal or reordering the line? */
static bool is_harmless(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7f && cp <= 0x9f)) /* C0, DEL, C1 */
		return false;
	if (cp == 0x200e || cp == 0x200f || cp == 0x061c) /* direction marks */
		return false;
	if (cp >= 0x2028 && cp <= 0x202e) /* separators, embeddings, overrides */
		return false;
	return !(cp >= 0x2066 && cp <= 0x2069); /* isolates */
}

bool text_harmless(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		size_t n = text_utf8_decode(s + i, len - i, &cp);

		if (n == 0 || !is_harmless(cp))
			return false;
		i += n;
	}
	return true;
}

static char *put_hex_escape(char *out, uint8_t byte)
{
	*out++ = '\\';
	*out++ = 'x';
	*out++ = hex_digits[byte >> 4];
	*out++ = hex_digits[byte & 15];
	return out;
}

char *text_escape(const char *s, size_t len)
{
	char *text, *out;
	size_t size;

	/* Each byte becomes four at worst. */
	if (__builtin_mul_overflow(len, 4, &size) ||
	    __builtin_add_overflow(size, 1, &size))
		return NULL;
	text = out = malloc(size);
	if (!text)
		return NULL;
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		size_t n = text_utf8_decode(s + i, len - i, &cp);

		if (n == 0 || !is_harmless(cp)) {
			for (size_t k = 0; k < MAX(n, 1U); k++)
				out = put_hex_escape(out, (uint8_t)s[i + k]);
			i += MAX(n, 1U);
			continue;
		}
		if (cp == '\\')
			*out++ = '\\';
		memcpy(out, s + i, n);
		out += n;
		i += n;
	}
	*out = '\0';
	return text;
}

char *text_copy(const char *s, size_t len)
{
	char *copy = len < SIZE_MAX ? malloc(len + 1) : NULL;

	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *text_base64(const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data;
	char *text, *out;

	if (len > SIZE_MAX / 4)
		return NULL;
	text = out = malloc((len + 2) / 3 * 4 + 1);
	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)p[i] << 16;

		v |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		v |= left > 2 ? p[i + 2] : 0;
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[v & 63] : '=';
	}
	*out = '\0';
	return text;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

char *text_unbase64(const char *text, size_t *ret_len)
{
	size_t n = strlen(text), pad = 0;
	uint32_t v = 0;
	char *data, *out;

	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	data = out = n % 4 == 0 ? malloc(n / 4 * 3 + 1) : NULL;
	for (size_t i = 0; data && i < n; i++) {
		int digit = i < n - pad ? base64_digit(text[i]) : 0;

		if (digit < 0) {
			free(data);
			return NULL;
		}
		v = v << 6 | (uint32_t)digit;
		if (i % 4 == 3) {
			*out++ = (char)(v >> 16);
			*out++ = (char)(v >> 8);
			*out++ = (char)v;
		}
	}
	if (!data)
		return NULL;
	*ret_len = n / 4 * 3 - pad;
	data[*ret_len] = '\0';
	return data;
}

void text_hex(const void *data, size_t len, char *ret)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		*ret++ = hex_digits[p[i] >> 4];
		*ret++ = hex_digits[p[i] & 15];
	}
	*ret = '\0';
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += !is_continuation((uint8_t)*s);
	return n;
}
