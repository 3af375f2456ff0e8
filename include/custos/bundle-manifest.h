/* SPDX-License-Identifier: Apache-2.0 */
/* Bundle manifest: what a signed rule bundle says of itself, and the files it consists
 * of */
#pragma once

#include <stdbool.h>

#include "custos/diag.h"
#include "custos/digest.h"

#define BUNDLE_MANIFEST_MAX                                                            \
	((size_t)256 << 10) /* 1,024 lines of 172 bytes, and the head */
#define BUNDLE_FILES_MAX   1024
#define BUNDLE_NAME_MAX    100
#define BUNDLE_CHANNEL_MAX 32
#define BUNDLE_SERIAL_MAX                                                              \
	INT64_C(999999999999999999) /* room for YYYYMMDDNN and more                    \
	                             */

enum bundle_kind {
	BUNDLE_YARA,  /* .yar .yara: rules */
	BUNDLE_BLOCK, /* .sha256 .sha1 .md5 .hdb .hsb: hashes of what is malicious */
	BUNDLE_ALLOW, /* allow.sha256, *.allow.sha256: hashes of what is known to be
	                 good */
	BUNDLE_TEXT,  /* .txt .md: for people; carried along, never used */
};

struct bundle_file {
	char name[BUNDLE_NAME_MAX + 1];
	enum bundle_kind kind;
	uint8_t sha256[DIGEST_MAX_BYTES];
};

struct bundle_manifest {
	char channel[BUNDLE_CHANNEL_MAX + 1];
	int64_t serial;
	int64_t created_sec;       /* since 1970 UTC */
	int64_t expires_sec;       /* 0: never */
	char min_engine[16];       /* "": any */
	struct bundle_file *files; /* owned; no two of one name */
	size_t n_files;
};

#define BUNDLE_MANIFEST_NULL                                                           \
	{                                                                              \
		0                                                                      \
	}

/**
 * bundle_manifest_parse() - read a MANIFEST
 * @file: its name in messages
 * @text: @len bytes, anything
 * @ret:  set on success only; bundle_manifest_deinit() it
 * @d:    the first error
 *
 * The form is strict, so that the same bundle cannot be read in two ways: the lines of
 * the head in their order, then one "HASH  NAME" for each file, no other byte.
 *
 * Pure but for allocation. Return: 0, -EINVAL with the reason in @d, or -ENOMEM.
 */
int bundle_manifest_parse(const char *file, const char *text, size_t len,
                          struct bundle_manifest *ret, struct diag *d);
void bundle_manifest_deinit(struct bundle_manifest *m);

/* A channel is a folder's name, too. */
bool bundle_channel_valid(const char *channel);

/* Is the version @have at least @want ("0.1", "1.2.3")? False, too, when either is no
 * version. */
bool bundle_version_at_least(const char *have, const char *want);
