/* SPDX-License-Identifier: Apache-2.0 */
/* Text: bytes of unknown origin made safe to show, and bytes as text */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * text_utf8_decode() - one character of strict UTF-8 (no surrogates, no overlong forms)
 * @s:   bytes; need not be NUL-terminated
 * @len: bytes available
 * @ret: code point, set on success
 *
 * Return: bytes used (1 to 4), or 0 when @s does not start with a character.
 */
size_t text_utf8_decode(const char *s, size_t len, uint32_t *ret);

/* True if all @len bytes are strict UTF-8 without NUL. */
bool text_utf8_valid(const char *s, size_t len);

/* True if text_escape() would change nothing but backslashes. */
bool text_harmless(const char *s, size_t len);

/**
 * text_escape() - make bytes safe for a terminal, a log line and a table cell
 * @s:   bytes, e.g. a file name
 * @len: their number
 *
 * Control characters (C0, DEL, C1), line and paragraph separators, characters that
 * change the writing direction, and bytes that are not UTF-8 become \xHH; a backslash
 * becomes two. The result is UTF-8 and can be turned back.
 *
 * Context: any thread; allocates. Return: string to free(), or NULL: no memory.
 */
char *text_escape(const char *s, size_t len);

/* All @len bytes and a NUL; unlike strndup(3), which may read on to a NUL there need not be. Return: string to
 * free(), or NULL: no memory. */
char *text_copy(const char *s, size_t len);

/* Base64 (RFC 4648, padded). Return: string to free(), or NULL: no memory. */
char *text_base64(const void *data, size_t len);

/* Its inverse, strict. A NUL follows the bytes. Return: bytes to free(), or NULL: no memory, or
 * @text is not what text_base64() writes. */
char *text_unbase64(const char *text, size_t *ret_len);

/* Lower-case hex: writes 2 * @len characters and a NUL to @ret. */
void text_hex(const void *data, size_t len, char *ret);

/* Columns of a terminal that @s needs, if every character is one wide. */
size_t text_width(const char *s);
