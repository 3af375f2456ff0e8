/* SPDX-License-Identifier: Apache-2.0 */
/* Bundle state: the newest serial each key has signed, so that nothing older comes back
 */
#pragma once

#include <stdbool.h>

#include "custos/bundle-manifest.h"
#include "custos/signature.h"

#define BUNDLE_STATE_RECORDS_MAX 1024 /* keys times channels */
#define BUNDLE_STATE_BYTES_MAX   ((size_t)512 << 10)

/* A key's newest bundle in one channel. */
struct bundle_record {
	uint8_t key_id[SIGNATURE_ID_BYTES];
	char channel[BUNDLE_CHANNEL_MAX + 1];
	int64_t serial, created_sec;
	uint8_t manifest[DIGEST_MAX_BYTES]; /* SHA-256 of its MANIFEST */
};

/* Rolled back by order: no import of this serial or an older one in this channel. */
struct bundle_withdrawn {
	char channel[BUNDLE_CHANNEL_MAX + 1];
	int64_t serial;
};

struct bundle_state {
	struct bundle_record *records; /* owned */
	size_t n_records;
	struct bundle_withdrawn *withdrawn; /* owned; one for a channel at most */
	size_t n_withdrawn;
};

#define BUNDLE_STATE_NULL                                                              \
	{                                                                              \
		0                                                                      \
	}

void bundle_state_deinit(struct bundle_state *s);

/* Read the text of a state file, whose last line is a digest over all before it.
 * Return: 0, -EBADMSG when it is damaged, or -ENOMEM. */
int bundle_state_parse(const char *text, size_t len, struct bundle_state *ret);
/* Its inverse. The caller frees *ret. Return: 0 or -ENOMEM. */
int bundle_state_format(const struct bundle_state *s, char **ret, size_t *ret_len);

/**
 * bundle_state_load() - read the file `state` of a folder
 *
 * Return: 0, -ENOENT when there is none, -EBADMSG when it is damaged, or another
 * negative errno.
 */
int bundle_state_load(int dirfd, struct bundle_state *ret);
/* Replace it as a whole: after a crash there is the old or the new one. */
int bundle_state_store(int dirfd, const struct bundle_state *s);

/* Note that @key_id signed this. Serial and time of a record never go down. Return: 0,
 * -ENOMEM, or -E2BIG past BUNDLE_STATE_RECORDS_MAX. */
int bundle_state_note(struct bundle_state *s, const uint8_t key_id[SIGNATURE_ID_BYTES],
                      const struct bundle_manifest *m,
                      const uint8_t sha256[DIGEST_MAX_BYTES]);
/* Set (or with serial 0: lift) what was withdrawn in a channel. Return: as note. */
int bundle_state_withdraw(struct bundle_state *s, const char *channel, int64_t serial);
int64_t bundle_state_withdrawn(const struct bundle_state *s,
                               const char *channel); /* 0: nothing */
