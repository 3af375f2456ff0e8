/* SPDX-License-Identifier: Apache-2.0 */
/* Varlink wire: NUL-terminated JSON objects; pure functions over bytes */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct json_t; /* jansson.h, which those who look inside include */

/* Longest message without its NUL, in either direction: what one peer can make the
 * other hold. */
#define VARLINK_MESSAGE_MAX (1024 * 1024)

/* Brackets open at once. Counted before parsing: the parser's own limit (2048) is
 * compiled in and it recurses. Our deepest message needs 6. */
#define VARLINK_DEPTH_MAX 32

/* Descriptors with one message. The kernel's own limit is 253. */
#define VARLINK_FDS_MAX 32

enum varlink_flag {
	VARLINK_MORE = 1,   /* call: several replies are welcome */
	VARLINK_ONEWAY = 2, /* call: no reply, not even an error */
	VARLINK_UPGRADE =
		4, /* call: change protocol afterwards (refused by our server) */
	VARLINK_CONTINUES = 8, /* reply: not the last one */
};

/* A received call or reply. Zero-initialised is empty and valid. */
struct varlink_message {
	struct json_t *root;       /* owned; everything below points into it */
	const char *method; /* call: "org.example.Interface.Method" */
	const char *error;  /* reply: NULL when it is not an error */
	struct json_t *parameters; /* always an object */
	unsigned flags;     /* enum varlink_flag */
};

/**
 * varlink_find_end() - length of the message at the start of @buf
 * @ret_len: bytes without the NUL; set when 0 is returned
 *
 * Return: 0, -EAGAIN when the NUL has not arrived, -EMSGSIZE when the message is longer
 * than VARLINK_MESSAGE_MAX, whether or not its end is there.
 */
int varlink_find_end(const char *buf, size_t len, size_t *ret_len);

/**
 * varlink_parse_call(), varlink_parse_reply() - read one message
 * @text: bytes without the NUL; need not be terminated
 * @ret:  set on success only; free with varlink_message_deinit()
 *
 * Strict: UTF-8, no duplicate key, no unknown or mistyped member, no trailing bytes.
 *
 * Context: any thread; allocates in proportion to @len.
 * Return: 0, -EMSGSIZE, -E2BIG past VARLINK_DEPTH_MAX, -EBADMSG, -ENOMEM.
 */
int varlink_parse_call(const char *text, size_t len, struct varlink_message *ret);
int varlink_parse_reply(const char *text, size_t len, struct varlink_message *ret);

/* Free what @m holds; it is empty and valid afterwards. */
void varlink_message_deinit(struct varlink_message *m);

/**
 * varlink_build_call(), varlink_build_reply() - write one message
 * @method, @error: names; @error NULL for an ordinary reply
 * @parameters:     borrowed; NULL for none
 * @flags:          of enum varlink_flag, those that fit the kind of message
 * @ret, @ret_len:  bytes to send, the final NUL included; free() them
 *
 * Return: 0, -EMSGSIZE, -ENOMEM.
 */
int varlink_build_call(const char *method, struct json_t *parameters, unsigned flags,
                       char **ret, size_t *ret_len);
int varlink_build_reply(const char *error, struct json_t *parameters, unsigned flags,
                        char **ret, size_t *ret_len);

/**
 * varlink_set_bytes() - put bytes that need not be UTF-8 (a path) into an object
 *
 * Valid UTF-8 goes in as it is. Anything else goes in escaped (text_escape()), and the
 * exact bytes as @key followed by "Base64". JSON knows only UTF-8, and the library
 * refuses the rest: without this, a file name could make its own event disappear.
 *
 * Return: 0 or -ENOMEM.
 */
int varlink_set_bytes(struct json_t *object, const char *key, const char *bytes, size_t len);
