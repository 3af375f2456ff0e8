/* SPDX-License-Identifier: Apache-2.0 */
/* Archives made in the test itself */
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "custos/types.h"

struct blob {
	uint8_t *buf; /* owned */
	size_t len;
};

struct fixture_member {
	const char *name;
	const void *data;
	size_t len;
};

static inline void blob_add(struct blob *b, const void *data, size_t len)
{
	b->buf = realloc(b->buf, b->len + len + 1);
	ck_assert_ptr_nonnull(b->buf);
	if (len)
		memcpy(b->buf + b->len, data, len);
	b->len += len;
}

static inline void blob_free(struct blob *b)
{
	free(b->buf);
	*b = (struct blob){0};
}

static inline la_ssize_t fixture_on_write(struct archive *a, void *userdata,
                                          const void *data, size_t len)
{
	(void)a;
	blob_add(userdata, data, len);
	return (la_ssize_t)len;
}

/* @format: as archive_write_set_format_by_name(3); @filter: "none", "gzip", ...;
 * @options: or NULL, "zip:encryption=..." with the password "secret". */
static inline struct blob fixture_pack(const char *format, const char *filter,
                                       const char *options,
                                       const struct fixture_member *m, size_t n)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	struct blob b = {0};

	ck_assert_int_eq(archive_write_set_format_by_name(a, format), ARCHIVE_OK);
	if (strcmp(filter, "none") != 0)
		ck_assert_int_eq(archive_write_add_filter_by_name(a, filter),
		                 ARCHIVE_OK);
	if (options) {
		ck_assert_int_eq(archive_write_set_options(a, options), ARCHIVE_OK);
		ck_assert_int_eq(archive_write_set_passphrase(a, "secret"), ARCHIVE_OK);
	}
	(void)archive_write_set_bytes_in_last_block(a, 1);
	ck_assert_int_eq(archive_write_open(a, &b, NULL, fixture_on_write, NULL),
	                 ARCHIVE_OK);
	for (size_t i = 0; i < n; i++) {
		archive_entry_clear(e);
		archive_entry_set_pathname(e, m[i].name);
		archive_entry_set_size(e, (la_int64_t)m[i].len);
		archive_entry_set_mode(e, AE_IFREG | 0644);
		archive_entry_set_mtime(e, 1000000000, 0);
		ck_assert_int_ge(archive_write_header(a, e), ARCHIVE_WARN);
		ck_assert_int_eq(archive_write_data(a, m[i].data, m[i].len),
		                 (la_ssize_t)m[i].len);
	}
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(e);
	(void)archive_write_free(a);
	return b;
}

static inline struct blob fixture_pack_one(const char *format, const char *name,
                                           const void *data, size_t len)
{
	const struct fixture_member m = {name, data, len};

	return fixture_pack(format, "none", NULL, &m, 1);
}

/* A stream: what gzip(1) and its like make of it. */
static inline struct blob fixture_compress(const char *filter, const void *data,
                                           size_t len)
{
	const struct fixture_member m = {"data", data, len};

	return fixture_pack("raw", filter, NULL, &m, 1);
}
