/* SPDX-License-Identifier: Apache-2.0 */
/* Journal fields: NAME=value pairs with explicit lengths in one bounded buffer */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* The longest entry: a 4095-byte path raw and once more escaped four bytes to one, executable,
 * unit and cgroup likewise, and the numbers. */
#define FIELDS_BYTES_MAX (32U * 1024U)
/* entry.c adds 35 at most; test-journal sends an entry with all of them. */
#define FIELDS_MAX 48U

/*
 * fields_init(), then add fields. What does not fit is cut off and noted in @truncated, never
 * written past the end; a field whose very name does not fit is left out. Values may hold any
 * byte: their length is carried beside them, so a value cannot end early or start another field.
 */
struct fields {
	size_t n;
	size_t used;     /* of buf */
	size_t start;    /* of the field being built, in buf */
	bool truncated;
	bool skipping;   /* the field being built does not fit at all */
	struct iovec iov[FIELDS_MAX];
	char buf[FIELDS_BYTES_MAX];
};

void fields_init(struct fields *f);

/* Add NAME=value; @name is ours (upper case, no '='), @value may be anything. */
void fields_add(struct fields *f, const char *name, const void *value, size_t len);
void fields_add_str(struct fields *f, const char *name, const char *value);
void fields_add_u64(struct fields *f, const char *name, uint64_t value);

/* Build one field piece by piece: begin, append..., end. The appends go into the same value. */
void fields_begin(struct fields *f, const char *name);
void fields_append(struct fields *f, const char *text);
void fields_append_u64(struct fields *f, uint64_t value);
/* Untrusted text as printable ASCII: control bytes, the backslash and everything from 0x7f up become
 * \n, \t, \\ or \xNN, so that the line stays one line and drives no terminal. */
void fields_append_escaped(struct fields *f, const char *text, size_t len);
/* " key=value" of logfmt: bare when the value is plain, else "quoted" and escaped. */
void fields_append_pair(struct fields *f, const char *key, const char *value, size_t len);
void fields_end(struct fields *f);
