/* SPDX-License-Identifier: Apache-2.0 */
/* Rar archives of members that are stored as they are: nothing free writes them. Either version, locked or not. */
#pragma once

#include <zlib.h>

#include "fixture-archive.h"

#define RAR_SALT_BYTES 16

static inline void rar_add_le(struct blob *b, uint64_t n, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		blob_add(b, &(uint8_t){(uint8_t)(n >> 8 * i)}, 1);
}

/* --- version 5: numbers of seven bits for each byte; a sum, a size, then what the size speaks of --- */

enum rar5_block { RAR5_MAIN = 1, RAR5_FILE, RAR5_SERVICE, RAR5_CRYPT, RAR5_END };

static inline void rar5_add_number(struct blob *b, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		rar_add_le(b, n | 0x80, 1);
	rar_add_le(b, n, 1);
}

static inline void rar5_add_block(struct blob *to, const struct blob *body)
{
	struct blob b = {0};

	rar5_add_number(&b, body->len);
	blob_add(&b, body->buf, body->len);
	rar_add_le(to, crc32(0, b.buf, (unsigned)b.len), 4);
	blob_add(to, b.buf, b.len);
	blob_free(&b);
}

static inline void rar5_begin(struct blob *b)
{
	struct blob body = {0};

	blob_add(b, "Rar!\x1a\x07\1\0", 8);
	blob_add(&body, (const uint8_t[]){RAR5_MAIN, 0, 0}, 3);
	rar5_add_block(b, &body);
	blob_free(&body);
}

/* All headers behind it are encrypted. */
static inline void rar5_lock_headers(struct blob *b)
{
	struct blob body = {0};
	static const uint8_t salt[RAR_SALT_BYTES] = {1, 2, 3};

	blob_add(b, "Rar!\x1a\x07\1\0", 8);
	blob_add(&body, (const uint8_t[]){RAR5_CRYPT, 0, 0, 0, 15}, 5);
	blob_add(&body, salt, sizeof(salt));
	rar5_add_block(b, &body);
	blob_free(&body);
}

/* A record of a member's header: that its data is encrypted. */
static inline void rar5_add_lock(struct blob *extra)
{
	static const uint8_t salt_and_vector[2 * RAR_SALT_BYTES] = {4, 5, 6};

	rar5_add_number(extra, 4 + sizeof(salt_and_vector));
	blob_add(extra, (const uint8_t[]){1, 0, 0, 15}, 4);
	blob_add(extra, salt_and_vector, sizeof(salt_and_vector));
}

/* @extra: records of its header, or empty. @has_sum: of the bytes that are there, as they are. */
static inline void rar5_add_file(struct blob *b, enum rar5_block type, const struct fixture_member *m,
                                 const struct blob *extra, bool has_sum)
{
	struct blob body = {0};

	rar5_add_number(&body, type);
	rar5_add_number(&body, extra->len ? 3 : 2);
	if (extra->len)
		rar5_add_number(&body, extra->len);
	rar5_add_number(&body, m->len);
	rar5_add_number(&body, has_sum ? 4 : 0);
	rar5_add_number(&body, m->len);
	rar5_add_number(&body, 0644);
	if (has_sum)
		rar_add_le(&body, crc32(0, m->data, (unsigned)m->len), 4);
	rar5_add_number(&body, 0); /* stored */
	rar5_add_number(&body, 1); /* on Unix */
	rar5_add_number(&body, strlen(m->name));
	blob_add(&body, m->name, strlen(m->name));
	blob_add(&body, extra->buf, extra->len);
	rar5_add_block(b, &body);
	blob_add(b, m->data, m->len);
	blob_free(&body);
}

static inline void rar5_end(struct blob *b)
{
	struct blob body = {0};

	blob_add(&body, (const uint8_t[]){RAR5_END, 0, 0}, 3);
	rar5_add_block(b, &body);
	blob_free(&body);
}

/* --- version 4: half a sum, then fields of fixed size --- */

static inline void rar4_add_block(struct blob *to, uint8_t type, unsigned flags, const struct blob *rest)
{
	struct blob b = {0};

	rar_add_le(&b, type, 1);
	rar_add_le(&b, flags, 2);
	rar_add_le(&b, 7 + rest->len, 2);
	blob_add(&b, rest->buf, rest->len);
	rar_add_le(to, crc32(0, b.buf, (unsigned)b.len), 2);
	blob_add(to, b.buf, b.len);
	blob_free(&b);
}

static inline void rar4_begin(struct blob *b, bool locks_headers)
{
	struct blob rest = {0};

	blob_add(b, "Rar!\x1a\x07\0", 7);
	rar_add_le(&rest, 0, 6);
	rar4_add_block(b, 0x73, locks_headers ? 0x80 : 0, &rest);
	blob_free(&rest);
}

static inline void rar4_add_file(struct blob *b, const struct fixture_member *m, bool is_locked)
{
	struct blob rest = {0};

	rar_add_le(&rest, m->len, 4);
	rar_add_le(&rest, m->len, 4);
	rar_add_le(&rest, 3, 1); /* on Unix */
	rar_add_le(&rest, crc32(0, m->data, (unsigned)m->len), 4);
	rar_add_le(&rest, 0x5a210000, 4);
	rar_add_le(&rest, 29, 1);
	rar_add_le(&rest, 0x30, 1); /* stored */
	rar_add_le(&rest, strlen(m->name), 2);
	rar_add_le(&rest, 0100644, 4);
	blob_add(&rest, m->name, strlen(m->name));
	rar4_add_block(b, 0x74, 0x8000 | (is_locked ? 4 : 0), &rest);
	blob_add(b, m->data, m->len);
	blob_free(&rest);
}

static inline void rar4_end(struct blob *b)
{
	rar4_add_block(b, 0x7b, 0x4000, &(struct blob){0});
}
