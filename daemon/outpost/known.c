/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known bytes
 *
 * Owns: which contents the rules in force have found clean. Must not own: anything about files, which a server may
 * change at any time: the bytes are read and hashed each time, and only the rules are spared.
 */
#include "daemon/outpost/outpost.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_ROWS 4096 /* 160 KiB; a newer one takes the row of an older */

struct known {
	pthread_mutex_t lock;
	struct known_row {
		uint64_t size_bytes;
		uint8_t sha256[SHA256_BYTES];
		bool used;
	} row[KNOWN_ROWS];
};

struct known *known_new(void)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k)
		(void)pthread_mutex_init(&k->lock, NULL); /* cannot fail */
	return k;
}

static struct known_row *row_of(struct known *k, const uint8_t *sha256)
{
	uint32_t first;

	memcpy(&first, sha256, sizeof(first));
	return &k->row[first % KNOWN_ROWS];
}

bool known_has(struct known *k, const uint8_t sha256[SHA256_BYTES], uint64_t size_bytes)
{
	const struct known_row *row = row_of(k, sha256);
	bool has;

	(void)pthread_mutex_lock(&k->lock);
	has = row->used && row->size_bytes == size_bytes &&
	      memcmp(row->sha256, sha256, SHA256_BYTES) == 0;
	(void)pthread_mutex_unlock(&k->lock);
	return has;
}

void known_add(struct known *k, const uint8_t sha256[SHA256_BYTES], uint64_t size_bytes)
{
	struct known_row *row = row_of(k, sha256);

	(void)pthread_mutex_lock(&k->lock);
	row->used = true;
	row->size_bytes = size_bytes;
	memcpy(row->sha256, sha256, SHA256_BYTES);
	(void)pthread_mutex_unlock(&k->lock);
}
